/**
 * History, then live numbers, aligned with a second source, through an asynchronous function whose service fails now and then and for some numbers
 * always: those are dead letters. One slot thread ends in the middle.
 */
import { closeSync, openSync } from 'node:fs'
import {
  AsyncDataStream,
  AsyncRetryStrategies,
  collectionSource,
  datagenSource,
  defineJob,
  HybridSource,
  outputTag,
  param,
  WatermarkStrategy,
  type DeadLetterRecord,
} from 'sluice'
import { jsonLinesSink } from 'sluice/files'

const params = {
  output: param.path(),
  history: param.integer(300),
  count: param.integer(1000),
  rate: param.integer(1000),
  /** Created when a slot thread ends in the middle, so that it happens once. */
  marker: param.path(),
}

const refused = outputTag<DeadLetterRecord<number>>('refused')

export default defineJob('unsteady-services', { params }, (env, { output, history, count, rate, marker }) => {
  env.enableCheckpointing('50ms')
  const strategy = WatermarkStrategy.forBoundedOutOfOrderness<number>('1s')
    .withTimestamp((n) => n)
    .withWatermarkAlignment('all', '200ms', '20ms')
  const source = HybridSource.builder<number>(collectionSource(Array.from({ length: history }, (_, n) => n)))
    .addSource(datagenSource({ generate: (index) => history + index, count: count - history, splits: 3 }))
    .build()
  env
    .fromSource(datagenSource({ generate: (index) => index, count }), strategy, { uid: 'clock', rateLimit: rate })
    .map((n) => ({ n }))
    .sinkTo(jsonLinesSink(`${output}/clock`))
    .uid('clock-out')
  const numbers = env.fromSource(source, strategy, { uid: 'numbers', rateLimit: rate }).rebalance()
  const answers = AsyncDataStream.unorderedWait(numbers, ask, {
    timeout: '1m',
    capacity: 20,
    retry: AsyncRetryStrategies.fixedDelay({ attempts: 2, delay: '5ms' }),
  })
    .uid('answers')
    .onError(refused)
  answers
    .partitionCustom((n, partitions) => n % partitions)
    .map((n) => {
      if (n === Math.floor(count / 2) && isFirst(marker)) process.exit(7)
      return { n }
    })
    .sinkTo(jsonLinesSink(`${output}/answers`))
    .uid('answers-out')
  answers
    .getSideOutput(refused)
    .map(({ value }) => ({ n: value }))
    .sinkTo(jsonLinesSink(`${output}/refused`))
    .uid('refused-out')
})

async function ask(n: number, { attempt }: { readonly attempt: number }): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, n % 20))
  if (n % 10 === 7) throw new RangeError(`${n} is refused`)
  if (n % 9 === 0 && attempt === 1) throw new Error('busy')
  return n
}

function isFirst(marker: string): boolean {
  try {
    closeSync(openSync(marker, 'wx'))
    return true
  } catch {
    return false
  }
}
