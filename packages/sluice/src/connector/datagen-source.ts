/**
 * Generated records: record i depends on i and the seed only, so a restored job generates exactly what it would have.
 *
 * G1 Split k of n holds the records k, k + n, k + 2n, …; its whole state is the next index.
 * G2 A reader with several splits goes on with the one that is furthest behind, so that time runs forward in all of them; those that watermark
 *    alignment has paused are left out.
 */
import { present } from '../base/assert.ts'
import type { Random } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import type {
  EnumeratorContext,
  PollResult,
  ReaderContext,
  ReaderOutput,
  Source,
  SourceReader,
  SourceSplit,
  SplitEnumerator,
  SplitOutput,
} from './source.ts'

/** What is generated, how much and how fast. */
export interface DatagenOptions<T> {
  /** Makes record `index`. Everything random in it must come from `random`, which is seeded for this record. */
  readonly generate: (index: number, random: Random) => T
  /** How many records; without it the source never ends. */
  readonly count?: number
  /** Records per second over all subtasks; without it as fast as they are taken. */
  readonly ratePerSecond?: number
  /** Independent sequences; the most subtasks that can generate at once. Default: the parallelism of the first start. */
  readonly splits?: number
  /** Of `random`: another seed, other records. Default 0. */
  readonly seed?: number
  /** What checkpoints know the source by beside its uid. Default `datagen`. */
  readonly name?: string
}

export interface DatagenSplit extends SourceSplit {
  readonly next: number
  readonly stride: number
}

export interface DatagenState {
  readonly splits: readonly DatagenSplit[]
}

/** Records of one split before the next one gets its turn. */
const BLOCK_RECORDS = 256
/** Shortest wait for the rate limit; shorter ones cost more than they smooth. */
const RATE_WAIT_MS_MIN = 2

/**
 * Generates records.
 *
 * @example datagenSource({ generate: (i, random) => ({ id: i, price: random.fraction() }), count: 1_000_000 })
 */
export function datagenSource<T>(options: DatagenOptions<T>): Source<T, DatagenSplit, DatagenState> {
  checkOptions(options)
  const { name = 'datagen', seed = 0 } = options
  return Object.freeze<Source<T, DatagenSplit, DatagenState>>({
    kind: 'datagen',
    identity: { name, seed, count: options.count ?? null },
    boundedness: options.count === undefined ? 'continuous' : 'bounded',
    createEnumerator: (context, restored) => new DatagenEnumerator(context, restored, options.splits),
    createReader: (context) => new DatagenReader(options, context),
  })
}

function checkOptions(options: Pick<DatagenOptions<unknown>, 'count' | 'splits' | 'ratePerSecond'>): void {
  const bad = (['count', 'splits', 'ratePerSecond'] as const).find((name) => {
    const value = options[name]
    if (value === undefined) return false
    return name === 'ratePerSecond' ? !(value > 0) : !Number.isSafeInteger(value) || value < (name === 'count' ? 0 : 1)
  })
  if (bad === undefined) return
  throw new EngineError(
    'CFG1002',
    `datagenSource: ${bad} is ${String(options[bad])}. The graph was not built. Give a positive ${bad === 'ratePerSecond' ? 'number' : 'integer'} or leave it out.`,
  )
}

class DatagenEnumerator implements SplitEnumerator<DatagenSplit, DatagenState> {
  readonly #context: EnumeratorContext<DatagenSplit>
  #splits: readonly DatagenSplit[]

  constructor(
    context: EnumeratorContext<DatagenSplit>,
    restored: DatagenState | undefined,
    splitCount: number | undefined,
  ) {
    this.#context = context
    this.#splits = restored?.splits ?? firstSplits(splitCount ?? context.parallelism)
  }

  async start(): Promise<void> {}

  /** Each reader asks once and gets its share: an unbounded split never ends, so none may wait for another one's end. */
  onSplitRequest(subtask: number): void {
    const isMine = (split: DatagenSplit): boolean => Number(split.id) % this.#context.parallelism === subtask
    const own = this.#splits.filter(isMine)
    this.#splits = this.#splits.filter((split) => !isMine(split))
    if (own.length > 0) this.#context.assign(subtask, own)
    this.#context.noMoreSplits(subtask)
  }

  addSplitsBack(splits: readonly DatagenSplit[]): void {
    this.#splits = [...this.#splits, ...splits]
  }

  snapshot(): DatagenState {
    return { splits: this.#splits }
  }

  async close(): Promise<void> {}
}

function firstSplits(count: number): readonly DatagenSplit[] {
  return Array.from({ length: count }, (_, k) => ({ id: String(k), next: k, stride: count }))
}

interface Sequence<T> {
  readonly split: DatagenSplit
  next: number
  output: SplitOutput<T> | undefined
  isPaused: boolean
}

class DatagenReader<T> implements SourceReader<T, DatagenSplit> {
  readonly #generate: (index: number, random: Random) => T
  readonly #end: number
  readonly #name: string
  readonly #ratePerSecond: number | undefined
  readonly #random: IndexedRandom
  readonly #context: ReaderContext
  readonly #sequences: Sequence<T>[] = []
  #isRequested = false
  #hasAllSplits = false
  #last: number | undefined
  /** Since when, and how many records ago, the rate is measured. */
  #rateStart: { readonly ms: number; records: number } | undefined
  #isWaiting = false

