import { describe, expect, test } from 'vitest'
import { deferred, type Deferred } from '../src/base/deferred.ts'
import { withCommitStages } from '../src/connector/commit-stages.ts'
import { datagenSource } from '../src/connector/datagen-source.ts'
import { COMMITTABLES_STATE, type PendingCommittable, type Sink, type WriterSnapshot } from '../src/connector/sink.ts'
import { bytesToValue } from '../src/serde/value-codec.ts'
import type { OperatorStateItems } from '../src/state/operator-state.ts'
import { MAX_WATERMARK } from '../src/stream/element.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { committingSink, type Committed } from './committing-sink.ts'
import { failures, startInlineJob } from './inline-job.ts'
import { Feed, slotBench } from './slot-bench.ts'

/** A sink whose cuts become durable when the test says so. */
class SlowSink {
  readonly cuts = new Map<number, Deferred<WriterSnapshot<string, never>>>()
  readonly committed: string[] = []
  /** What each call of the committer got. */
  readonly commits: (readonly string[])[] = []
  /** The commit under way waits for it. */
  gate: Promise<void> = Promise.resolve()

  durable(checkpoint: number): void {
    this.cuts.get(checkpoint)?.resolve({ committables: [`file-${checkpoint}`], states: [] })
  }

  sink(): Sink<string, string, never> {
    return {
      kind: 'slow',
      identity: null,
      prepare: async () => {},
      createWriter: () => ({
        write: () => {},
        isBlocked: () => false,
        snapshot: (checkpoint) => {
          const cut = deferred<WriterSnapshot<string, never>>()
          this.cuts.set(checkpoint, cut)
          return cut.promise
        },
        close: async () => {},
      }),
      createCommitter: () => ({
        commit: async (requests) => {
          const files = requests.map(({ committable }) => committable)
          this.commits.push(files)
          await this.gate
          this.committed.push(...files)
        },
      }),
    }
  }
}

function benchOf(slow: SlowSink) {
  return slotBench((env) => {
    env.fromSource(new Feed<string>().source()).uid('feed').sinkTo(slow.sink()).uid('out')
  })
}

type Bench = ReturnType<typeof benchOf>

function committablesOf(bench: Bench, checkpoint: number): unknown[] {
  const operators = bench.snapshots(checkpoint).flatMap((snapshot) => snapshot.operators)
  const state = operators.find(({ uid }) => uid === 'out')?.operatorState
  const lists = state === undefined ? [] : (bytesToValue(state) as OperatorStateItems)
  return (lists.find(({ name }) => name === COMMITTABLES_STATE)?.items ?? []).map(
    (item) => (item as PendingCommittable).committable,
  )
}

test('what an aborted checkpoint was still writing is in the state of the next one', async () => {
  const slow = new SlowSink()
  const bench = benchOf(slow)
  await bench.deploy()
  await bench.assign()
  await bench.send('trigger', 1)
  await bench.send('aborted', 1)
  await bench.send('trigger', 2)
  slow.durable(2)
  await bench.env.settle()
  expect(bench.snapshots(2)).toEqual([])
  slow.durable(1)
  await bench.env.settle()
  expect(committablesOf(bench, 2)).toEqual(['file-1', 'file-2'])
  await bench.send('complete', 2)
  expect(slow.committed).toEqual(['file-1', 'file-2'])
})

test('a cut that could not be made durable fails the task: no later checkpoint could hold what it held', async () => {
  const slow = new SlowSink()
  const bench = benchOf(slow)
  await bench.deploy()
  await bench.assign()
  await bench.send('trigger', 1)
  await bench.send('aborted', 1)
  await bench.send('trigger', 2)
  slow.durable(2)
  slow.cuts.get(1)?.reject(new RangeError('disk is gone'))
  await bench.env.settle()
  expect(bench.snapshots(2)).toEqual([])
  expect(bench.kinds()).toEqual(['deployed', 'failed'])
})

