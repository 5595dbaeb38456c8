import type { Counter, OperatorContext, RecordReceiver } from './operator.ts'

/** Where records go that no window takes: the side output for late data, or a counter. Nothing is dropped uncounted. */
export class LateRecords {
  readonly #late: RecordReceiver | undefined
  readonly #dropped: Counter
  readonly #outside: Counter

  constructor(context: OperatorContext, lateTag: string | undefined) {
    this.#late = lateTag === undefined ? undefined : context.sideOutput(lateTag)
    this.#dropped = context.counter('lateRecords')
    this.#outside = context.counter('recordsOutsideWindows')
  }

  /** Every window of the record is gone. */
  onLate(value: unknown, timestamp: number): void {
    if (this.#late === undefined) this.#dropped.add(1)
    else this.#late.onRecord(value, timestamp)
  }

  /** The record lies between windows that leave gaps. */
  onOutside(): void {
    this.#outside.add(1)
  }
}
