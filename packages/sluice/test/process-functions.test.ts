/** Process functions in whole jobs, under crashes, other faults and changes of parallelism: what they keep is counted once. */
import { expect, test } from 'vitest'
import { average } from '../src/api/aggregates.ts'
import { defineJob } from '../src/api/define-job.ts'
import { recordType } from '../src/api/record-type.ts'
import { jsonLinesSink } from '../src/connector/file-sink.ts'
import { jsonLinesSource } from '../src/connector/text-source.ts'
import { aggregatingState, listState, mapState, reducingState, valueState } from '../src/state/descriptors.ts'
import { operatorListState } from '../src/state/operator-descriptors.ts'
import { simulate } from '../src/testing/simulator.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'

interface Reading {
  readonly device: string
  readonly n: number
  readonly timeMs: number
}

const INPUT = 'readings.jsonl'
const READINGS = Array.from({ length: 400 }, (_, n): Reading => ({ device: `d${n % 7}`, n, timeMs: n * 1000 }))
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8]

/** `kept`: every tenth reading, held by the subtasks until the end. `devices`: one line per device, from state of every kind. */
const job = defineJob('process-functions', (env) => {
  const strategy = WatermarkStrategy.forMonotonousTimestamps<Reading>().withTimestamp((reading) => reading.timeMs)
  const readings = env.fromSource(jsonLinesSource<Reading>(INPUT), strategy).uid('readings')
  readings
    .process({
      emits: recordType<number>(),
      operatorState: { kept: operatorListState<number>('kept') },
      onRecord(reading, ctx) {
        if (reading.n % 10 === 0) ctx.operatorState.kept.add(reading.n)
      },
      onEnd(ctx) {
        for (const kept of ctx.operatorState.kept.get()) ctx.emit(kept)
        ctx.operatorState.kept.clear()
      },
    })
    .uid('keeper')
    .sinkTo(jsonLinesSink('kept'))
    .uid('kept')
  const ttl = { after: '1d', time: 'event' } as const
  readings
    .keyBy((reading) => reading.device)
    .process({
      emits: recordType<unknown>(),
      state: {
        last: valueState<number>('last', undefined, { ttl }),
        recent: listState<number>('recent', { ttl: { after: '50s', time: 'event' } }),
        byTen: mapState<number, number>('byTen', { ttl }),
        total: reducingState<number>('total', (a, b) => a + b, { ttl }),
        mean: aggregatingState(
          'mean',
          average((n: number) => n),
        ),
      },
      onRecord({ n, timeMs }, ctx) {
        const { last, recent, byTen, total, mean } = ctx.state
        const lastMs = last.value()
        if (lastMs !== undefined) ctx.deleteEventTimeTimer(lastMs + 40_000)
        last.update(timeMs)
        recent.add(n)
        byTen.put(n % 10, (byTen.get(n % 10) ?? 0) + 1)
        total.add(n)
        mean.add(n)
        ctx.registerEventTimeTimer(timeMs + 40_000)
      },
      onTimer(_timestampMs, ctx) {
        const { recent, byTen, total, mean } = ctx.state
        const tens = [...byTen.entries()].toSorted(([a], [b]) => a - b)
        ctx.emit([ctx.key, recent.get().toSorted((a, b) => a - b), tens, total.get(), mean.get()])
      },
    })
    .uid('devices')
    .sinkTo(jsonLinesSink('devices'))
    .uid('devices-out')
})

/** The same from the whole input at once. What came within 50 seconds before the timer is 40 seconds behind the last reading, is recent. */
function expectedDevices(): string[] {
  const byDevice = Map.groupBy(READINGS, ({ device }) => device)
  return [...byDevice].map(([device, readings]) => {
    const numbers = readings.map(({ n }) => n)
    const firedMs = Math.max(...readings.map(({ timeMs }) => timeMs)) + 40_000
    const recent = readings.filter(({ timeMs }) => timeMs + 50_000 > firedMs).map(({ n }) => n)
    const tens = [...Map.groupBy(numbers, (n) => n % 10)].map(([ten, ofTen]) => [ten, ofTen.length] as const)
    const total = numbers.reduce((a, b) => a + b)
    return JSON.stringify([device, recent, tens.toSorted(([a], [b]) => a - b), total, total / numbers.length])
  })
}

test.each(SEEDS)(
  'state of every kind, timers and operator state survive what seed %i does to the job',
  async (seed) => {
    const files = { [INPUT]: READINGS.map((reading) => `${JSON.stringify(reading)}\n`).join('') }
    const { output } = await simulate(job, { seed, files })
    const kept = READINGS.filter(({ n }) => n % 10 === 0).map(({ n }) => String(n))
    expect(output.get('/kept')?.toSorted()).toEqual(kept.toSorted())
    expect(output.get('/devices')?.toSorted()).toEqual(expectedDevices().toSorted())
  },
)
