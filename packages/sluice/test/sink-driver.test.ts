import { expect, test } from 'vitest'
import { deferred, type Deferred } from '../src/base/deferred.ts'
import { COMMITTABLES_STATE, type PendingCommittable, type Sink, type WriterSnapshot } from '../src/connector/sink.ts'
import { bytesToValue } from '../src/serde/value-codec.ts'
import type { OperatorStateItems } from '../src/state/operator-state.ts'
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
        commit: async (files) => {
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
