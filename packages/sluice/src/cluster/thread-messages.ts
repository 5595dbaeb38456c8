/** What the main thread and a slot thread say to each other; see docs/spec/slot-threads.md. */
import type { MessagePort } from 'node:worker_threads'
import type { NetworkAddress } from '../base/env.ts'
import type { ErrorData } from '../base/errors.ts'
import type { AllocationId, SlotIndex } from '../base/ids.ts'
import type { OptionLayer } from '../config/option-layers.ts'
import type { RawParams } from '../config/param.ts'
import type { FromSlot, ToSlot } from '../control/messages.ts'
import type { TlsOptions } from './node-network.ts'

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

/** What a slot of a cluster needs to exchange data with slots of other processes. */
export interface ThreadNetwork {
  readonly allocation: AllocationId
  /** Where others connect: the address of the machine. */
  readonly host: string
  /** Where it listens: the same, or every address of the machine. */
  readonly listenHost: string
  /** 0: any free one. */
  readonly port: number
  /** In the clear: it stays in the process. */
  readonly secret: string | undefined
  readonly tls: TlsOptions | undefined
  readonly frameBytesMax: number
}

export interface Attachment {
  /** Where checkpoints are kept; undefined when checkpointing is off. */
  readonly storageRoot: string | undefined
  /** Undefined where all slots of the job are in this process. */
  readonly network?: ThreadNetwork
  /** Where local copies of checkpoints are kept, if the job wants them; absent in embedded runs. */
  readonly copyFolder?: string
}

export type ToThread =
  /** Sent once. */
  | { readonly kind: 'attach'; readonly attachment: Attachment }
  /** `links` go with `deploy` only. */
  | { readonly kind: 'message'; readonly message: ToSlot; readonly links: readonly LinkPort[] }

export type FromThread =
  | { readonly kind: 'message'; readonly message: FromSlot }
  /** Before `ready`: where data connections arrive. */
  | { readonly kind: 'listening'; readonly data: NetworkAddress }
  | { readonly kind: 'print'; readonly lines: readonly string[] }
  /** For the log of the process. */
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'load-failed'; readonly error: ErrorData }
