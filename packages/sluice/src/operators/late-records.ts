import type { Counter, OperatorContext, RecordReceiver } from './operator.ts'

/** Where records go that no window takes. All are counted; late ones go to the side output for late data if there is one. */
export class LateRecords {
  readonly #late: RecordReceiver | undefined
  readonly #count: Counter
  readonly #outside: Counter

  constructor(context: OperatorContext, lateTag: string | undefined) {
    this.#late = lateTag === undefined ? undefined : context.sideOutput(lateTag)
    this.#count = context.counter('lateRecords')
    this.#outside = context.counter('recordsOutsideWindows')
  }

  /** Every window of the record is gone. */
  onLate(value: unknown, timestamp: number): void {
    this.#count.add(1)
    this.#late?.onRecord(value, timestamp)
  }

  /** The record lies between windows that leave gaps. */
  onOutside(): void {
    this.#outside.add(1)
  }
}
