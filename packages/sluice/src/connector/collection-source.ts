import { crc32 } from 'node:zlib'
import type { JsonValue } from '../base/json.ts'
import { ChunkReader, type Chunk, type ChunkFormat, type OrderedSplit } from './chunk-reader.ts'
import type { Source } from './source.ts'
import { SplitQueue, type SplitQueueState } from './split-queue.ts'

/** Records that become one chunk. */
const CHUNK_RECORDS = 4096

/** A range of the collection: `next` is the first item not emitted yet, `end` is exclusive. */
export interface CollectionSplit extends OrderedSplit {
  readonly next: number
  readonly end: number
}

export interface CollectionSourceOptions {
  /** Shown in plans; part of what must stay the same between a checkpoint and its restore. */
  readonly name?: string
}

/**
 * Reads an array. One consecutive range per subtask: with parallelism 1 the order of the array.
 *
 * @example env.fromSource(collectionSource([1, 2, 3]), WatermarkStrategy.noWatermarks())
 */
export function collectionSource<T>(
  items: readonly T[],
  options: CollectionSourceOptions = {},
): Source<T, CollectionSplit, SplitQueueState<CollectionSplit>> {
  const name = options.name ?? 'collection'
  return Object.freeze<Source<T, CollectionSplit, SplitQueueState<CollectionSplit>>>({
    kind: 'collection',
    identity: { name, count: items.length, hash: hashOf(items) },
    boundedness: 'bounded',
    createEnumerator: (context, restored) =>
      new SplitQueue(context, restored, {
        discover: async ({ parallelism }) => rangesOf(items.length, parallelism),
        sizeOf: () => 1,
      }),
    createReader: (context) => new ChunkReader(collectionFormat(items, name), context),
  })
}

function rangesOf(count: number, parallelism: number): readonly CollectionSplit[] {
  const size = Math.max(1, Math.ceil(count / parallelism))
  const splits: CollectionSplit[] = []
  for (let next = 0; next < count; next += size) {
    const end = Math.min(count, next + size)
    splits.push({ id: `${next}`, index: splits.length, sequence: 'items', next, end })
  }
  return splits
}

function collectionFormat<T>(items: readonly T[], name: string): ChunkFormat<T, CollectionSplit> {
  return { open: (split) => chunksOf(items, split, name), onReject: () => {} }
}

async function* chunksOf<T>(
  items: readonly T[],
  split: CollectionSplit,
  name: string,
): AsyncGenerator<Chunk<T, CollectionSplit>> {
  for (let first = split.next; first < split.end; first += CHUNK_RECORDS) {
    yield {
      records: items.slice(first, Math.min(split.end, first + CHUNK_RECORDS)),
      rejects: [],
      positionAfter: (count) => ({ ...split, next: first + count }),
      describe: (index) => `${name} item ${first + index}`,
    }
  }
}

/** Guards against restoring a checkpoint with other items; what JSON cannot say is not part of it. */
function hashOf(items: readonly unknown[]): JsonValue {
  try {
    return crc32(JSON.stringify(items, (_name, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)))
  } catch {
    return null // Cyclic items: the count alone is the guard.
  }
}