test('a writer that throws at its cut fails the task', async () => {
  const slow = new SlowSink()
  const sink: Sink<string, string, never> = {
    ...slow.sink(),
    createWriter: () => ({
      write: () => {},
      isBlocked: () => false,
      snapshot: () => {
        throw new RangeError('no')
      },
      close: async () => {},
    }),
  }
  const bench = slotBench((env) => {
    env.fromSource(new Feed<string>().source()).uid('feed').sinkTo(sink).uid('out')
  })
  await bench.deploy()
  await bench.assign()
  await bench.send('trigger', 1)
  expect(bench.kinds()).toEqual(['deployed', 'failed'])
})

test('committables stay in every checkpoint until they are committed', async () => {
  const slow = new SlowSink()
  const bench = benchOf(slow)
  await bench.deploy()
  await bench.assign()
  for (const checkpoint of [1, 2]) {
    await bench.send('trigger', checkpoint)
    slow.durable(checkpoint)
    await bench.env.settle()
  }
  expect(committablesOf(bench, 2)).toEqual(['file-1', 'file-2'])
  await bench.send('complete', 2)
  await bench.send('trigger', 3)
  slow.durable(3)
  await bench.env.settle()
  expect(committablesOf(bench, 3)).toEqual(['file-3'])
})

test('checkpoints that complete during a commit are committed together behind it', async () => {
  const slow = new SlowSink()
  const bench = benchOf(slow)
  await bench.deploy()
  await bench.assign()
  const gate = deferred<void>()
  slow.gate = gate.promise
  for (const checkpoint of [1, 2, 3]) {
    await bench.send('trigger', checkpoint)
    slow.durable(checkpoint)
    await bench.env.settle()
    await bench.send('complete', checkpoint)
  }
  expect(slow.commits).toEqual([['file-1']])
  gate.resolve()
  await bench.env.settle()
  expect(slow.commits).toEqual([['file-1'], ['file-2', 'file-3']])
  expect(
    bench.sent.flatMap((message) =>
      message.kind === 'committed' && message.vertex === bench.graph.vertices.at(-1)?.id ? [message.checkpoint] : [],
    ),
  ).toEqual([1, 2, 3])
})

interface Stages {
  readonly sink: Sink<number, number | string, never>
  /** What happened, in order. */
  readonly log: string[]
  /** Committables that have to be tried once more. */
  readonly later: Set<number | string>
}

/** One committable per record. */
function stages(): Stages {
  const log: string[] = []
  const later = new Set<number | string>()
  const sink: Sink<number, number | string, never> = {
    kind: 'stages',
    identity: null,
    createWriter: () => {
      const written: number[] = []
      return {
        write: (value) => void written.push(value),
        writeWatermark: (watermark) => void log.push(`watermark ${watermark === MAX_WATERMARK ? 'max' : watermark}`),
        isBlocked: () => false,
        snapshot: async () => ({ committables: written.splice(0), states: [] }),
        close: async () => {},
      }
    },
    createCommitter: () => ({
      commit: async (requests) => {
        log.push(`commit ${requests.map(({ committable }) => committable).join(' ')}`)
        for (const request of requests) if (later.delete(request.committable)) request.retryLater()
      },
    }),
  }
  return { sink, log, later }
}

async function running(sink: Sink<number, number | string, never>, delivery: 'exactly-once' | 'none' = 'exactly-once') {
  const feed = new Feed<number>()
  const bench = slotBench(
    (env) => {
      env
        .fromSource(feed.source(), WatermarkStrategy.forMonotonousTimestamps<number>())
        .uid('feed')
        .sinkTo(sink)
        .uid('out')
    },
    { settings: { delivery } },
  )
  await bench.deploy()
  await bench.assign()
  return { bench, feed }
}

