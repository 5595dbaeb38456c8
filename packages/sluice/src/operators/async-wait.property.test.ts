/** Asynchronous functions on random scripts: nothing is lost, repeated or brought across a watermark, in every way of the harness. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MIN_WATERMARK } from '../stream/element.ts'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, processingTime, record, watermark, type ScriptStep } from '../testing/operator-script.ts'
import { asyncDefinition, type AsyncOrder } from './async-definition.ts'
import { AsyncRetryStrategies } from './async-retry.ts'
import { asyncWaitOperator } from './async-wait.ts'

interface Item {
  readonly n: number
  /** Tries that fail before the one that does not, each 10 ms before the next. */
  readonly failures: number
}

type Move =
  | { readonly kind: 'record'; readonly failures: number }
  | { readonly kind: 'watermark' }
  | { readonly kind: 'time' }

const moves = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('record' as const), failures: fc.nat({ max: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('watermark' as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const) }) },
  ),
  { maxLength: 40 },
)

function scriptOf(moves: readonly Move[]): ScriptStep[] {
  let [n, time, nowMs] = [0, 0, 0]
  const steps = moves.map((move): ScriptStep => {
    if (move.kind === 'time') return processingTime((nowMs += 10))
    if (move.kind === 'watermark') return watermark((time += 100))
    return record({ n: n++, failures: move.failures } satisfies Item, time + 50)
  })
  return [...steps, processingTime(nowMs + 1000), endOfInput()]
}

function operatorOf(order: AsyncOrder, capacity: number) {
  const request = async ({ n, failures }: Item, { attempt }: { readonly attempt: number }): Promise<number> => {
    if (attempt <= failures) throw new RangeError('busy')
    return n
  }
  const retry = AsyncRetryStrategies.fixedDelay({ attempts: 3, delay: '10ms' })
  return asyncWaitOperator(asyncDefinition(order, request, { timeout: '1d', capacity, retry }))
}

test.each(['ordered', 'unordered'] as const)('%s', async (order) => {
  await fc.assert(
    fc.asyncProperty(moves, fc.integer({ min: 1, max: 5 }), async (moves, capacity) => {
      const script = scriptOf(moves)
      const output = await testOperator(operatorOf(order, capacity), script)
      const given = script.flatMap((step) => (step.kind === 'record' ? [step.timestamp] : []))
      const records = output.records.map(({ value, timestamp }) => ({ n: Number(value), timestamp }))
      expect(records.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(given.map((_, n) => n))
      for (const { n, timestamp } of records) expect(timestamp).toBe(given[n])
      // the watermark counts up between the records, and so do their timestamps: no record left in front of one of an earlier segment
      const segments = records.map(({ timestamp }) => Math.max(timestamp, MIN_WATERMARK))
      expect(segments).toEqual(segments.toSorted((a, b) => a - b))
      if (order === 'ordered') expect(records.map(({ n }) => n)).toEqual(given.map((_, n) => n))
    }),
    { numRuns: 60 },
  )
})

test('requests under way behind one that was never made, as a rescaling may bring them together, let it go first', async () => {
  const failing: Move = { kind: 'record', failures: 1 }
  const ready: Move = { kind: 'record', failures: 0 }
  const output = await testOperator(operatorOf('ordered', 1), scriptOf([ready, failing, failing, ready]))
  expect(output.values).toEqual([0, 1, 2, 3])
})
