/**
 * The job that `npm run chaos` disturbs: a counter and a sum per key, with so much beside them that the state is as large as asked for.
 *
 * Record `index` belongs to key `index % keys`; the number of its occurrence and the sum so far follow from the index alone
 * (scripts/chaos-output.ts computes them again). Two sinks: exactly-once files, and a pulse that is only for measuring.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { datagenSource, defineJob, param, recordType, valueState, type Sink, type SinkWriter } from 'sluice'
import { jsonLinesSink } from 'sluice/files'
import { SPLITS, valueOf, type CountedLine } from './chaos-output.ts'

interface Total {
  readonly n: number
  readonly sum: number
  readonly ballast: string
}

const params = {
  output: param.path(),
  pulse: param.path(),
  rate: param.number(),
  /** A multiple of the number of splits, so that all records of a key are of one split and in order. */
  keys: param.integer(),
  /** Characters of state per key. */
  valueSize: param.integer(),
  interval: param.duration('1s'),
}

export default defineJob('chaos-keyed', { params }, (env, { output, pulse, rate, keys, valueSize, interval }) => {
  env.enableCheckpointing(interval, { mode: 'exactly-once' })
  const counted = env
    .fromSource(datagenSource({ generate: (index) => index, splits: SPLITS, ratePerSecond: rate }))
    .uid('numbers')
    .keyBy((index) => index % keys)
    .process({
      emits: recordType<CountedLine>(),
      state: { total: valueState<Total>('total') },
      onRecord(index, ctx) {
        const before = ctx.state.total.value()
        const n = (before?.n ?? 0) + 1
        const sum = (before?.sum ?? 0) + valueOf(index)
        ctx.state.total.update({ n, sum, ballast: String(index).padStart(valueSize, '0') })
        ctx.emit({ index, n, sum })
      },
    })
    .uid('counting')
  counted.sinkTo(jsonLinesSink(output)).uid('out')
  counted.sinkTo(pulseSink(pulse)).uid('pulse')
})

/** Writes down when each writer had its first record, and at each checkpoint how far the records before it went. */
function pulseSink(folder: string): Sink<CountedLine, never, never> {
  return {
    kind: 'pulse',
    identity: folder,
    prepare: async () => {},
    createWriter: ({ incarnation, subtask }) => new PulseWriter(folder, `${incarnation}_${subtask}`),
    createCommitter: () => undefined,
  }
}

class PulseWriter implements SinkWriter<CountedLine, never, never> {
  readonly #folder: string
  readonly #name: string
  readonly #last: number[] = Array.from({ length: SPLITS }, () => -1)
  #hasRecord = false

  constructor(folder: string, name: string) {
    this.#folder = folder
    this.#name = name
    mkdirSync(folder, { recursive: true })
  }

  write({ index }: CountedLine): void {
    if (!this.#hasRecord) this.#beat()
    this.#last[index % SPLITS] = index
  }

  isBlocked(): boolean {
    return false
  }

  async snapshot(
    checkpoint: number,
  ): Promise<{ readonly committables: readonly never[]; readonly states: readonly never[] }> {
    writeFileSync(join(this.#folder, `${checkpoint}_${this.#name}.last`), JSON.stringify(this.#last))
    return { committables: [], states: [] }
  }

  async close(): Promise<void> {}

  #beat(): void {
    this.#hasRecord = true
    writeFileSync(join(this.#folder, `${this.#name}.first`), String(Date.now()))
  }
}
