/**
 * Which owners have a timer, in order of time. Derived from the entries and never written to a snapshot.
 *
 * Owns: the order of distinct timestamps (a heap) and the owners of each (a bucket). Does not own: the timers themselves, which live
 * in their entry (timer-set.ts).
 *
 * Q1 An owner is in the bucket of a timestamp exactly while it has a timer then, so a bucket is never empty.
 * Q2 The heap holds every timestamp that has a bucket; timestamps without one are passed over, and removed before they are the majority.
 */

/** Timestamps without a bucket that the heap may hold besides as many as it holds with one. */
const STALE_MIN = 64

export class TimerQueue<Owner extends object> {
  #heap: number[] = []
  readonly #buckets = new Map<number, Bucket<Owner>>()
  /** The bucket used last: keys come and go by the thousand at the end of the same window. */
  #lastMs = Number.NaN
  #lastBucket: Bucket<Owner> | undefined

  /** The owner has a timer at this time. Idempotent. */
  add(timestampMs: number, owner: Owner): void {
    const bucket = this.#bucketAt(timestampMs)
    if (bucket === undefined) {
      this.#place(timestampMs, owner)
      pushTo(this.#heap, timestampMs)
    } else if (bucket instanceof OwnerGroup) bucket.add(owner)
    else if (bucket !== owner) this.#place(timestampMs, new OwnerGroup(bucket, owner))
  }

  /** The owner has no timer at this time any more. */
  remove(timestampMs: number, owner: Owner): void {
    const bucket = this.#bucketAt(timestampMs)
    if (bucket === undefined) return
    if (bucket instanceof OwnerGroup) {
      if (bucket.remove(owner) > 0) return
    } else if (bucket !== owner) return
    this.#buckets.delete(timestampMs)
    this.#lastBucket = undefined
    if (this.#heap.length > 2 * this.#buckets.size + STALE_MIN) this.#heap = heapOf(this.#buckets.keys())
  }

  /** Smallest timestamp that has a timer. */
  earliestMs(): number | undefined {
    for (;;) {
      const top = this.#heap[0]
      if (top === undefined || this.#bucketAt(top) !== undefined) return top
      popFrom(this.#heap)
    }
  }

  /** One owner of a timer at this time: the same one until it is removed. */
  ownerAt(timestampMs: number): Owner | undefined {
    const bucket = this.#bucketAt(timestampMs)
    return bucket instanceof OwnerGroup ? bucket.front() : bucket
  }

  #bucketAt(timestampMs: number): Bucket<Owner> | undefined {
    if (timestampMs !== this.#lastMs) {
      this.#lastBucket = this.#buckets.get(timestampMs)
      this.#lastMs = timestampMs
    }
    return this.#lastBucket
  }

  #place(timestampMs: number, bucket: Bucket<Owner>): void {
    this.#buckets.set(timestampMs, bucket)
    this.#lastMs = timestampMs
    this.#lastBucket = bucket
  }
}

type Bucket<Owner> = Owner | OwnerGroup<Owner>

/** Several owners of timers of one time: windows of a million keys end together. */
class OwnerGroup<Owner> {
  readonly #owners: Set<Owner>
  /** Goes on where it was, so that taking the owners one by one never walks over those removed before. */
  #cursor: SetIterator<Owner>
  #front: Owner | undefined

  constructor(first: Owner, second: Owner) {
    this.#owners = new Set([first, second])
    this.#cursor = this.#owners.values()
  }

  add(owner: Owner): void {
    this.#owners.add(owner)
  }

  /** Returns how many are left. */
  remove(owner: Owner): number {
    this.#owners.delete(owner)
    if (owner === this.#front) this.#front = undefined
    return this.#owners.size
  }

  front(): Owner | undefined {
    if (this.#front !== undefined) return this.#front
    let step = this.#cursor.next()
    if (step.done === true) {
      this.#cursor = this.#owners.values()
      step = this.#cursor.next()
    }
    this.#front = step.done === true ? undefined : step.value
    return this.#front
  }
}

function pushTo(heap: number[], value: number): void {
  let at = heap.length
  heap.push(value)
  while (at > 0) {
    const parentAt = (at - 1) >> 1
    const parent = heap[parentAt]! // parentAt < at
    if (parent <= value) break
    heap[at] = parent
    at = parentAt
  }
  heap[at] = value
}

function popFrom(heap: number[]): void {
  const last = heap.pop()
  if (last !== undefined && heap.length > 0) sink(heap, 0, last)
}

/** Places `value` at `from` or below, where the heap order holds. */
function sink(heap: number[], from: number, value: number): void {
  const { length } = heap
  let at = from
  for (;;) {
    let childAt = 2 * at + 1
    if (childAt >= length) break
    let child = heap[childAt]! // childAt < length
    const right = childAt + 1 < length ? (heap[childAt + 1] as number) : child // bound checked in the condition
    if (right < child) {
      child = right
      childAt++
    }
    if (child >= value) break
    heap[at] = child
    at = childAt
  }
  heap[at] = value
}

function heapOf(timestamps: Iterable<number>): number[] {
  const heap = [...timestamps]
  for (let at = (heap.length >> 1) - 1; at >= 0; at--) sink(heap, at, heap[at] as number) // at < length
  return heap
}
