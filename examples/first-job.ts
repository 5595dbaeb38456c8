/**
 * The job of the README: hourly means per sensor.
 *
 *   npm run sluice -- run examples/first-job.ts
 */
import { average, defineJob, TumblingEventTimeWindows, WatermarkStrategy } from 'sluice'

const readings = [
  { sensor: 'roof', celsius: 21, timeMs: Date.UTC(2026, 5, 1, 12, 0) },
  { sensor: 'roof', celsius: 23, timeMs: Date.UTC(2026, 5, 1, 12, 40) },
  { sensor: 'cellar', celsius: 11, timeMs: Date.UTC(2026, 5, 1, 12, 20) },
  { sensor: 'roof', celsius: 19, timeMs: Date.UTC(2026, 5, 1, 13, 5) },
]

export default defineJob('first-job', (env) => {
  env.enableCheckpointing('1s')
  env
    .fromElements(...readings)
    .uid('readings')
    .assignTimestampsAndWatermarks(
      WatermarkStrategy.forBoundedOutOfOrderness<(typeof readings)[number]>('1h').withTimestamp(
        (reading) => reading.timeMs,
      ),
    )
    .keyBy((reading) => reading.sensor)
    .window(TumblingEventTimeWindows.of('1h'))
    .aggregate(
      average((reading) => reading.celsius),
      (sensor, window, celsius) => `${sensor} ${new Date(window.start).toISOString()} ${celsius} °C`,
    )
    .uid('hourly-mean')
    .print()
    .uid('out')
})