  constructor(options: DatagenOptions<T>, context: ReaderContext) {
    this.#generate = options.generate
    this.#end = options.count ?? Number.MAX_SAFE_INTEGER
    this.#name = options.name ?? 'datagen'
    this.#ratePerSecond = options.ratePerSecond
    this.#random = new IndexedRandom(options.seed ?? 0)
    this.#context = context
  }

  start(): void {
    this.#context.wake()
  }

  addSplits(splits: readonly DatagenSplit[]): void {
    for (const split of splits) this.#sequences.push({ split, next: split.next, output: undefined, isPaused: false })
    this.#rateStart = undefined
    this.#context.wake()
  }

  noMoreSplits(): void {
    this.#hasAllSplits = true
    this.#context.wake()
  }

  pauseOrResumeSplits(pause: readonly string[], resume: readonly string[]): void {
    for (const sequence of this.#sequences) {
      if (pause.includes(sequence.split.id)) sequence.isPaused = true
      if (resume.includes(sequence.split.id)) sequence.isPaused = false
    }
    if (resume.length > 0) this.#context.wake()
  }

  poll(output: ReaderOutput<T>, recordsMax: number): PollResult {
    this.#requestOnce()
    let left = Math.min(recordsMax, this.#allowedRecords())
    if (left <= 0) return 'nothing'
    // All at once: a sequence that is not known yet cannot hold back the watermark of the others.
    for (const sequence of this.#sequences) sequence.output ??= output.split(sequence.split.id)
    while (left > 0 && !output.isFull()) {
      const sequence = this.#furthestBehind()
      if (sequence === undefined) return this.#hasAllSplits && this.#sequences.length === 0 ? 'end' : 'nothing'
      const made = this.#emit(sequence, output, Math.min(left, BLOCK_RECORDS))
      left -= made
      if (this.#rateStart !== undefined) this.#rateStart.records += made
      if (sequence.next >= this.#end) this.#finish(sequence, output)
    }
    return 'more'
  }

  snapshot(): readonly DatagenSplit[] {
    return this.#sequences.map(({ split, next }) => ({ ...split, next }))
  }

  position(): string | undefined {
    return this.#last === undefined ? undefined : `${this.#name} record ${this.#last}`
  }

  async close(): Promise<void> {}

  /** The hot loop. */
  #emit(sequence: Sequence<T>, output: ReaderOutput<T>, recordsMax: number): number {
    const split = present(sequence.output, 'the output of a generated split')
    const { stride } = sequence.split
    const generate = this.#generate
    const random = this.#random
    let made = 0
    for (let index = sequence.next; made < recordsMax && index < this.#end && !output.isFull(); index += stride) {
      sequence.next = index + stride
      this.#last = index
      random.moveTo(index)
      split.emit(generate(index, random), NO_TIMESTAMP)
      made++
    }
    return made
  }

  #furthestBehind(): Sequence<T> | undefined {
    let least: Sequence<T> | undefined
    for (const sequence of this.#sequences) {
      if (!sequence.isPaused && (least === undefined || sequence.next < least.next)) least = sequence
    }
    return least
  }

  #finish(sequence: Sequence<T>, output: ReaderOutput<T>): void {
    this.#sequences.splice(this.#sequences.indexOf(sequence), 1)
    this.#rateStart = undefined
    output.finishSplit(sequence.split.id)
  }

  #requestOnce(): void {
    if (this.#isRequested) return
    this.#isRequested = true
    this.#context.requestSplit()
  }

  #allowedRecords(): number {
    if (this.#ratePerSecond === undefined || this.#sequences.length === 0) return Infinity
    const nowMs = this.#context.env.clock.monotonicMs()
    this.#rateStart ??= { ms: nowMs, records: 0 }
    const perMs = this.#shareOfRate() / 1000
    const allowed = Math.floor((nowMs - this.#rateStart.ms) * perMs) + 1 - this.#rateStart.records
    if (allowed <= 0) this.#waitForRate(Math.max(RATE_WAIT_MS_MIN, (1 - allowed) / perMs))
    return allowed
  }

  #shareOfRate(): number {
    const splitCount = this.#sequences[0]?.split.stride ?? 1
    return ((this.#ratePerSecond ?? 0) * this.#sequences.length) / splitCount
  }

  #waitForRate(ms: number): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    this.#context.env.timers.after(ms, () => {
      this.#isWaiting = false
      this.#context.wake()
    })
  }
}

/** Random numbers that depend on the seed and the index of a record: one object for all records, moved from one to the next. */
class IndexedRandom implements Random {
  readonly #seed: number
  #state = 0

  constructor(seed: number) {
    this.#seed = Math.imul(seed | 0, 0x9e3779b1) ^ 0x85ebca6b
  }

  moveTo(index: number): void {
    const high = Math.floor(index / 4294967296) | 0
    this.#state = mixed(Math.imul((index | 0) ^ this.#seed, 0x9e3779b1) ^ Math.imul(high + 1, 0xc2b2ae35))
  }

  u32(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    return mixed(this.#state) >>> 0
  }

  fraction(): number {
    return this.u32() / 4294967296
  }
}

/** The finalizer of murmur3: every input bit reaches every output bit. */
function mixed(value: number): number {
  let h = value ^ (value >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
