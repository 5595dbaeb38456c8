import { expect, test } from 'vitest'
import { datagenSource } from '../src/connector/datagen-source.ts'
import { AsyncDataStream } from '../src/api/async-data-stream.ts'
import { functionSink } from '../src/connector/function-sink.ts'
import type { Sink } from '../src/connector/sink.ts'
import type { Source, SplitEnumerator } from '../src/connector/source.ts'
import { startInlineJob } from './inline-job.ts'
import { committingSink, type Committed } from './committing-sink.ts'

const never = new Promise<never>(() => {})
function hangingCommit(): Sink<number, unknown> {
  const sink = committingSink(new Map()) as Sink<number, unknown>
  return { ...sink, createCommitter: () => ({ commit: () => never }) }
}
const live = () => datagenSource({ generate: (i: number) => i })

test('cancel while a commit hangs', async () => {
  const job = await startInlineJob((env) => env.fromSource(live(), undefined, { uid: 'in', rateLimit: 10 }).sinkTo(hangingCommit()).uid('out'))
  await job.env.advanceAndSettle(5000)
  expect((await job.cancel()).state).toBe('canceled')
})
test('stop while a commit hangs', async () => {
  const job = await startInlineJob((env) => env.fromSource(live(), undefined, { uid: 'in', rateLimit: 10 }).sinkTo(hangingCommit()).uid('out'))
  await job.env.advanceAndSettle(5000)
  void job.master.stop()
  await job.env.advanceAndSettle(100_000)
  console.log(job.master.status().state, job.events.slice(-4).map((e) => JSON.stringify(e).slice(0, 200)))
  expect((await job.cancel()).state).toMatch(/canceled|stopped|failed/)
})
test('cancel while async requests are under way', async () => {
  const job = await startInlineJob((env) => AsyncDataStream.orderedWait(env.fromSource(live(), undefined, { uid: 'in', rateLimit: 10 }), () => never, { timeout: '1d', capacity: 5 }).uid('ask').sinkTo(functionSink(() => {})).uid('out'))
  await job.env.advanceAndSettle(5000)
  expect((await job.cancel()).state).toBe('canceled')
})
test('stop while async requests are under way', async () => {
  const job = await startInlineJob((env) => AsyncDataStream.orderedWait(env.fromSource(live(), undefined, { uid: 'in', rateLimit: 10 }), () => never, { timeout: '1d', capacity: 5 }).uid('ask').sinkTo(functionSink(() => {})).uid('out'))
  await job.env.advanceAndSettle(5000)
  void job.master.stop()
  expect((await job.toEnd()).state).toBe('stopped')
})
function withEnumerator<T>(source: Source<T>, change: (inner: SplitEnumerator<any, any>, context: any) => Partial<SplitEnumerator<any, any>>): Source<T> {
  return { ...source, createEnumerator: (context, restored) => {
    const inner = source.createEnumerator(context, restored)
    const base = { start: () => inner.start(), onSplitRequest: (s: number) => inner.onSplitRequest(s), addSplitsBack: (x: any, s: number) => inner.addSplitsBack(x, s), snapshot: () => inner.snapshot(), close: () => inner.close() }
    return { ...base, ...change(inner, context) }
  } }
}
test('cancel while discovery hangs', async () => {
  const job = await startInlineJob((env) => env.fromSource(withEnumerator(live(), () => ({ start: () => never })), undefined, { uid: 'in', rateLimit: 10 }).sinkTo(functionSink(() => {})).uid('out'))
  await job.env.advanceAndSettle(5000)
  console.log(job.master.status().state)
  expect((await job.cancel()).state).toBe('canceled')
})
test('cancel while close of an enumerator hangs', async () => {
  const job = await startInlineJob((env) => env.fromSource(withEnumerator(live(), () => ({ close: () => never })), undefined, { uid: 'in', rateLimit: 10 }).sinkTo(functionSink(() => {})).uid('out'))
  await job.env.advanceAndSettle(5000)
  expect((await job.cancel()).state).toBe('canceled')
})
test('a call that hangs or throws now and then', async () => {
  let calls = 0
  const job = await startInlineJob((env) => env.fromSource(withEnumerator(datagenSource({ generate: (i: number) => i, count: 50 }), (_inner, context) => {
    context.callAsync(() => never, () => {})
    context.callAsync(() => { if (++calls % 3 === 0) throw new Error('x') }, () => {}, { periodMs: 300, onError: () => {} })
    return {}
  }), undefined, { uid: 'in', rateLimit: 10 }).sinkTo(functionSink(() => {})).uid('out'))
  expect((await job.toEnd()).state).toBe('finished')
  expect(job.env.timerCount()).toBeLessThanOrEqual(1)
})
test('splits assigned behind noMoreSplits', async () => {
  const committed: Committed = new Map()
  const source = datagenSource({ generate: (i: number) => i, count: 40, splits: 2 })
  const late = withEnumerator(source, (inner, context) => {
    let held: any
    return { onSplitRequest: (s: number) => {
      inner.onSplitRequest(s)
      context.callAsync(() => 1, () => { if (held === undefined) { held = 1; context.assign(0, [{ id: 'late', next: 0, index: 7 }]) } }, { initialDelayMs: 10_000 })
    } }
  })
  const job = await startInlineJob((env) => env.fromSource(late, undefined, { uid: 'in', rateLimit: 10 }).sinkTo(committingSink(committed)).uid('out'))
  const result = await job.toEnd()
  console.log(result.state, result.failures.map((f) => f.error.code + f.error.message), [...committed.values()].flat().length)
})
test.each([Number.NaN, -5, Infinity, 0])('period %s', async (periodMs) => {
  let calls = 0
  const job = await startInlineJob((env) => env.fromSource(withEnumerator(datagenSource({ generate: (i: number) => i, count: 50 }), (_inner, context) => {
    context.callAsync(() => { calls++; if (calls > 10000) throw new Error('too many') }, () => {}, { periodMs })
    return {}
  }), undefined, { uid: 'in', rateLimit: 10 }).sinkTo(functionSink(() => {})).uid('out'), {options: {'restart.attemptsMax': '1'}})
  const result = await job.toEnd()
  console.log(periodMs, result.state, calls, result.error?.message)
})
