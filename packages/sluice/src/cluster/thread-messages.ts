/** What the main thread and a slot thread say to each other; see docs/spec/slot-threads.md. */
import type { MessagePort } from 'node:worker_threads'
import type { ErrorData } from '../base/errors.ts'
import type { SlotIndex } from '../base/ids.ts'
import type { OptionLayer } from '../config/option-layers.ts'
import type { RawParams } from '../config/param.ts'
import type { FromSlot, ToSlot } from '../control/messages.ts'

/** From what every thread builds the same graph. */
export interface JobOrigin {
  /** Address of the job module. */
  readonly url: string
  readonly params: RawParams
  /** Stronger than what the job sets, strongest first. */
  readonly layers: readonly OptionLayer[]
}

export interface ThreadData {
  readonly slot: SlotIndex
  readonly origin: JobOrigin
  readonly vitals: SharedArrayBuffer
}

export interface LinkPort {
  readonly slot: SlotIndex
  readonly port: MessagePort
}

export type ToThread =
  /** Where checkpoints are kept; undefined when checkpointing is off. Sent once. */
  | { readonly kind: 'attach'; readonly storageRoot: string | undefined }
  /** `links` go with `deploy` only. */
  | { readonly kind: 'message'; readonly message: ToSlot; readonly links: readonly LinkPort[] }

export type FromThread =
  | { readonly kind: 'message'; readonly message: FromSlot }
  | { readonly kind: 'print'; readonly lines: readonly string[] }
  | { readonly kind: 'load-failed'; readonly error: ErrorData }
