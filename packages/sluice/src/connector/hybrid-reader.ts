/**
 * The reader of a hybrid source: the reader of the source whose turn it is, until the enumerator says that it is another one's.
 *
 * R1 Which source is read is the enumerator's to say, also after a restore: restored splits wait for it.
 * R2 A reader that has finished a source, and waits for the others, holds its watermark and is not idle: what it reads next is behind what it has read, and
 *    maybe not behind what the others have read.
 */
import { assert, present } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import {
  type FromHybridReader,
  type HybridSplit,
  type HybridStage,
  type ToHybridReader,
  prefixOf,
  sourceOf,
  toHybridReader,
  wrapSplit,
} from './hybrid-stages.ts'
import type {
  PollResult,
  ReaderContext,
  ReaderOutput,
  SourceEvent,
  SourceReader,
  SourceSplit,
  SplitOutput,
} from './source.ts'

interface Turn {
  state: 'current' | 'over'
}

interface Reading<T> {
  readonly stage: number
  readonly turn: Turn
  readonly reader: SourceReader<T, SourceSplit>
  readonly output: StageOutput<T>
}

export class HybridReader<T> implements SourceReader<T, HybridSplit> {
  readonly #stages: readonly HybridStage<T>[]
  readonly #context: ReaderContext
  /** Of the source that was not named yet (R1). */
  #waiting: readonly HybridSplit[] = []
  #current: Reading<T> | undefined
  /** Stands for what comes next while the watermark is held (R2). */
  #expected: string | undefined

  constructor(stages: readonly HybridStage<T>[], context: ReaderContext) {
    this.#stages = stages
    this.#context = context
  }

  start(): void {}

  addSplits(splits: readonly HybridSplit[]): void {
    if (this.#current === undefined) this.#waiting = [...this.#waiting, ...splits]
    else this.#current.reader.addSplits(splits.map(({ inner }) => inner))
  }

  noMoreSplits(): void {
    this.#current?.reader.noMoreSplits()
  }

  handleSourceEvents(event: SourceEvent): void {
    const message = toHybridReader(event)
    switch (message.kind) {
      case 'switch':
        return this.#switch(message)
      case 'no-more':
        return this.#current?.reader.noMoreSplits()
      case 'inner':
        return this.#onInnerEvent(message.event)
    }
  }

  pauseOrResumeSplits(pause: readonly string[], resume: readonly string[]): void {
    if (this.#current === undefined) return
    const { stage, reader } = this.#current
    const inner = (id: string): string => id.slice(prefixOf(stage).length)
    reader.pauseOrResumeSplits?.(pause.map(inner), resume.map(inner))
  }

  notifyCheckpointComplete(checkpoint: number): Promise<void> | void {
    return this.#current?.reader.notifyCheckpointComplete?.(checkpoint)
  }

  poll(output: ReaderOutput<T>, recordsMax: number): PollResult {
    const current = this.#current
    if (current === undefined) return 'nothing'
    const next = prefixOf(current.stage + 1)
    if (this.#expected === next) return 'nothing' // finished, and waiting for the others
    if (this.#expected !== undefined) output.finishSplit(this.#expected)
    this.#expected = undefined
    current.output.to = output
    const result = current.reader.poll(current.output, recordsMax)
    if (result !== 'end' || current.stage === this.#stages.length - 1) return result
    this.#expected = next
    output.expectSplit(next) // R2
    this.#tell({ kind: 'finished', stage: current.stage })
    return 'nothing'
  }

  snapshot(checkpoint: number): readonly HybridSplit[] {
    const current = this.#current
    if (current === undefined) return this.#waiting
    return current.reader.snapshot(checkpoint).map((split) => wrapSplit(current.stage, split))
  }

  position(): string | undefined {
    return this.#current?.reader.position()
  }

  async close(): Promise<void> {
    await this.#current?.reader.close()
  }

  #switch({ stage, previousEndState }: Extract<ToHybridReader, { kind: 'switch' }>): void {
    this.#endTurn()
    const turn: Turn = { state: 'current' }
    const reader = sourceOf(this.#stages, stage, previousEndState).createReader(this.#contextOf(stage, turn))
    this.#current = { stage, turn, reader, output: new StageOutput(prefixOf(stage)) }
    reader.start()
    const splits = this.#waiting
    this.#waiting = []
    const areOfStage = splits.every((split) => split.stage === stage)
    assert(areOfStage, 'restored splits are of another source than the enumerator says', { stage })
    if (splits.length > 0) reader.addSplits(splits.map(({ inner }) => inner))
    this.#context.wake()
  }

  #onInnerEvent(event: SourceEvent): void {
    const current = this.#current
    if (current === undefined) return
    if (current.reader.handleSourceEvents === undefined) throw notUnderstood(current.stage)
    current.reader.handleSourceEvents(event)
  }

  #endTurn(): void {
    if (this.#current === undefined) return
    this.#current.turn.state = 'over'
    this.#current.reader.close().catch((error: unknown) => this.#context.fail(error))
  }

  /** What a reader still does when its turn is over is of no interest. */
  #contextOf(stage: number, turn: Turn): ReaderContext {
    const context = this.#context
    const inTurn = (act: () => void): void => {
      if (turn.state === 'current') act()
    }
    return {
      ...context,
      requestSplit: () => inTurn(() => context.requestSplit()),
      sendSourceEvent: (event) => inTurn(() => this.#tell({ kind: 'inner', stage, event })),
      fail: (error) => inTurn(() => context.fail(error)),
    }
  }

  #tell(message: FromHybridReader): void {
    this.#context.sendSourceEvent(message)
  }
}

/** Puts the number of the source in front of the ids of its splits. */
class StageOutput<T> implements ReaderOutput<T> {
  readonly #prefix: string
  /** The output of the poll at hand. */
  to: ReaderOutput<T> | undefined

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  split(splitId: string): SplitOutput<T> {
    return this.#open().split(this.#prefix + splitId)
  }

  finishSplit(splitId: string): void {
    this.#open().finishSplit(this.#prefix + splitId)
  }

  expectSplit(splitId: string): void {
    this.#open().expectSplit(this.#prefix + splitId)
  }

  sideOutput(tag: string, value: unknown): void {
    this.#open().sideOutput(tag, value)
  }

  isFull(): boolean {
    return this.#open().isFull()
  }

  #open(): ReaderOutput<T> {
    return present(this.to, 'the output of a poll')
  }
}

function notUnderstood(stage: number): EngineError {
  return new EngineError(
    'SRC1006',
    `the enumerator of source ${stage + 1} of a hybrid source sent an event, and its reader has no handleSourceEvents. The task fails and the job restarts from its last checkpoint. Give that reader the method.`,
  )
}
