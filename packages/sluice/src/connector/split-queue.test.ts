import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createManualEnv } from '../testing/manual-env.ts'
import type { OrderedSplit } from './chunk-reader.ts'
import { SplitQueue, type SplitQueueState } from './split-queue.ts'

interface SizedSplit extends OrderedSplit {
  readonly size: number
}

interface Started {
  readonly queue: SplitQueue<SizedSplit>
  /** By subtask. */
  readonly assigned: readonly string[][]
  readonly done: readonly number[]
}

/** `sequences[i]` is the sequence of split i. */
function splitsOf(sequences: readonly (string | undefined)[], sizes: readonly number[] = []): readonly SizedSplit[] {
  return sequences.map((sequence, index) => ({
    id: `${index}`,
    index,
    size: sizes[index] ?? 1,
    ...(sequence === undefined ? {} : { sequence }),
  }))
}

async function started(
  splits: readonly SizedSplit[],
  parallelism: number,
  restored?: SplitQueueState<SizedSplit>,
): Promise<Started> {
  const assigned = Array.from({ length: parallelism }, (): string[] => [])
  const done: number[] = []
  const queue = new SplitQueue<SizedSplit>(
    {
      env: createManualEnv(),
      parallelism,
      registeredReaders: () => [],
      sendEventToSourceReader: () => {},
      callAsync: () => ({ cancel: () => {} }),
      assign: (subtask, given) => void assigned[subtask]?.push(...given.map(({ id }) => id)),
      noMoreSplits: (subtask) => void done.push(subtask),
      fail: () => {},
    },
    restored,
    { discover: async () => splits, sizeOf: ({ size }) => size },
  )
  await queue.start()
  return { queue, assigned, done }
}

describe('SplitQueue', () => {
  test('hands out the splits of one sequence one by one, in order, to whoever asks', async () => {
    const { queue, assigned, done } = await started(splitsOf(['a', 'a', 'a']), 2)
    expect(assigned).toEqual([[], []])
    for (const subtask of [1, 1, 0, 1]) queue.onSplitRequest(subtask)
    expect(assigned).toEqual([['2'], ['0', '1']])
    expect(done).toEqual([1])
  })

  test('deals out the splits of several sequences before anybody asks, consecutive ones to each', async () => {
    const { queue, assigned, done } = await started(splitsOf(['a', 'a', 'b', 'c', 'd', 'd']), 2)
    expect(assigned).toEqual([
      ['0', '1', '2'],
      ['3', '4', '5'],
    ])
    expect(queue.snapshot()).toEqual({ splits: [] })
    queue.onSplitRequest(0)
    expect(done).toEqual([0])
  })

  test('a split without a sequence is a sequence of its own', async () => {
    expect((await started(splitsOf([undefined, undefined]), 2)).assigned).toEqual([['0'], ['1']])
    expect((await started(splitsOf([undefined]), 2)).assigned).toEqual([[], []])
  })

  test('a subtask for which there is nothing is told so when it asks', async () => {
    const { queue, assigned, done } = await started(splitsOf(['a', 'b']), 3)
    expect(assigned.filter((ids) => ids.length === 0).length).toBe(1)
    queue.onSplitRequest(assigned.findIndex((ids) => ids.length === 0))
    expect(done.length).toBe(1)
  })

  test('what a checkpoint found not assigned is dealt out or queued again, and nothing is discovered', async () => {
    const dealt = await started(splitsOf(['x', 'y', 'z']), 1, { splits: splitsOf(['a', 'b']) })
    expect(dealt.assigned).toEqual([['0', '1']])
    const queued = await started(splitsOf(['x', 'y', 'z']), 1, { splits: splitsOf(['a', 'a']) })
    expect(queued.assigned).toEqual([[]])
    expect(queued.queue.snapshot().splits.length).toBe(2)
  })

  test('shares are consecutive and no larger than an even one and the split at either end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 2, maxLength: 30 }),
        fc.integer({ min: 1, max: 5 }),
        async (sizes, parallelism) => {
          const { assigned } = await started(
            splitsOf(
              sizes.map((_, index) => `${index}`),
              sizes,
            ),
            parallelism,
          )
          expect(assigned.flat()).toEqual(sizes.map((_, index) => `${index}`))
          const total = sizes.reduce((sum, size) => sum + size, 0)
          for (const ids of assigned) {
            const share = ids.reduce((sum, id) => sum + (sizes[Number(id)] ?? 0), 0)
            expect(share).toBeLessThanOrEqual(total / parallelism + Math.max(...sizes))
          }
        },
      ),
    )
  })
})
