/**
 * A channel carries elements from one producer subtask to one consumer subtask, in order.
 *
 * Owns: the two ends as interfaces. Implementations: local-channel (same thread, objects) and remote-channel (other thread or
 * process, bytes); both pass channel-conformance.
 *
 * H1 Elements arrive once each and in the order sent.
 * H2 At most `credits` batches are on their way or waiting; a producer that sends more is a bug of the producer's task (it may overdraw within one
 *    record or one firing timer, see `BATCHES_OVERDRAFT_MAX`).
 * H3 Control elements need no credit; there are few of them (one barrier per pending checkpoint, watermarks by interval).
 */
import type { RecordBatch, StreamElement, ControlElement } from '../stream/element.ts'

/** The producer's end. */
export interface OutputChannel {
  /** Records that the next batch may have: less where the consumer is slow or records are large. */
  readonly recordsMax: number
  /** The batch belongs to the channel afterwards. */
  sendBatch(batch: RecordBatch): void
  sendControl(element: ControlElement): void
  close(): void
}

/** The consumer's end. */
export interface InputChannel {
  /** Takes the next element; a taken batch gives its credit back. */
  poll(): StreamElement | undefined
  hasNext(): boolean
  /** Called whenever an element arrives in an empty channel. */
  onAvailable(notify: () => void): void
  close(): void
}

/** More than this beyond the credits is no overdraft of one record but a lost pause. */
export const BATCHES_OVERDRAFT_MAX = 100_000
