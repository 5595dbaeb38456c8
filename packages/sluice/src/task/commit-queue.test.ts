import { expect, test } from 'vitest'
import { type Deferred, deferred } from '../base/deferred.ts'
import { EngineError } from '../base/errors.ts'
import type { CommitRequest } from '../connector/sink.ts'
import { createManualEnv, type ManualEnv } from '../testing/manual-env.ts'
import { type CommitBatch, CommitQueue } from './commit-queue.ts'

interface Bench {
  readonly env: ManualEnv
  readonly queue: CommitQueue
  /** What each call of the committer got, with the moment. */
  readonly calls: string[]
  /** What the post-commit stage saw. */
  readonly told: string[]
  readonly counts: Map<string, number>
}

interface BenchOptions {
  /** Says of each request of each call what becomes of it; default: committed. */
  readonly onRequest?: (request: CommitRequest<unknown>) => void
  readonly gate?: () => Promise<void>
  readonly postCommit?: (batch: CommitBatch) => Promise<void>
  readonly retriesMax?: number
  readonly expectLease?: () => void
}

function benchOf(options: BenchOptions = {}): Bench {
  const env = createManualEnv()
  const calls: string[] = []
  const told: string[] = []
  const counts = new Map<string, number>()
  const queue = new CommitQueue({
    uid: 'out',
    subtask: 0,
    committer: {
      commit: async (requests) => {
        calls.push(`${env.clock.monotonicMs()}: ${requests.map(({ committable }) => String(committable)).join(' ')}`)
        await options.gate?.()
        for (const request of requests) options.onRequest?.(request)
      },
    },
    postCommit: async (batch) => {
      await options.postCommit?.(batch)
      told.push(`${batch.checkpoint}: ${batch.committables.join(' ')}`)
    },
    timers: env.timers,
    retriesMax: options.retriesMax ?? 10,
    expectLease: options.expectLease ?? (() => {}),
    counter: (name) => ({ add: (count) => void counts.set(name, (counts.get(name) ?? 0) + count) }),
  })
  return { env, queue, calls, told, counts }
}

function pendingText(queue: CommitQueue): string[] {
  return queue.pending().map(({ checkpoint, committables }) => `${checkpoint}: ${committables.join(' ')}`)
}

test('commits what is due in order of checkpoints and tells the post-commit stage of each of them', async () => {
  const { queue, calls, told } = benchOf()
  queue.add({ checkpoint: 2, committables: ['b'] })
  queue.add({ checkpoint: 1, committables: ['a1', 'a2'] })
  queue.add({ checkpoint: 3, committables: ['c'] })
  await queue.commitUpTo(2)
  expect(calls).toEqual(['0: a1 a2 b'])
  expect(told).toEqual(['1: a1 a2', '2: b'])
  expect(pendingText(queue)).toEqual(['3: c'])
})

test('a committable is tried again after growing pauses and stays pending meanwhile', async () => {
  const bench = benchOf({ onRequest: (request) => request.numberOfRetries < 3 && request.retryLater() })
  bench.queue.add({ checkpoint: 1, committables: ['a'] })
  const done = bench.queue.commitUpTo(1)
  await bench.env.advanceAndSettle(650)
  expect(bench.calls).toEqual(['0: a', '100: a', '300: a'])
  expect([pendingText(bench.queue), bench.told]).toEqual([['1: a'], []])
  await bench.env.advanceAndSettle(50)
  await done
  expect(bench.calls.at(-1)).toBe('700: a')
  expect([pendingText(bench.queue), bench.told, bench.counts]).toEqual([[], ['1: a'], new Map([['commitRetries', 3]])])
})

test('what is committed is not committed again because another committable of its checkpoint has to wait', async () => {
  const bench = benchOf({
    onRequest: (request) => request.committable === 'bad' && request.numberOfRetries === 0 && request.retryLater(),
  })
  bench.queue.add({ checkpoint: 1, committables: ['good', 'bad'] })
  const done = bench.queue.commitUpTo(1)
  await bench.env.settle()
  expect(pendingText(bench.queue)).toEqual(['1: good bad'])
  await bench.env.advanceAndSettle(100)
  await done
  expect([bench.calls, bench.told]).toEqual([['0: good bad', '100: bad'], ['1: good bad']])
})

test('checkpoints that become due later wait for one that is tried again', async () => {
  const bench = benchOf({
    onRequest: (request) => request.committable === 'a' && request.numberOfRetries < 2 && request.retryLater(),
  })
  bench.queue.add({ checkpoint: 1, committables: ['a'] })
  void bench.queue.commitUpTo(1)
  await bench.env.settle()
  bench.queue.add({ checkpoint: 2, committables: ['b'] })
  const done = bench.queue.commitUpTo(2)
  await bench.env.advanceAndSettle(300)
  await done
  expect(bench.calls).toEqual(['0: a', '100: a', '300: a', '300: b'])
  expect(bench.told).toEqual(['1: a', '2: b'])
})

