/**
 * Numbers on every way from one parallelism to another, over three slot-sharing groups. Each folder of the output holds every number `way` and `n`
 * once, that of the broadcast as often as it has subtasks.
 */
import { closeSync, openSync } from 'node:fs'
import { datagenSource, defineJob, param, type DataStream } from 'sluice'
import { jsonLinesSink } from 'sluice/files'

const params = {
  output: param.path(),
  count: param.integer(1000),
  rate: param.integer(2000),
  producers: param.integer(2),
  consumers: param.integer(3),
  /** Created when a slot thread ends in the middle, so that it happens once. */
  marker: param.path(),
}

const WAYS: Readonly<Record<string, (numbers: DataStream<number>) => DataStream<number>>> = {
  rebalance: (numbers) => numbers.rebalance(),
  rescale: (numbers) => numbers.rescale(),
  shuffle: (numbers) => numbers.shuffle(),
  global: (numbers) => numbers.global(),
  custom: (numbers) => numbers.partitionCustom((n, count) => n % count),
  broadcast: (numbers) => numbers.broadcast(),
}

export default defineJob('distribution', { params }, (env, { output, count, rate, producers, consumers, marker }) => {
  env.enableCheckpointing('50ms')
  const source = datagenSource({ generate: (index) => index, count, splits: 4, ratePerSecond: rate })
  const numbers = env.fromSource(source).uid('numbers').setParallelism(producers)
  for (const [way, distribute] of Object.entries(WAYS)) {
    distribute(numbers)
      .map((n) => {
        if (way === 'custom' && n === Math.floor(count / 2) && isFirst(marker)) process.exit(7)
        return { way, n }
      })
      .name(way)
      .setParallelism(consumers)
      .slotSharingGroup('receiving')
      .sinkTo(jsonLinesSink(`${output}/${way}`))
      .uid(`${way}-out`)
      .setParallelism(consumers)
      .slotSharingGroup(way === 'global' ? 'writing' : 'receiving')
  }
})

function isFirst(marker: string): boolean {
  try {
    closeSync(openSync(marker, 'wx'))
    return true
  } catch {
    return false
  }
}
