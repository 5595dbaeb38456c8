/** A source whose splits appear while the job runs: the test pushes names, the enumerator looks for them. */
import type {
  EnumeratorContext,
  PollResult,
  ReaderContext,
  ReaderOutput,
  Source,
  SourceEvent,
  SourceReader,
  SourceSplit,
  SplitEnumerator,
} from '../src/connector/source.ts'
import { NO_TIMESTAMP } from '../src/stream/element.ts'

/** Records of one split: `name/0` to `name/9`. */
export const SPLIT_RECORDS = 10

export interface FoundSplit extends SourceSplit {
  readonly next: number
}

interface FoundState {
  readonly seen: readonly string[]
  readonly unassigned: readonly FoundSplit[]
}

export interface Found {
  /** Names that can be found by now. */
  readonly names: string[]
  /** Nothing will be added any more. */
  isComplete: boolean
  /** What happened to enumerators, newest last. */
  readonly log: string[]
}

export interface FoundOptions {
  readonly periodMs?: number
  readonly restoredSplits?: 'readers' | 'enumerator'
}

export function foundSource(found: Found, options: FoundOptions = {}): Source<string, FoundSplit, FoundState> {
  return Object.freeze<Source<string, FoundSplit, FoundState>>({
    kind: 'found',
    identity: null,
    boundedness: 'bounded',
    ...(options.restoredSplits === undefined ? {} : { restoredSplits: options.restoredSplits }),
    createEnumerator: (context, restored) => new FoundEnumerator(found, context, restored, options.periodMs ?? 100),
    createReader: (context) => new FoundReader(context),
  })
}

class FoundEnumerator implements SplitEnumerator<FoundSplit, FoundState> {
  readonly #found: Found
  readonly #context: EnumeratorContext<FoundSplit>
  readonly #seen: Set<string>
  readonly #periodMs: number
  #unassigned: FoundSplit[]
  #next = 0

  constructor(
    found: Found,
    context: EnumeratorContext<FoundSplit>,
    restored: FoundState | undefined,
    periodMs: number,
  ) {
    this.#found = found
    this.#context = context
    this.#seen = new Set(restored?.seen)
    this.#unassigned = [...(restored?.unassigned ?? [])]
    this.#periodMs = periodMs
  }

  async start(): Promise<void> {
    this.#context.callAsync(
      async () => ({ names: [...this.#found.names], isComplete: this.#found.isComplete }),
      (listing) => this.#onListing(listing),
      { periodMs: this.#periodMs },
    )
  }

  onSplitRequest(): void {}

  addSplitsBack(splits: readonly FoundSplit[], subtask: number): void {
    this.#found.log.push(`back from ${subtask}: ${splits.map(({ id, next }) => `${id}@${next}`).join(' ')}`)
    this.#unassigned.push(...splits)
  }

  snapshot(): FoundState {
    return { seen: [...this.#seen], unassigned: [...this.#unassigned] }
  }

  async close(): Promise<void> {}

  #onListing({ names, isComplete }: { readonly names: readonly string[]; readonly isComplete: boolean }): void {
    for (const id of names) {
      if (this.#seen.has(id)) continue
      this.#seen.add(id)
      this.#unassigned.push({ id, next: 0 })
    }
    const readers = this.#context.registeredReaders()
    for (const split of this.#unassigned.splice(0)) this.#context.assign(this.#next++ % readers.length, [split])
    if (isComplete) for (const subtask of readers) this.#context.noMoreSplits(subtask)
  }
}

class FoundReader implements SourceReader<string, FoundSplit> {
  readonly #context: ReaderContext
  #splits: FoundSplit[] = []
  #hasAll = false

  constructor(context: ReaderContext) {
    this.#context = context
  }

  start(): void {}

  addSplits(splits: readonly FoundSplit[]): void {
    this.#splits.push(...splits)
    this.#context.wake()
  }

  noMoreSplits(): void {
    this.#hasAll = true
    this.#context.wake()
  }

  poll(output: ReaderOutput<string>, recordsMax: number): PollResult {
    for (let count = 0; count < recordsMax && !output.isFull(); count++) {
      const [split, ...others] = this.#splits
      if (split === undefined) return this.#hasAll ? 'end' : 'nothing'
      this.#splits = split.next + 1 < SPLIT_RECORDS ? [{ ...split, next: split.next + 1 }, ...others] : others
      output.split(split.id).emit(`${split.id}/${split.next}`, NO_TIMESTAMP)
      if (split.next + 1 === SPLIT_RECORDS) output.finishSplit(split.id)
    }
    return 'more'
  }

  snapshot(): readonly FoundSplit[] {
    return this.#splits
  }

  position(): string | undefined {
    return undefined
  }

  async close(): Promise<void> {}
}

export interface EventSourceScript {
  /** What a reader says when it starts. */
  readonly hello: (subtask: number) => SourceEvent
  /** Undefined: none. */
  readonly answer: (subtask: number, event: SourceEvent) => SourceEvent
  /** Events of the enumerator after which a reader ends. */
  readonly eventCount: number
}

/** Readers say hello, and emit what the enumerator answers. */
export function eventSource(script: EventSourceScript): Source<unknown, SourceSplit, null> {
  return Object.freeze<Source<unknown, SourceSplit, null>>({
    kind: 'events',
    identity: null,
    boundedness: 'bounded',
    createEnumerator: (context) => ({
      start: async () => {},
      onSplitRequest: () => {},
      addSplitsBack: () => {},
      handleSourceEvent: (subtask, event) => {
        const answer = script.answer(subtask, event)
        if (answer === undefined) return
        context.assign(subtask, [{ id: `${String(answer)}` }])
        context.sendEventToSourceReader(subtask, answer)
      },
      snapshot: () => null,
      close: async () => {},
    }),
    createReader: (context) => new EventReader(script, context),
  })
}

class EventReader implements SourceReader<unknown, SourceSplit> {
  readonly #script: EventSourceScript
  readonly #context: ReaderContext
  readonly #heard: unknown[] = []
  #emitted = 0

  constructor(script: EventSourceScript, context: ReaderContext) {
    this.#script = script
    this.#context = context
  }

  start(): void {
    this.#context.sendSourceEvent(this.#script.hello(this.#context.subtask))
  }

  addSplits(splits: readonly SourceSplit[]): void {
    this.#heard.push(...splits.map(({ id }) => `split ${id}`))
  }

  noMoreSplits(): void {}

  handleSourceEvents(event: SourceEvent): void {
    this.#heard.push(event)
    this.#context.wake()
  }

  poll(output: ReaderOutput<unknown>): PollResult {
    for (; this.#emitted < this.#heard.length; this.#emitted++)
      output.split('events').emit({ subtask: this.#context.subtask, heard: this.#heard[this.#emitted] }, NO_TIMESTAMP)
    return this.#emitted >= this.#script.eventCount ? 'end' : 'nothing'
  }

  snapshot(): readonly SourceSplit[] {
    return []
  }

  position(): string | undefined {
    return undefined
  }

  async close(): Promise<void> {}
}
