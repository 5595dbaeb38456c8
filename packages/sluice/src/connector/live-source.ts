/** What sources that speak to the world outside have in common: one split, one buffer of records that came and were not read yet. */
import type { Sockets } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import type { EnumeratorContext, ReaderContext, SourceSplit, SplitEnumerator } from './source.ts'
import { SplitQueue, type SplitQueueState } from './split-queue.ts'
import type { DeadLetter } from './text-source.ts'

/** The only one: whoever has it opens the socket. */
export interface LiveSplit extends SourceSplit {
  readonly index: number
}

export const LIVE_SPLIT: LiveSplit = Object.freeze({ id: 'socket', index: 0 })

/** Gives the split to the first reader that asks; the others end. */
export function liveEnumerator(
  context: EnumeratorContext<LiveSplit>,
  restored: SplitQueueState<LiveSplit> | undefined,
): SplitEnumerator<LiveSplit, SplitQueueState<LiveSplit>> {
  return new SplitQueue(context, restored, { discover: async () => [LIVE_SPLIT], sizeOf: () => 1 })
}

/** Where there are none, the task fails with SRC1010. */
export function socketsOf({ env, fail }: Pick<ReaderContext, 'env' | 'fail'>, what: string): Sockets | undefined {
  if (env.sockets === undefined) fail(noSockets(what))
  return env.sockets
}

function noSockets(what: string): EngineError {
  return new EngineError(
    'SRC1010',
    `${what} needs sockets, and the place where the job runs has none: it is a simulation or a test. The task fails. Run the job in a process or a cluster, or give the test \`sockets\`.`,
  )
}

/** Something to read: a record, or what could not be decoded. */
export type LiveItem<T> = { readonly record: T } | { readonly letter: DeadLetter }

/** Bytes that wait, as they came, before no more are taken; what is made of them may need several times as much. */
export const BUFFERED_BYTES_MAX = 32 * 1024 * 1024
/** Items that were taken before the others move up. */
const TAKEN_MAX = 1024

/** A queue that is filled between two polls. It may never be empty: what was taken is let go of all the same. */
export class LiveBuffer<T, Item extends LiveItem<T>> {
  #items: (Item | undefined)[] = []
  #itemBytes: number[] = []
  #next = 0
  #bytes = 0

  get size(): number {
    return this.#items.length - this.#next
  }

  /** Of all that wait. */
  get bytes(): number {
    return this.#bytes
  }

  /** `bytes`: as it came. */
  add(item: Item, bytes: number): void {
    this.#items.push(item)
    this.#itemBytes.push(bytes)
    this.#bytes += bytes
  }

  /** The next one, which is gone then. */
  take(): Item | undefined {
    const item = this.#items[this.#next]
    if (item === undefined) return undefined
    this.#bytes -= this.#itemBytes[this.#next] ?? 0 // as many as items
    this.#items[this.#next++] = undefined
    if (this.#next === this.#items.length || (this.#next >= TAKEN_MAX && this.#next * 2 >= this.#items.length)) {
      this.#items = this.#items.slice(this.#next)
      this.#itemBytes = this.#itemBytes.slice(this.#next)
      this.#next = 0
    }
    return item
  }
}

/** @throws CFG1002 when it is no whole number within its limits */
export function limitOf(
  what: string,
  value: number,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw new EngineError(
    'CFG1002',
    `${what} is ${String(value)}. The graph was not built. Give a whole number from ${min} to ${max}.`,
  )
}
