/**
 * A cut of the heap backend on its way to bytes.
 *
 * N1 Every entry of the cut is encoded exactly once, by a slice or by its first touch, as it was at the cut, without what had expired then.
 * N2 Entries made after the cut are not in it. Those removed after it are: removing is touching.
 * N3 A value that cannot be encoded fails the snapshot, in the next slice, and not the record that touched it.
 */
import { assert } from '../base/assert.ts'
import type { KeyGroupRange } from '../stream/key-groups.ts'
import { type ChunkDescription, ChunkWriter } from './chunk-writer.ts'
import type { Entry } from './entry.ts'
import type { CutObserver, EntryTable } from './entry-table.ts'
import type { CutPurge } from './expired-entries.ts'
import type { KeyGroupChunk, KeyedSnapshot } from './keyed-state.ts'

/** From this size on the chunk of a key group is complete. A larger single entry makes a larger chunk. */
const CHUNK_BYTES_TARGET = 64 * 1024

/** Entries a slice looks at, for each one it may encode: those touched before only cost a look. */
const LOOKS_PER_ENTRY = 8

export interface HeapSnapshotOptions {
  readonly keyGroups: KeyGroupRange
  readonly description: ChunkDescription
  /** Undefined where nothing expires. */
  readonly expired: CutPurge | undefined
}

export class HeapSnapshot implements KeyedSnapshot, CutObserver {
  readonly #table: EntryTable
  readonly #description: ChunkDescription
  readonly #keyGroups: KeyGroupRange
  readonly #expired: CutPurge | undefined
  readonly #cut: number
  readonly #walk: Iterator<Entry>
  /** By key group, counted from the first of the range. */
  readonly #writers: (ChunkWriter | undefined)[]
  #chunks: KeyGroupChunk[] = []
  #leftCount: number
  #encodedCount = 0
  #phase: 'running' | 'done' | 'failed' | 'released' = 'running'
  #failure: unknown

  constructor(table: EntryTable, { keyGroups, description, expired }: HeapSnapshotOptions) {
    this.#table = table
    this.#expired = expired
    this.#keyGroups = keyGroups
    this.#description = description
    this.#leftCount = table.size
    this.#writers = Array.from({ length: keyGroups.last - keyGroups.first + 1 }, () => undefined)
    this.#cut = table.beginCut(this)
    this.#walk = table.values()
  }

  encodeSlice(entries: number): 'more' | 'done' {
    if (this.#phase === 'done') return 'done'
    if (this.#phase === 'failed') throw this.#failure
    assert(this.#phase === 'running', 'a released snapshot encodes nothing')
    let looksLeft = entries * LOOKS_PER_ENTRY
    for (let left = entries; left > 0 && this.#leftCount > 0 && looksLeft > 0; looksLeft--) {
      const entry = this.#nextEntry()
      if (entry.version === this.#cut) continue
      this.#encode(entry)
      left--
    }
    if (this.#leftCount > 0) return 'more'
    this.#finish()
    return 'done'
  }

  encodedCount(): number {
    return this.#encodedCount
  }

  takeChunks(): readonly KeyGroupChunk[] {
    if (this.#phase === 'failed') return []
    const taken = this.#chunks
    this.#chunks = []
    return taken
  }

  release(): void {
    if (this.#phase === 'released') return
    if (this.#phase !== 'done') this.#table.endCut()
    this.#phase = 'released'
    this.#forget()
  }

  beforeChange(entry: Entry): void {
    if (this.#phase === 'failed') return
    try {
      this.#encode(entry)
    } catch (error) {
      // N3: thrown by the next slice.
      this.#phase = 'failed'
      this.#failure = error
    }
  }

  #nextEntry(): Entry {
    const step = this.#walk.next()
    assert(step.done !== true, 'the walk over the entries meets all of the cut', { left: this.#leftCount })
    return step.value
  }

  #encode(entry: Entry): void {
    if (this.#expired === undefined || !this.#expired.empties(entry)) this.#write(entry)
    entry.version = this.#cut
    this.#leftCount--
    this.#encodedCount++
  }

  #write(entry: Entry): void {
    const writer = this.#writerOf(entry.keyGroup)
    writer.add(entry)
    if (writer.length >= CHUNK_BYTES_TARGET) this.#chunks.push(writer.finish())
  }

  #writerOf(keyGroup: number): ChunkWriter {
    const index = keyGroup - this.#keyGroups.first
    const known = this.#writers[index]
    if (known !== undefined) return known
    const writer = new ChunkWriter(keyGroup, this.#description)
    this.#writers[index] = writer
    return writer
  }

  #finish(): void {
    for (const writer of this.#writers)
      if (writer !== undefined && writer.entryCount > 0) this.#chunks.push(writer.finish())
    this.#phase = 'done'
    this.#table.endCut()
    this.#writers.length = 0
  }

  #forget(): void {
    this.#writers.length = 0
    this.#chunks = []
    this.#failure = undefined
  }
}
