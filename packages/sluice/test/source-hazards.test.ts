/** Enumerators that hang: whoever leads the job goes on without them. */
import { expect, test } from 'vitest'
import { deferred } from '../src/base/deferred.ts'
import { datagenSource } from '../src/connector/datagen-source.ts'
import type { EnumeratorContext, Source, SourceSplit, SplitEnumerator } from '../src/connector/source.ts'
import { committingSink, type Committed } from './committing-sink.ts'
import { failures, startInlineJob, type InlineJob } from './inline-job.ts'

const COUNT = 40
const NEVER = new Promise<never>(() => {})

type Enumerator = SplitEnumerator<SourceSplit, unknown>
type Change = (inner: Enumerator, context: EnumeratorContext<SourceSplit>) => Partial<Enumerator>

/** Numbers, with an enumerator of which the test changes a part. */
function numbers(change: Change): Source<number> {
  const source: Source<number> = datagenSource({ generate: (index) => index, count: COUNT, splits: 2 })
  return {
    ...source,
    createEnumerator: (context, restored) => {
      const inner = source.createEnumerator(context, restored)
      return {
        start: () => inner.start(),
        onSplitRequest: (subtask) => inner.onSplitRequest(subtask),
        addSplitsBack: (splits, subtask) => inner.addSplitsBack(splits, subtask),
        snapshot: () => inner.snapshot(),
        close: () => inner.close(),
        ...change(inner, context),
      }
    },
  }
}

async function run(source: Source<number>, fail = failures()): Promise<InlineJob & { readonly committed: Committed }> {
  const committed: Committed = new Map()
  const job = await startInlineJob((env) => {
    env
      .fromSource(source, undefined, { uid: 'in', rateLimit: 10 })
      .map((n) => (fail(), n))
      .sinkTo(committingSink(committed))
      .uid('out')
  })
  return { ...job, committed }
}

function expectAll(committed: Committed): void {
  const values = [...committed.values()].flat().toSorted((a, b) => a - b)
  expect(values).toEqual(Array.from({ length: COUNT }, (_, index) => index))
}

test('a job whose discovery hangs can be cancelled', async () => {
  const job = await run(numbers(() => ({ start: () => NEVER })))
  await job.env.advanceAndSettle(5000)
  expect(job.master.status().state).toBe('restoring')
  expect((await job.cancel()).state).toBe('canceled')
})

test('a discovery that hangs and fails is begun anew', async () => {
  let starts = 0
  const late = deferred<() => void>()
  const job = await run(
    numbers((inner, context) => ({
      start: () => {
        if (++starts > 1) return inner.start()
        late.resolve(() => context.fail(new RangeError('the folder is away')))
        return NEVER
      },
    })),
  )
  await job.env.advanceAndSettle(5000)
  const fail = await late.promise
  fail()
  expect(await job.toEnd()).toMatchObject({ state: 'finished', restartCount: 1 })
  expectAll(job.committed)
})

test('an enumerator is made when the one before has closed, or was waited for', async () => {
  const log: string[] = []
  let made = 0
  const clock: { nowMs: () => number } = { nowMs: () => 0 }
  const source = numbers((inner) => {
    const number = ++made
    log.push(`${number} made`)
    const closings = [new Promise<void>((resolve) => closers.push(resolve)), NEVER]
    return {
      close: async () => {
        log.push(`${number} closing`)
        await (closings[number - 1] ?? inner.close())
        log.push(`${number} closed`)
      },
    }
  })
  const closers: (() => void)[] = []
  const job = await run(source, failures(5, 20))
  clock.nowMs = () => job.env.clock.monotonicMs()
  await job.env.advanceAndSettle(3000)
  expect(log).toEqual(['1 made', '1 closing'])
  closers[0]?.()
  await job.env.advanceAndSettle(3000)
  expect(log).toEqual(['1 made', '1 closing', '1 closed', '2 made', '2 closing'])
  await job.env.advanceAndSettle(10_000)
  expect(log.slice(5)).toEqual(['3 made'])
  expect(await job.toEnd()).toMatchObject({ state: 'finished', restartCount: 2 })
  expectAll(job.committed)
  expect(job.env.timerCount()).toBeLessThanOrEqual(1)
})

test('a call that hangs keeps no job from ending', async () => {
  const job = await run(
    numbers((_inner, context) => {
      context.callAsync(
        () => NEVER,
        () => {},
      )
      return {}
    }),
  )
  expect((await job.toEnd()).state).toBe('finished')
  expectAll(job.committed)
})
