/**
 * The error policy of one operator, sink or source where it is not to fail: which errors it is about, and what becomes of their records.
 *
 * Owns: telling the faults of a record from everything else that is thrown in its call. The rules are in docs/spec/errors.md.
 *
 * E1 An error of another operator passes unchanged: that has a policy of its own.
 * E2 Every record is counted once: as skipped or as dead-lettered.
 * E3 What is not the fault of a record fails the task whatever the policy says: errors of the engine and of disks, a function that returned a promise.
 */
import { EngineError, messageOf } from '../base/errors.ts'
import type { ErrorCode } from '../base/error-codes.ts'
import { DEAD_LETTER_RECORDS, SKIPPED_RECORDS, SKIPPED_TIMERS, type ErrorPolicy } from '../connector/error-policy.ts'
import type { LogicalNode } from '../graph/logical-graph.ts'
import type { DeadLetterRecord } from '../operators/dead-letter.ts'
import type { Counter, FailedRecord, RecordErrors, RecordReceiver } from '../operators/operator.ts'

export interface GuardedErrorsOptions {
  readonly kind: LogicalNode['kind']
  readonly uid: string
  readonly subtask: number
  readonly policy: Exclude<ErrorPolicy, { readonly kind: 'fail' }>
  readonly counter: (name: string) => Counter
  readonly sideOutput: (tag: string) => RecordReceiver
  /** Where the record at hand was read. */
  readonly position: () => string | undefined
}

/** Faults of a record. TSK1001 is one only where a function threw. */
const FAULTS: Readonly<Record<LogicalNode['kind'], readonly ErrorCode[]>> = {
  source: ['TSK1001', 'TIM1001'],
  operator: ['TSK1001', 'KEY1001', 'TIM1001', 'TSK1008'],
  // what else a writer throws is about the place where it writes
  sink: ['SER1001'],
}

export class GuardedErrors implements RecordErrors {
  readonly #options: GuardedErrorsOptions
  readonly #count: Counter
  #skippedTimers: Counter | undefined
  #letters: RecordReceiver | undefined

  constructor(options: GuardedErrorsOptions) {
    this.#options = options
    this.#count = options.counter(options.policy.kind === 'skip' ? SKIPPED_RECORDS : DEAD_LETTER_RECORDS)
  }

  /** For what a call with a record threw; throws it on when it is not the record's fault (E1, E3). */
  onThrown(thrown: unknown, value: unknown, timestamp: number): void {
    const { position } = this.#options
    this.onFailedRecord(this.#expectFault(thrown), { value, timestamp, position: position() })
  }

  onFailedRecord(error: EngineError, record: FailedRecord): void {
    this.#count.add(1)
    this.#sendLetter(error, record)
  }

  onFailedTimer(thrown: unknown, timestampMs: number): void {
    const error = this.#expectFault(thrown)
    const { policy, counter } = this.#options
    if (policy.kind === 'skip') (this.#skippedTimers ??= counter(SKIPPED_TIMERS)).add(1)
    else this.#count.add(1)
    this.#sendLetter(error, { value: undefined, timestamp: timestampMs, position: undefined })
  }

  #sendLetter(error: EngineError, { value, timestamp, position }: FailedRecord): void {
    const { policy, sideOutput, uid, subtask } = this.#options
    if (policy.kind === 'skip') return
    const { code, message, cause } = error
    const letter: DeadLetterRecord = {
      value,
      timestamp,
      error: { code, message, cause: causeText(cause) },
      operator: uid,
      subtask,
      position: error.context.record ?? position,
    }
    this.#letters ??= sideOutput(policy.tag)
    this.#letters.onRecord(letter, timestamp)
  }

  #expectFault(thrown: unknown): EngineError {
    if (thrown instanceof EngineError && this.#isFault(thrown)) return thrown
    throw thrown
  }

  #isFault({ code, context, cause }: EngineError): boolean {
    const { kind, uid } = this.#options
    if (!FAULTS[kind].includes(code)) return false
    // what has no operator yet is the source's: operators and edges say who they are
    if (context.operator !== uid && (kind !== 'source' || context.operator !== undefined)) return false
    return code !== 'TSK1001' || cause !== undefined
  }
}

function causeText(cause: unknown): string | undefined {
  if (cause === undefined) return undefined
  return cause instanceof Error ? (cause.stack ?? cause.message) : messageOf(cause)
}
