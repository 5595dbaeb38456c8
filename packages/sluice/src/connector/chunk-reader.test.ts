import { describe, expect, test } from 'vitest'
import { createManualEnv } from '../testing/manual-env.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { CHUNKS_AHEAD_MAX, ChunkReader, type Chunk, type ChunkFormat, type OrderedSplit } from './chunk-reader.ts'
import type { ReaderOutput } from './source.ts'

interface RangeSplit extends OrderedSplit {
  readonly next: number
}

const CHUNKS = 8

/** Splits of CHUNKS chunks of two numbers; counts how many chunks were made. */
function rangeFormat(made: string[]): ChunkFormat<number, RangeSplit> {
  return {
    async *open(split): AsyncGenerator<Chunk<number, RangeSplit>> {
      for (let first = split.next; first < CHUNKS * 2; first += 2) {
        made.push(`${split.id}:${first}`)
        yield {
          records: [first, first + 1],
          rejects: [],
          positionAfter: (count) => ({ ...split, next: first + count }),
          describe: (index) => `${split.id} record ${first + index}`,
        }
      }
    },
    onReject: () => {},
  }
}

class Output implements ReaderOutput<number> {
  readonly records: string[] = []
  readonly finished: string[] = []
  room = Infinity

  split(id: string): { emit(value: number): void } {
    return { emit: (value) => void (this.records.push(`${id}:${value}`), this.room--) }
  }
  finishSplit(id: string): void {
    this.finished.push(id)
  }
  expectSplit(): void {}
  sideOutput(): void {}
  isFull(): boolean {
    return this.room <= 0
  }
}

function setUp(): {
  reader: ChunkReader<number, RangeSplit>
  output: Output
  made: string[]
  requests: () => number
  failures: unknown[]
  settle: () => Promise<void>
} {
  const env = createManualEnv({ disk: new MemoryDisk() })
  const made: string[] = []
  const failures: unknown[] = []
  let requests = 0
  const context = {
    disk: env.disk,
    env,
    subtask: 0,
    parallelism: 1,
    wake: () => {},
    requestSplit: () => void requests++,
    sendSourceEvent: () => {},
    fail: (error: unknown) => void failures.push(error),
    count: () => {},
  }
  const reader = new ChunkReader(rangeFormat(made), context)
  return { reader, output: new Output(), made, requests: () => requests, failures, settle: () => env.settle() }
}

const split = (id: string, index: number, next = 0): RangeSplit => ({ id, index, next })

describe('ChunkReader', () => {
  test('asks for a split when it has none and says nothing until it gets one', async () => {
    const { reader, output, requests, settle } = setUp()
    reader.start()
    expect(reader.poll(output, 10)).toBe('nothing')
    expect(requests()).toBe(1)
    reader.poll(output, 10)
    await settle()
    expect(requests()).toBe(1)
    reader.noMoreSplits()
    expect(reader.poll(output, 10)).toBe('end')
  })

  test('reads no more than CHUNKS_AHEAD_MAX chunks ahead of the one that is emitted', async () => {
    const { reader, output, made, settle } = setUp()
    reader.addSplits([split('a', 0)])
    await settle()
    expect(made.length).toBe(CHUNKS_AHEAD_MAX + 1)
    reader.poll(output, 2)
    await settle()
    expect(made.length).toBe(CHUNKS_AHEAD_MAX + 2)
  })

  test('stops at a full output and goes on behind the last record', async () => {
    const { reader, output, settle } = setUp()
    reader.addSplits([split('a', 0)])
    await settle()
    output.room = 3
    expect(reader.poll(output, 100)).toBe('more')
    expect(output.records).toEqual(['a:0', 'a:1', 'a:2'])
    expect(reader.snapshot()).toEqual([split('a', 0, 3)])
    expect(reader.position()).toBe('a record 2')
    output.room = 1
    reader.poll(output, 100)
    expect(output.records.at(-1)).toBe('a:3')
  })

  test('asks for the next split while the last chunks of the current one are still to be emitted', async () => {
    const { reader, output, requests, settle } = setUp()
    reader.addSplits([split('a', 0, (CHUNKS - 2) * 2)])
    await settle()
    expect(requests()).toBe(1)
    reader.addSplits([split('b', 1)])
    await settle()
    reader.poll(output, 5)
    expect(output.records).toEqual(['a:12', 'a:13', 'a:14', 'a:15', 'b:0'])
    expect(output.finished).toEqual(['a'])
    expect(reader.snapshot()).toEqual([split('b', 1, 1)])
  })

  test('keeps the split it is in when an earlier one arrives, and takes the others in order', async () => {
    const { reader, output, settle } = setUp()
    reader.addSplits([split('c', 2, 12)])
    await settle()
    reader.poll(output, 1)
    reader.addSplits([split('d', 3, 15), split('b', 1, 15)])
    await settle()
    reader.poll(output, 3)
    await settle()
    reader.poll(output, 10)
    await settle()
    reader.poll(output, 10)
    expect(output.records).toEqual(['c:12', 'c:13', 'c:14', 'c:15', 'b:15', 'b:16', 'd:15', 'd:16'])
  })

  test('a restored split that was read to its end is finished without a record', async () => {
    const { reader, output, settle } = setUp()
    reader.addSplits([split('a', 0, CHUNKS * 2)])
    reader.noMoreSplits()
    await settle()
    expect(reader.poll(output, 10)).toBe('end')
    expect(output).toMatchObject({ records: [], finished: ['a'] })
    expect(reader.snapshot()).toEqual([])
  })

  test('an exception of the job names the record that is being emitted', async () => {
    const { reader, output, settle } = setUp()
    reader.addSplits([split('a', 0)])
    await settle()
    output.split = () => ({
      emit: (value) => {
        if (value === 1) throw new TypeError('user code')
      },
    })
    expect(() => reader.poll(output, 10)).toThrow('user code')
    expect(reader.position()).toBe('a record 1')
  })
})
