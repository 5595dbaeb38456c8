/** Where an operator's records go inside a chain: one next operator or edge, several, or nobody. */
import type { Counter, RecordReceiver } from '../operators/operator.ts'

/** One receiver is called directly; several through a fan-out; none discards. */
export function receiverFor(targets: readonly RecordReceiver[], discarded: () => Counter): RecordReceiver {
  const [first, ...others] = targets
  if (first === undefined) return new Discard(discarded)
  return others.length === 0 ? first : new FanOut(targets)
}

class FanOut implements RecordReceiver {
  readonly #targets: readonly RecordReceiver[]

  constructor(targets: readonly RecordReceiver[]) {
    this.#targets = targets
  }

  onRecord(value: unknown, timestamp: number): void {
    for (let i = 0; i < this.#targets.length; i++) this.#targets[i]?.onRecord(value, timestamp)
  }
}

/** Output that nobody reads: counted, so that it is visible. */
class Discard implements RecordReceiver {
  readonly #createCounter: () => Counter
  #counter: Counter | undefined

  constructor(createCounter: () => Counter) {
    this.#createCounter = createCounter
  }

  onRecord(): void {
    this.#counter ??= this.#createCounter()
    this.#counter.add(1)
  }
}