test('what a pre-commit stage makes of the committables is stored and committed instead of them', async () => {
  const { sink, log } = stages()
  const merged = withCommitStages(sink, {
    preCommit: (given, { checkpoint, subtask }) => [`${checkpoint}/${subtask}: ${given.join('+')}`],
    postCommit: (committed, { checkpoint }) => void log.push(`post ${checkpoint}: ${committed.join(' ')}`),
  })
  const { bench, feed } = await running(merged)
  feed.push(1, 10)
  feed.push(2, 20)
  await bench.env.settle()
  await bench.send('trigger', 1)
  expect(committablesOf(bench, 1)).toEqual(['1/0: 1+2'])
  await bench.send('complete', 1)
  expect(log.filter((entry) => !entry.startsWith('watermark'))).toEqual(['commit 1/0: 1+2', 'post 1: 1/0: 1+2'])
})

test('stages of a sink are called before those that are put around it', async () => {
  const { sink, log } = stages()
  const inner = withCommitStages(sink, {
    preCommit: (given) => given.map((each) => `${each}a`),
    postCommit: () => void log.push('inner'),
  })
  const outer = withCommitStages(inner, {
    preCommit: (given) => given.map((each) => `${each}b`),
    postCommit: () => void log.push('outer'),
  })
  const { bench, feed } = await running(outer)
  feed.push(1, 10)
  await bench.env.settle()
  await bench.send('trigger', 1)
  await bench.send('complete', 1)
  expect(log.filter((entry) => !entry.startsWith('watermark'))).toEqual(['commit 1ab', 'inner', 'outer'])
})

test('a pre-commit stage that fails fails the task', async () => {
  const { bench, feed } = await running(
    withCommitStages(stages().sink, { preCommit: () => Promise.reject(new RangeError('cannot merge')) }),
  )
  feed.push(1, 10)
  await bench.env.settle()
  await bench.send('trigger', 1)
  expect(bench.sent.find(({ kind }) => kind === 'failed')).toMatchObject({ error: { code: 'SNK1001' } })
})

test('a committable that is tried again later is in the next checkpoint, and its own is committed when it is', async () => {
  const { sink, later } = stages()
  const { bench, feed } = await running(sink)
  feed.push(1, 10)
  feed.push(2, 20)
  later.add(2)
  await bench.env.settle()
  await bench.send('trigger', 1)
  await bench.send('complete', 1)
  await bench.send('trigger', 2)
  expect(committablesOf(bench, 2)).toEqual([1, 2])
  const committed = (): number[] =>
    bench.sent.flatMap((message) => (message.kind === 'committed' ? [message.checkpoint] : []))
  expect(committed()).toEqual([])
  await bench.env.advanceAndSettle(100)
  expect(committed()).toEqual([1])
})

test('what a checkpoint brings back is committed again, and told to the post-commit stage by checkpoint', async () => {
  const { sink } = stages()
  const first = await running(sink)
  for (const checkpoint of [1, 2]) {
    first.feed.push(checkpoint * 10, checkpoint)
    first.feed.push(checkpoint * 10 + 1, checkpoint)
    await first.bench.env.settle()
    await first.bench.send('trigger', checkpoint)
  }
  const second = stages()
  const staged = withCommitStages(second.sink, {
    postCommit: (committed, { checkpoint }) => void second.log.push(`post ${checkpoint}: ${committed.join(' ')}`),
  })
  const bench = slotBench(
    (env) => {
      env
        .fromSource(new Feed<number>().source(), WatermarkStrategy.forMonotonousTimestamps<number>())
        .uid('feed')
        .sinkTo(staged)
        .uid('out')
    },
    { restore: first.bench.snapshots(2), store: first.bench.store, restoredCheckpoint: 2 },
  )
  await bench.deploy()
  expect(second.log).toEqual(['commit 10 11 20 21', 'post 1: 10 11', 'post 2: 20 21'])
})

test('a writer sees event time', async () => {
  const { sink, log } = stages()
  const { bench, feed } = await running(sink)
  feed.push(1, 10)
  await bench.env.advanceAndSettle(200)
  feed.end()
  await bench.env.advanceAndSettle(200)
  expect(log).toEqual(['watermark 9', 'watermark max'])
})

