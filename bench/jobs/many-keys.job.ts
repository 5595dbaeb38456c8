/** Row checkpoint: first every key once, then keys in pseudo-random order for ever. Logs how time passes inside the slot thread. */
import {
  datagenSource,
  defineJob,
  param,
  valueState,
  type KeyedProcessContext,
} from '../../packages/sluice/src/index.ts'
import { measuringSink } from '../workload/measuring-sink.ts'
import { mixed } from '../workload/events.ts'
import { PauseLog, type PauseReport } from '../workload/pause-log.ts'

interface Reading {
  readonly key: string
  readonly value: number
}

interface Totals {
  count: number
  sum: number
}

const STATE = { totals: valueState<Totals>('totals') }
const log = new PauseLog()

export default defineJob(
  'bench-many-keys',
  { params: { keys: param.integer(), results: param.path() } },
  (env, { keys, results }) => {
    env
      .fromSource(datagenSource({ generate: (index) => generate(index, keys) }))
      .uid('readings')
      .keyBy((reading) => reading.key)
      .process<never, typeof STATE>({ state: STATE, onRecord: onReading })
      .uid('totals')
      .sinkTo(measuringSink<never>(results, () => ({ add() {}, report: (): PauseReport => log.report() })))
      .uid('none')
  },
)

function generate(index: number, keys: number): Reading {
  log.record()
  if (index === keys) log.loaded()
  return { key: `key-${index < keys ? index : mixed(index) % keys}`, value: index & 1023 }
}

function onReading({ value }: Reading, context: KeyedProcessContext<string, typeof STATE, never>): void {
  const totals = context.state.totals.value()
  if (totals === undefined) context.state.totals.update({ count: 1, sum: value })
  else {
    totals.count++
    totals.sum += value
  }
}
