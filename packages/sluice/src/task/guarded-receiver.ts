/** Stand in front of operators, and of splits of a source, whose error policy is not to fail; nothing stands in front of others. */
import type { SplitOutput } from '../connector/source.ts'
import type { RecordReceiver } from '../operators/operator.ts'
import type { GuardedErrors } from './guarded-errors.ts'

export class GuardedReceiver implements RecordReceiver {
  readonly #receiver: RecordReceiver
  readonly #errors: GuardedErrors

  constructor(receiver: RecordReceiver, errors: GuardedErrors) {
    this.#receiver = receiver
    this.#errors = errors
  }

  onRecord(value: unknown, timestamp: number): void {
    try {
      this.#receiver.onRecord(value, timestamp)
    } catch (thrown) {
      this.#errors.onThrown(thrown, value, timestamp)
    }
  }
}

export class GuardedSplit implements SplitOutput<unknown> {
  readonly #split: SplitOutput<unknown>
  readonly #errors: GuardedErrors

  constructor(split: SplitOutput<unknown>, errors: GuardedErrors) {
    this.#split = split
    this.#errors = errors
  }

  emit(value: unknown, timestamp: number): void {
    try {
      this.#split.emit(value, timestamp)
    } catch (thrown) {
      this.#errors.onThrown(thrown, value, timestamp)
    }
  }
}
