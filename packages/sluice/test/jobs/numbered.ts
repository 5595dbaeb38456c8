/**
 * Numbers the records of each key: the output holds `{ key, n }` for n = 1, 2, …, each once. A lost record shows as a missing last number,
 * a repeated one as a number twice, lost state as a number that starts again.
 */
import { closeSync, openSync } from 'node:fs'
import { datagenSource, defineJob, param, recordType, valueState } from 'sluice'
import { jsonLinesSink } from 'sluice/files'

interface Numbered {
  readonly key: number
  readonly n: number
}

const KEYS = 100

const params = {
  output: param.path(),
  count: param.integer(100_000),
  rate: param.number().optional(),
  /** What happens at the record with this index, once: the marker file tells whether it has happened. */
  fault: param.choice(['none', 'exit', 'throw', 'hang'], 'none'),
  faultAt: param.integer(0),
  marker: param.path('unused'),
}

export default defineJob('numbered', { params }, (env, { output, count, rate, fault, faultAt, marker }) => {
  env.enableCheckpointing('100ms')
  const source = datagenSource({
    generate: (index) => index,
    count,
    splits: 4,
    ...(rate === undefined ? {} : { ratePerSecond: rate }),
  })
  env
    .fromSource(source)
    .uid('numbers')
    .map((index) => {
      if (fault !== 'none' && index === faultAt && isFirst(marker)) breakNow(fault)
      return index
    })
    .keyBy((index) => index % KEYS)
    .process({
      emits: recordType<Numbered>(),
      state: { n: valueState<number>('n', 0) },
      onRecord(_index, ctx) {
        const n = ctx.state.n.value() + 1
        ctx.state.n.update(n)
        ctx.emit({ key: ctx.key, n })
      },
    })
    .uid('numbering')
    .sinkTo(jsonLinesSink(output))
    .uid('out')
})

function isFirst(marker: string): boolean {
  try {
    closeSync(openSync(marker, 'wx'))
    return true
  } catch {
    return false // it is there: this thread or another one was first
  }
}

function breakNow(fault: 'exit' | 'throw' | 'hang'): void {
  if (fault === 'exit') process.exit(7)
  if (fault === 'throw') throw new Error('on purpose')
  for (;;);
}