test('without checkpoints both stages run at the end of the job, for checkpoint 0', async () => {
  const { sink, log } = stages()
  const staged = withCommitStages(sink, {
    preCommit: (given, { checkpoint }) => [`${checkpoint}: ${given.join('+')}`],
    postCommit: (_, { checkpoint }) => void log.push(`post ${checkpoint}`),
  })
  const { bench, feed } = await running(staged, 'none')
  feed.push(1, 10)
  feed.push(2, 20)
  feed.end()
  await bench.env.advanceAndSettle(200)
  await bench.sendPlain('finish')
  expect(log.filter((entry) => !entry.startsWith('watermark'))).toEqual(['commit 0: 1+2', 'post 0'])
  expect(bench.kinds()).toContain('finished')
})

test('a sink that only writes needs neither prepare nor a committer, and its checkpoint waits until all has left', async () => {
  const gate = deferred<void>()
  const { bench, feed } = await running({
    kind: 'plain',
    identity: null,
    createWriter: () => ({
      write: () => {},
      isBlocked: () => false,
      snapshot: async () => {
        await gate.promise
        return { committables: [], states: [] }
      },
      close: async () => {},
    }),
  })
  feed.push(1, 10)
  await bench.send('trigger', 1)
  expect(bench.snapshots(1)).toEqual([])
  gate.resolve()
  await bench.env.settle()
  expect(bench.snapshots(1)).toHaveLength(1)
})

describe('in a whole job', () => {
  const numbers = datagenSource({ generate: (index) => index, count: 100 })

  test('a post-commit stage hears of everything that was committed at least once, in order, with restarts', async () => {
    const committed: Committed = new Map()
    const told: (readonly number[])[] = []
    const fail = failures(35, 70)
    let tells = 0
    const sink = withCommitStages(committingSink(committed), {
      postCommit: (each) => {
        if (++tells === 3) throw new RangeError('nobody listens')
        told.push(each.flatMap(({ values }) => values))
      },
    })
    const job = await startInlineJob((env) => {
      env
        .fromSource(numbers, undefined, { uid: 'in', rateLimit: 10 })
        .map((value) => (fail(), value))
        .sinkTo(sink)
        .uid('out')
    })
    const { state, restartCount } = await job.toEnd()
    expect([state, restartCount]).toEqual(['finished', 3])
    const all = Array.from({ length: 100 }, (_, index) => index)
    expect([...committed.values()].flat()).toEqual(all)
    expect([...new Set(told.flat())]).toEqual(all)
  })

  test('a committable that can never be committed ends the job, and is not dropped', async () => {
    const sink = committingSink(new Map())
    const job = await startInlineJob((env) => {
      env
        .fromSource(numbers, undefined, { uid: 'in', rateLimit: 10 })
        .sinkTo({
          ...sink,
          createCommitter: () => ({
            commit: async (requests) => requests.forEach((request) => request.signalFailed('the transaction is gone')),
          }),
        })
        .uid('out')
    })
    const { state, error } = await job.toEnd()
    expect([state, error?.code]).toEqual(['failed', 'JOB1003'])
    expect(job.master.status().failures.at(-1)?.error).toMatchObject({ code: 'SNK1003', context: { operator: 'out' } })
  })

  test('the option says how often a commit is tried', async () => {
    let tries = 0
    const job = await startInlineJob(
      (env) => {
        env
          .fromSource(numbers, undefined, { uid: 'in' })
          .sinkTo({
            ...committingSink(new Map()),
            createCommitter: () => ({
              commit: async (requests) => {
                tries++
                for (const request of requests) request.retryLater('busy')
              },
            }),
          })
          .uid('out')
      },
      { options: { 'sink.committer.retries': '2', 'restart.strategy': 'none' } },
    )
    const { state, error } = await job.toEnd()
    expect([state, tries, error?.code]).toEqual(['failed', 3, 'JOB1003'])
    expect(job.master.status().failures.at(-1)?.error.code).toBe('SNK1002')
  })
})
