/**
 * The events as a source of several splits: shard s of p makes the blocks of 50 events whose number leaves the rest s when divided by p.
 * So the union of all shards is the same whatever the parallelism, and so is every result. All that a shard keeps is the id of its next event.
 */
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
} from 'sluice'
import { EVENTS_PER_EPOCH, NexmarkGenerator } from './generator.ts'
import type { NexmarkEvent } from './model.ts'

export interface NexmarkOptions {
  /** How many events there are in all. */
  readonly events: number
  /** Events per second of event time; how fast they are made does not depend on it. */
  readonly rate: number
}

interface Shard extends SourceSplit {
  readonly shards: number
  /** Id of the next event. */
  readonly next: number
}

export function nexmarkSource(options: NexmarkOptions): Source<NexmarkEvent, Shard, readonly Shard[]> {
  return Object.freeze<Source<NexmarkEvent, Shard, readonly Shard[]>>({
    kind: 'nexmark',
    identity: { ...options },
    boundedness: 'bounded',
    createEnumerator: (context, restored) => new ShardEnumerator(context, restored),
    createReader: (context) => new ShardReader(options, context),
  })
}

/** As many shards as there are subtasks at the first start; each subtask asks once and gets its share. */
class ShardEnumerator implements SplitEnumerator<Shard, readonly Shard[]> {
  readonly #context: EnumeratorContext<Shard>
  #shards: readonly Shard[]

  constructor(context: EnumeratorContext<Shard>, restored: readonly Shard[] | undefined) {
    this.#context = context
    this.#shards = restored ?? firstShards(context.parallelism)
  }

  async start(): Promise<void> {}

  onSplitRequest(subtask: number): void {
    const isMine = (shard: Shard): boolean => Number(shard.id) % this.#context.parallelism === subtask
    const mine = this.#shards.filter(isMine)
    this.#shards = this.#shards.filter((shard) => !isMine(shard))
    if (mine.length > 0) this.#context.assign(subtask, mine)
    this.#context.noMoreSplits(subtask)
  }

  addSplitsBack(shards: readonly Shard[]): void {
    this.#shards = [...this.#shards, ...shards]
  }

  snapshot(): readonly Shard[] {
    return this.#shards
  }

  async close(): Promise<void> {}
}

function firstShards(shards: number): readonly Shard[] {
  return Array.from({ length: shards }, (_, shard) => ({ id: String(shard), shards, next: shard * EVENTS_PER_EPOCH }))
}

interface OpenShard {
  readonly shard: Shard
  next: number
  output: SplitOutput<NexmarkEvent> | undefined
}

/** Reads the shard that is furthest behind, one block after the other, so that time runs forward in all of them. */
class ShardReader implements SourceReader<NexmarkEvent, Shard> {
  readonly #context: ReaderContext
  readonly #generator: NexmarkGenerator
  readonly #end: number
  readonly #open: OpenShard[] = []
  #hasAsked = false
  #hasAllShards = false
  #lastId: number | undefined

  constructor({ events, rate }: NexmarkOptions, context: ReaderContext) {
    this.#context = context
    this.#generator = new NexmarkGenerator(rate)
    this.#end = events
  }

  start(): void {
    this.#context.wake()
  }

  addSplits(shards: readonly Shard[]): void {
    for (const shard of shards) this.#open.push({ shard, next: shard.next, output: undefined })
    this.#context.wake()
  }

  noMoreSplits(): void {
    this.#hasAllShards = true
    this.#context.wake()
  }

  poll(output: ReaderOutput<NexmarkEvent>, recordsMax: number): PollResult {
    this.#askOnce()
    for (const open of this.#open) open.output ??= output.split(open.shard.id)
    let left = recordsMax
    while (left > 0 && !output.isFull()) {
      const behind = this.#furthestBehind()
      if (behind === undefined) return this.#hasAllShards ? 'end' : 'nothing'
      left -= this.#makeBlock(behind, output, left)
      if (behind.next >= this.#end) this.#finish(behind, output)
    }
    return 'more'
  }

  snapshot(): readonly Shard[] {
    return this.#open.map(({ shard, next }) => ({ ...shard, next }))
  }

  position(): string | undefined {
    return this.#lastId === undefined ? undefined : `event ${this.#lastId}`
  }

  async close(): Promise<void> {}

  /** At most to the end of the shard's block. */
  #makeBlock(open: OpenShard, output: ReaderOutput<NexmarkEvent>, recordsMax: number): number {
    const first = open.next
    const blockEnd = first - (first % EVENTS_PER_EPOCH) + EVENTS_PER_EPOCH
    const end = Math.min(first + recordsMax, blockEnd, this.#end)
    let id = first
    while (id < end && !output.isFull()) {
      const event = this.#generator.event(id)
      this.#lastId = id++
      open.next = id === blockEnd ? id + (open.shard.shards - 1) * EVENTS_PER_EPOCH : id
      open.output?.emit(event, event.dateTime)
    }
    return id - first
  }

  #furthestBehind(): OpenShard | undefined {
    let least = this.#open[0]
    for (const open of this.#open) {
      if (least !== undefined && open.next < least.next) least = open
    }
    return least
  }

  #finish(open: OpenShard, output: ReaderOutput<NexmarkEvent>): void {
    this.#open.splice(this.#open.indexOf(open), 1)
    output.finishSplit(open.shard.id)
  }

  #askOnce(): void {
    if (this.#hasAsked) return
    this.#hasAsked = true
    this.#context.requestSplit()
  }
}
