/**
 * Watches this machine: CPU and memory every 100 ms, averages over the last 10 seconds every second, and an alert that is raised above
 * one threshold and cleared below another.
 *
 *   npm run sluice -- run examples/host-monitor.ts --param seconds=20
 */
import { average, defineJob, param, recordType, SlidingEventTimeWindows, valueState, WatermarkStrategy } from 'sluice'
import { hostMetricsSource, type HostSample } from './host-monitor/source.ts'

/** A burst shorter than this raises no alert. */
const RAISE_AFTER_MS = 2000
const RAISE_ABOVE = 0.8
const CLEAR_BELOW = 0.6

interface Alert {
  readonly metric: string
  readonly alert: 'raised' | 'cleared'
  readonly at: string
  readonly value: number
}

const params = {
  seconds: param.number(30),
  sampleMs: param.integer(100),
  raiseAbove: param.number(RAISE_ABOVE),
  clearBelow: param.number(CLEAR_BELOW),
}

export default defineJob('host-monitor', { params }, (env, { seconds, sampleMs, raiseAbove, clearBelow }) => {
  env.enableCheckpointing('1s')
  const sampled = WatermarkStrategy.forMonotonousTimestamps<HostSample>().withTimestamp((sample) => sample.timeMs)
  // One machine, one sequence of samples: the source has one subtask whatever the job's parallelism.
  const samples = env.fromSource(hostMetricsSource({ seconds, sampleMs }), sampled).uid('samples').setParallelism(1)
  const byMetric = samples.keyBy((sample) => sample.metric)

  byMetric
    .window(SlidingEventTimeWindows.of('10s', '1s'))
    .aggregate(
      average((sample) => sample.value),
      (metric, window, mean) => ({
        metric,
        until: new Date(window.end).toISOString(),
        mean: Math.round(mean * 1000) / 1000,
      }),
    )
    .name('mean of 10 s')
    .uid('mean-10s')
    .print()
    .uid('means-out')

  byMetric
    .process({
      emits: recordType<Alert>(),
      state: {
        isRaised: valueState<boolean>('isRaised', false),
        /** When the alert is due while the metric stays above the threshold; 0 when it is below. */
        dueAtMs: valueState<number>('dueAtMs', 0),
        last: valueState<number>('last', 0),
      },
      onRecord({ value, timeMs }, ctx) {
        const { isRaised, dueAtMs, last } = ctx.state
        last.update(value)
        if (!isRaised.value() && value > raiseAbove && dueAtMs.value() === 0) {
          dueAtMs.update(timeMs + RAISE_AFTER_MS)
          ctx.registerEventTimeTimer(timeMs + RAISE_AFTER_MS)
        }
        if (value <= raiseAbove && dueAtMs.value() !== 0) {
          ctx.deleteEventTimeTimer(dueAtMs.value())
          dueAtMs.update(0)
        }
        if (isRaised.value() && value < clearBelow) {
          isRaised.update(false)
          ctx.emit({ metric: ctx.key, alert: 'cleared', at: new Date(timeMs).toISOString(), value })
        }
      },
      onTimer(timestampMs, ctx) {
        ctx.state.dueAtMs.update(0)
        ctx.state.isRaised.update(true)
        ctx.emit({
          metric: ctx.key,
          alert: 'raised',
          at: new Date(timestampMs).toISOString(),
          value: ctx.state.last.value(),
        })
      },
    })
    .name('alerts')
    .uid('alerts')
    .print()
    .uid('alerts-out')
})
