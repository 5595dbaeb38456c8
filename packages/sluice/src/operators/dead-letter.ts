import type { ErrorCode } from '../base/error-codes.ts'

/** A record that an operator or sink could not process, on the side output that its error policy names. Plain encodable data. */
export interface DeadLetterRecord<T = unknown> {
  /** The record as it came in; undefined when a timer could not be handled. */
  readonly value: T | undefined
  /** Of the record or timer: milliseconds, or NO_TIMESTAMP. */
  readonly timestamp: number
  readonly error: {
    readonly code: ErrorCode
    readonly message: string
    /** What the user's function threw, with its stack; undefined when nothing was thrown. */
    readonly cause: string | undefined
  }
  /** uid of the operator. */
  readonly operator: string
  /** From 0. */
  readonly subtask: number
  /** Where the record was read, as its source words it (file and offset, row, number); undefined where no source is in the same task. */
  readonly position: string | undefined
}
