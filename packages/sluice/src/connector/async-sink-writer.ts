/**
 * Sends the records of one subtask in batches.
 *
 * Owns: what waits and what is on its way, retries, pauses. Does not own: how a batch is sent.
 *
 * A1 A record is waiting, on its way, or acknowledged. A snapshot holds those that are not acknowledged, the ones on their way in front.
 * A2 At the end of the input a snapshot waits until all are acknowledged, and holds none.
 * A3 At most `bufferedMax` records are waiting or on their way, as long as the caller heeds `isBlocked`, and at most `inFlightMax` batches are on their way.
 * A4 What has to be sent again stands in front of all that waits, and nothing is sent before the pause is over.
 * A5 An answer that comes after its time limit, or after `close`, changes nothing.
 */
import { EngineError, messageOf } from '../base/errors.ts'
import type { Env, Timer } from '../base/env.ts'
import type { AsyncSinkOptions } from './async-sink.ts'
import type { SinkContext, SinkWriter, WriterSnapshot } from './sink.ts'

export interface AsyncSinkTerms<T> {
  readonly name: string
  readonly send: AsyncSinkOptions<T>['send']
  readonly recordsMax: number
  readonly bytesMax: number
  readonly afterMs: number
  readonly sizeOf: (value: T) => number
  readonly inFlightMax: number
  readonly bufferedMax: number
  readonly timeoutMs: number
  readonly attemptsMax: number
  readonly backoffMs: { readonly initial: number; readonly max: number }
  readonly isFatal: (error: unknown) => boolean
}

interface Entry<T> {
  readonly value: T
  readonly bytes: number
  /** Tries so far. */
  readonly tries: number
}

interface Batch<T> {
  readonly entries: readonly Entry<T>[]
  readonly controller: AbortController
  readonly limit: Timer
}

export class AsyncSinkWriter<T> implements SinkWriter<T, never, readonly T[]> {
  readonly #terms: AsyncSinkTerms<T>
  readonly #context: SinkContext
  readonly #env: Env
  /** In order of sending. */
  #waiting: Entry<T>[] = []
  #waitingBytes = 0
  /** So many of those that wait are to leave even if they do not fill a batch. */
  #dueCount = 0
  readonly #onTheirWay = new Set<Batch<T>>()
  #onTheirWayCount = 0
  #dueTimer: Timer | undefined
  /** A4 */
  #pause: Timer | undefined
  #failure: EngineError | undefined
  #isAtEnd = false
  #isClosed = false
  /** Those that wait for A2. */
  #flushed: (() => void)[] = []

