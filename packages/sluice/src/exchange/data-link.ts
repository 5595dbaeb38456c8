/**
 * A two-way, ordered, reliable path for frames between two slots: a message port between threads, a socket between machines,
 * a pair of queues inside one thread.
 */
import type { EngineError } from '../base/errors.ts'
import type { ControlElement } from '../stream/element.ts'

/** Channels between two slots share one link and are told apart by number. */
export type DataFrame =
  | { readonly kind: 'batch'; readonly channel: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'control'; readonly channel: number; readonly element: ControlElement }
  /** The consumer took batches: that many more may come, with so many records each from now on; without `recordsMax` as before. */
  | { readonly kind: 'credit'; readonly channel: number; readonly batches: number; readonly recordsMax?: number }

export interface DataLink {
  /** The bytes of a batch frame belong to the link afterwards. */
  post(frame: DataFrame): void
  /** Sets the one receiver; frames that came before are delivered then. */
  receive(onFrame: (frame: DataFrame) => void): void
  /** Idempotent. */
  close(): void
  /** Sets who is told, once and in a later turn, that the link broke: nothing arrives any more. A path that cannot break alone has none. */
  onBroken?(listener: (error: EngineError) => void): void
}