test('what a committer puts in the place of a committable is tried next, and is what the state has', async () => {
  const bench = benchOf({ onRequest: (request) => request.committable === 'old' && request.updateAndRetryLater('new') })
  bench.queue.add({ checkpoint: 1, committables: ['old'] })
  const done = bench.queue.commitUpTo(1)
  await bench.env.settle()
  expect(pendingText(bench.queue)).toEqual(['1: new'])
  await bench.env.advanceAndSettle(100)
  await done
  expect(bench.calls).toEqual(['0: old', '100: new'])
})

test('a committable that was committed before counts as committed', async () => {
  const bench = benchOf({ onRequest: (request) => request.signalAlreadyCommitted() })
  bench.queue.add({ checkpoint: 1, committables: ['a'] })
  await bench.queue.commitUpTo(1)
  expect([bench.told, bench.counts.get('alreadyCommitted')]).toEqual([['1: a'], 1])
})

test('too many tries fail with SNK1002 and the committable stays pending', async () => {
  const bench = benchOf({ retriesMax: 1, onRequest: (request) => request.retryLater(new RangeError('busy')) })
  bench.queue.add({ checkpoint: 1, committables: ['a'] })
  const done = expect(bench.queue.commitUpTo(1)).rejects.toMatchObject({
    code: 'SNK1002',
    message: expect.stringContaining('"a" in 2 tries: busy') as unknown,
  })
  await bench.env.advanceAndSettle(1000)
  await done
  expect([bench.calls.length, pendingText(bench.queue)]).toEqual([2, ['1: a']])
})

test('with no retries allowed the first failure is the last', async () => {
  const bench = benchOf({ retriesMax: 0, onRequest: (request) => request.retryLater() })
  bench.queue.add({ checkpoint: 1, committables: ['a'] })
  await expect(bench.queue.commitUpTo(1)).rejects.toMatchObject({ code: 'SNK1002' })
})

test('a committable that can never be committed fails with SNK1003, whatever the cause was, and is not dropped', async () => {
  const bench = benchOf({ onRequest: (request) => request.signalFailed(new EngineError('DSK1001', 'gone')) })
  bench.queue.add({ checkpoint: 1, committables: [{ id: 7n }] })
  await expect(bench.queue.commitUpTo(1)).rejects.toMatchObject({
    code: 'SNK1003',
    message: expect.stringContaining('{"id":"7n"}: gone') as unknown,
    retry: 'never',
  })
  expect(bench.queue.pending()).toEqual([{ checkpoint: 1, committables: [{ id: 7n }] }])
})

test('a committable is pending until its post-commit stage is done', async () => {
  const gate: Deferred<void> = deferred()
  const bench = benchOf({ postCommit: () => gate.promise })
  bench.queue.add({ checkpoint: 1, committables: ['a'] })
  const done = bench.queue.commitUpTo(1)
  await bench.env.settle()
  expect([bench.calls, pendingText(bench.queue)]).toEqual([['0: a'], ['1: a']])
  gate.resolve()
  await done
  expect(pendingText(bench.queue)).toEqual([])
})

test('a post-commit stage that fails is a failure of the commit', async () => {
  const bench = benchOf({ postCommit: () => Promise.reject(new RangeError('nobody listens')) })
  bench.queue.add({ checkpoint: 4, committables: ['a'] })
  await expect(bench.queue.commitUpTo(4)).rejects.toMatchObject({ code: 'SNK1002', context: { checkpoint: 4 } })
  expect(pendingText(bench.queue)).toEqual(['4: a'])
})

test('the lease is asked before each try', async () => {
  let tries = 0
  const bench = benchOf({
    onRequest: (request) => request.retryLater(),
    expectLease: () => {
      if (++tries === 2) throw new EngineError('CLU1004', 'over')
    },
  })
  bench.queue.add({ checkpoint: 1, committables: ['a'] })
  const done = expect(bench.queue.commitUpTo(1)).rejects.toMatchObject({ code: 'CLU1004' })
  await bench.env.advanceAndSettle(100)
  await done
  expect(bench.calls).toHaveLength(1)
})

test('closing ends a pause, and nobody is told that the committable was committed', async () => {
  const bench = benchOf({ onRequest: (request) => request.retryLater() })
  bench.queue.add({ checkpoint: 1, committables: ['a'] })
  const done = expect(bench.queue.commitUpTo(1)).rejects.toMatchObject({ code: 'SNK1002' })
  await bench.env.settle()
  await bench.queue.close()
  await done
  expect([bench.calls.length, bench.env.timerCount()]).toEqual([1, 0])
})

test('what a committer says behind its call is refused: it counted as committed', async () => {
  let late: CommitRequest<unknown> | undefined
  const { queue, told } = benchOf({ onRequest: (request) => (late = request) })
  queue.add({ checkpoint: 1, committables: ['a'] })
  await queue.commitUpTo(1)
  expect(told).toEqual(['1: a'])
  expect(() => late?.retryLater()).toThrow(/was over and counted as committed/)
  expect(() => late?.signalFailed(new Error('gone'))).toThrow(/"a"/)
})
