/**
 * The enumerator of a hybrid source: runs the enumerator of the source whose turn it is, and decides when the next one's has come.
 *
 * Owns: which source it is, which readers have finished it. Does not own: splits (the enumerator of that source).
 *
 * H1 The next source begins when every reader has said that it has finished the current one; so no split of a source is anywhere when another one begins.
 * H2 Every reader hears of the switch before it gets the first split of the next source.
 * H3 What an enumerator says while it starts leaves when it has started: a checkpoint meanwhile holds a source that was not begun.
 * H4 The snapshot and the readers' are of the same source: the switch is sent behind the barriers of the checkpoints before it.
 */
import type { EnumeratorContext, Source, SourceEvent, SourceSplit, SplitEnumerator } from './source.ts'
import { EnumeratorStage } from './hybrid-enumerator-stage.ts'
import { fromHybridReader, type HybridSplit, type HybridStage, type ToHybridReader, sourceOf } from './hybrid-stages.ts'

export interface HybridState {
  /** Which source is read, from 0. */
  readonly stage: number
  readonly previousEndState: unknown
  /** Of that source's enumerator; undefined: it had not started. */
  readonly inner: { readonly state: unknown } | undefined
}

interface HandedBack {
  readonly splits: readonly SourceSplit[]
  readonly subtask: number
}

export class HybridEnumerator<T> implements SplitEnumerator<HybridSplit, HybridState> {
  readonly #stages: readonly HybridStage<T>[]
  readonly #context: EnumeratorContext<HybridSplit>
  readonly #restored: HybridState | undefined
  readonly #handedBack: HandedBack[] = []
  /** Readers that have read the current source to its end. */
  readonly #finished = new Set<number>()
  #stage = 0
  #previousEndState: unknown
  #current: EnumeratorStage | undefined
  #isClosed = false

  constructor(
    stages: readonly HybridStage<T>[],
    context: EnumeratorContext<HybridSplit>,
    restored: HybridState | undefined,
  ) {
    this.#stages = stages
    this.#context = context
    this.#restored = restored
    this.#stage = restored?.stage ?? 0
    this.#previousEndState = restored?.previousEndState
  }

  async start(): Promise<void> {
    await this.#begin(this.#restored?.inner)
  }

  addReader(subtask: number): void {
    this.#current?.addReader(subtask)
  }

  onSplitRequest(subtask: number): void {
    this.#current?.onSplitRequest(subtask)
  }

  addSplitsBack(splits: readonly HybridSplit[], subtask: number): void {
    this.#handedBack.push({ splits: splits.map(({ inner }) => inner), subtask })
  }

  handleSourceEvent(subtask: number, event: SourceEvent): void {
    const message = fromHybridReader(event)
    if (message.stage !== this.#stage) return // a late word of a source that is over
    if (message.kind === 'inner') this.#current?.handleSourceEvent(subtask, message.event)
    else this.#onFinished(subtask)
  }

  snapshot(): HybridState {
    return { stage: this.#stage, previousEndState: this.#previousEndState, inner: this.#current?.snapshot() }
  }

  notifyCheckpointComplete(checkpoint: number): void {
    this.#current?.notifyCheckpointComplete(checkpoint)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#current?.close()
  }

  // H1
  #onFinished(subtask: number): void {
    this.#finished.add(subtask)
    if (this.#finished.size === this.#context.parallelism) this.#switch()
  }

  #switch(): void {
    const over = this.#current
    this.#previousEndState = over?.endState()
    this.#stage++
    this.#finished.clear()
    this.#current = undefined
    over?.close().catch((error: unknown) => this.#fail(error))
    this.#begin(undefined).catch((error: unknown) => this.#fail(error))
  }

  // H2
  async #begin(restored: HybridState['inner']): Promise<void> {
    const stage = this.#stage
    const source: Source<unknown> = sourceOf(this.#stages, stage, this.#previousEndState)
    const message: ToHybridReader = { kind: 'switch', stage, previousEndState: this.#previousEndState }
    for (let subtask = 0; subtask < this.#context.parallelism; subtask++)
      this.#context.sendEventToSourceReader(subtask, message)
    this.#current = new EnumeratorStage({
      source,
      stage,
      isLast: stage === this.#stages.length - 1,
      context: this.#context,
      restored: restored?.state,
    })
    await this.#current.start(this.#handedBack.splice(0))
  }

  #fail(error: unknown): void {
    if (!this.#isClosed) this.#context.fail(error)
  }
}
