/** An output of a job under test: what a sink would get. */
import type { Sink, SinkContext, SinkWriter } from '../connector/sink.ts'
import { copyOf, type OutputRecord } from './operator-script.ts'

/** What came out so far, in the order in which it came. */
export interface HarnessOutput<T> {
  /** Records with their timestamps, milliseconds or NO_TIMESTAMP. */
  readonly records: readonly OutputRecord<T>[]
  readonly values: readonly T[]
  /** What came since the last `take`. */
  take(): readonly OutputRecord<T>[]
}

/** `one-record-at-a-time`: after each record the sink takes none until everything in front of it has seen that. */
export type OutputPace = 'free' | 'one-record-at-a-time'

export class TestOutput implements HarnessOutput<unknown> {
  readonly name: string
  readonly #pace: OutputPace
  readonly #records: OutputRecord<unknown>[] = []
  #taken = 0

  constructor(name: string, pace: OutputPace) {
    this.name = name
    this.#pace = pace
  }

  get records(): readonly OutputRecord<unknown>[] {
    return this.#records
  }

  get values(): readonly unknown[] {
    return this.#records.map(({ value }) => value)
  }

  take(): readonly OutputRecord<unknown>[] {
    const taken = this.#records.slice(this.#taken)
    this.#taken = this.#records.length
    return taken
  }

  sink(): Sink<unknown> {
    return Object.freeze<Sink<unknown>>({
      kind: 'test',
      identity: this.name,
      prepare: async () => {},
      createWriter: (context) => this.#writer(context),
      createCommitter: () => undefined,
    })
  }

  #writer(context: SinkContext): SinkWriter<unknown, unknown, unknown> {
    let isBlocked = false
    return {
      write: (value, timestamp) => {
        this.#records.push({ value: copyOf(value), timestamp })
        if (this.#pace === 'free') return
        isBlocked = true
        context.env.turns.next(() => {
          isBlocked = false
          context.wake()
        })
      },
      isBlocked: () => isBlocked,
      snapshot: async () => ({ committables: [], states: [] }),
      close: async () => {},
    }
  }
}