  constructor(terms: AsyncSinkTerms<T>, context: SinkContext, restored: readonly (readonly T[])[]) {
    this.#terms = terms
    this.#context = context
    this.#env = context.env
    this.#enqueue(restored.flat().map((value) => this.#entry(value)))
    // Not here: the task is only being made.
    if (this.#waiting.length > 0) this.#env.turns.next(() => this.#sendDue(this.#waiting.length))
  }

  write(value: T): void {
    this.#enqueue([this.#entry(value)])
    if (this.#isFull()) this.#pump()
    this.#watchAge()
  }

  isBlocked(): boolean {
    return this.#count() >= this.#terms.bufferedMax
  }

  async snapshot(checkpoint: number): Promise<WriterSnapshot<never, readonly T[]>> {
    if (this.#isAtEnd || checkpoint === 0) await this.#flush()
    if (this.#failure !== undefined) throw this.#failure
    const unacknowledged = [...[...this.#onTheirWay].flatMap(({ entries }) => entries), ...this.#waiting]
    return { committables: [], states: chunks(unacknowledged, this.#terms.recordsMax) }
  }

  endOfInput(): void {
    this.#isAtEnd = true
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#dueTimer?.cancel()
    this.#pause?.cancel()
    for (const { controller, limit } of this.#onTheirWay) {
      limit.cancel()
      controller.abort()
    }
    this.#onTheirWay.clear()
  }

  #count(): number {
    return this.#waiting.length + this.#onTheirWayCount
  }

  #entry(value: T): Entry<T> {
    const bytes = this.#terms.sizeOf(value)
    if (!(bytes >= 0)) throw new TypeError(`sizeOf gave ${String(bytes)}, which is no number of bytes`)
    return { value, bytes, tries: 0 }
  }

  #enqueue(entries: readonly Entry<T>[]): void {
    for (const entry of entries) {
      this.#waiting.push(entry)
      this.#waitingBytes += entry.bytes
    }
  }

  #isFull(): boolean {
    return this.#waiting.length >= this.#terms.recordsMax || this.#waitingBytes >= this.#terms.bytesMax
  }

  // A2
  #flush(): Promise<void> {
    this.#sendDue(this.#waiting.length)
    if (this.#count() === 0 || this.#failure !== undefined) return Promise.resolve()
    return new Promise((resolve) => void this.#flushed.push(resolve))
  }

  #sendDue(count: number): void {
    this.#dueCount = Math.max(this.#dueCount, count)
    this.#pump()
  }

  /** The first of those that are not due yet has waited for `afterMs`, at the latest, when the timer fires. */
  #watchAge(): void {
    if (this.#dueTimer !== undefined || this.#waiting.length <= this.#dueCount) return
    this.#dueTimer = this.#env.timers.after(this.#terms.afterMs, () => {
      this.#dueTimer = undefined
      this.#sendDue(this.#waiting.length)
    })
  }

  // A3
  #pump(): void {
    if (this.#isClosed || this.#failure !== undefined || this.#pause !== undefined) return
    while (this.#onTheirWay.size < this.#terms.inFlightMax && (this.#isFull() || this.#dueCount > 0)) {
      if (this.#waiting.length === 0) break
      this.#sendBatch(this.#takeBatch())
    }
    this.#watchAge()
  }

  #takeBatch(): readonly Entry<T>[] {
    const { recordsMax, bytesMax } = this.#terms
    let bytes = 0
    let count = 0
    for (const entry of this.#waiting) {
      if (count === recordsMax || (count > 0 && bytes + entry.bytes > bytesMax)) break
      bytes += entry.bytes
      count++
    }
    this.#waitingBytes -= bytes
    this.#dueCount = Math.max(0, this.#dueCount - count)
    return this.#waiting.splice(0, count)
  }

  #sendBatch(entries: readonly Entry<T>[]): void {
    const controller = new AbortController()
    const limit = this.#env.timers.after(this.#terms.timeoutMs, () => {
      const error = new TypeError(`no answer within ${this.#terms.timeoutMs} ms`)
      this.#onAnswer(batch, { retry: entries, error })
      controller.abort(error)
    })
    const batch: Batch<T> = { entries, controller, limit }
    this.#onTheirWay.add(batch)
    this.#onTheirWayCount += entries.length
    this.#call(batch).then(
      (retry) => this.#onAnswer(batch, { retry, error: undefined }),
      (error: unknown) => this.#onAnswer(batch, { retry: entries, error }),
    )
  }

  /** The entries to send again. */
  async #call({ entries, controller }: Batch<T>): Promise<readonly Entry<T>[]> {
    const result = await this.#terms.send(
      entries.map(({ value }) => value),
      { signal: controller.signal, attempt: triesOf(entries) + 1, subtask: this.#context.subtask },
    )
    return result === undefined ? [] : chosen(entries, result.retry, this.#terms.name)
  }

  #onAnswer(batch: Batch<T>, { retry, error }: { readonly retry: readonly Entry<T>[]; readonly error: unknown }): void {
    if (this.#isClosed || !this.#onTheirWay.delete(batch)) return // A5
    const wasBlocked = this.isBlocked()
    batch.limit.cancel()
    this.#onTheirWayCount -= batch.entries.length
    if (retry.length > 0) this.#sendAgain(retry, error)
    if (wasBlocked && !this.isBlocked()) this.#context.wake()
    this.#pump()
    if (this.#count() === 0) for (const resolve of this.#flushed.splice(0)) resolve()
  }

  // A4
  #sendAgain(failed: readonly Entry<T>[], error: unknown): void {
    const entries = failed.map((entry) => ({ ...entry, tries: entry.tries + 1 }))
    this.#waiting = [...entries, ...this.#waiting]
    for (const { bytes } of entries) this.#waitingBytes += bytes
    this.#dueCount += entries.length
    const tries = triesOf(entries)
    const fatal = this.#fatalReason(error)
    if (fatal !== undefined || tries >= this.#terms.attemptsMax)
      return this.#fail(entries.length, tries, fatal ?? error)
    this.#pause?.cancel()
    this.#pause = this.#env.timers.after(this.#pauseMs(tries), () => {
      this.#pause = undefined
      this.#pump()
    })
  }

  /** Undefined: the error may pass. */
  #fatalReason(error: unknown): unknown {
    try {
      return error !== undefined && this.#terms.isFatal(error) ? error : undefined
    } catch (thrown) {
      return new TypeError(`isFatal threw: ${messageOf(thrown)}`, { cause: error }) // SNK1005 names it
    }
  }

  /** With jitter: subtasks that failed together do not come back together. */
  #pauseMs(tries: number): number {
    const { initial, max } = this.#terms.backoffMs
    return Math.min(max, initial * 2 ** (tries - 1)) * (0.5 + this.#env.random.fraction() / 2)
  }

  #fail(count: number, tries: number, error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = notSent(this.#terms.name, { count, tries, error })
    for (const resolve of this.#flushed.splice(0)) resolve()
    this.#context.fail(this.#failure)
  }
}

function triesOf(entries: readonly Entry<unknown>[]): number {
  return entries.reduce((most, { tries }) => Math.max(most, tries), 0)
}

/** The entries of these values, each once. */
function chosen<T>(entries: readonly Entry<T>[], values: readonly T[], name: string): readonly Entry<T>[] {
  if (!Array.isArray(values)) throw new TypeError(`send of ${name} gave something that is not \`{ retry: [...] }\``)
  const left = [...entries]
  return values.map((value) => {
    const at = left.findIndex((entry) => entry.value === value)
    const [entry] = at < 0 ? [] : left.splice(at, 1)
    if (entry === undefined) throw new TypeError('`retry` holds a record that is not in the batch, or is there twice')
    return entry
  })
}

function chunks<T>(entries: readonly Entry<T>[], size: number): readonly (readonly T[])[] {
  const found: T[][] = []
  for (let start = 0; start < entries.length; start += size)
    found.push(entries.slice(start, start + size).map(({ value }) => value))
  return found
}

interface Unsent {
  readonly count: number
  readonly tries: number
  readonly error: unknown
}

function notSent(name: string, { count, tries, error }: Unsent): EngineError {
  const why = error === undefined ? 'send gave them back' : messageOf(error)
  return new EngineError(
    'SNK1005',
    `${count} records could not be sent to ${name} in ${tries} tries: ${why}. The job restarts from its last checkpoint and sends them again. ` +
      'Look at the other side; if it needs longer to recover, raise retry.attempts or retry.max.',
    error === undefined ? {} : { cause: error },
  )
}
