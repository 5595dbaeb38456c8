/**
 * The enumerator of one source of a hybrid source, in the place of its own coordinator.
 *
 * Owns: what it says and hears while it starts. Does not own: which source it is (hybrid-enumerator.ts).
 *
 * G1 As with its own coordinator: what it said while it started leaves first, then it hears of the readers, then of what they said. Else it might end a
 *    reader in front of a split that is still on its way to it.
 */
import { EngineError } from '../base/errors.ts'
import type {
  CallSchedule,
  EnumeratorContext,
  ScheduledCall,
  Source,
  SourceEvent,
  SourceSplit,
  SplitEnumerator,
} from './source.ts'
import { type HybridSplit, type ToHybridReader, wrapSplit } from './hybrid-stages.ts'

export interface EnumeratorStageOptions {
  readonly source: Source<unknown>
  readonly stage: number
  /** Whether readers end with it. */
  readonly isLast: boolean
  readonly context: EnumeratorContext<HybridSplit>
  readonly restored: unknown
}

type StageState = 'starting' | 'started' | 'over'

export class EnumeratorStage {
  readonly #options: EnumeratorStageOptions
  readonly #inner: SplitEnumerator<SourceSplit, unknown>
  readonly #calls = new Set<ScheduledCall>()
  /** While it started, in order. */
  #said: (() => void)[] = []
  #heard: (() => void)[] = []
  #state: StageState = 'starting'

  constructor(options: EnumeratorStageOptions) {
    this.#options = options
    this.#inner = options.source.createEnumerator(this.#context(), options.restored)
  }

  async start(
    handedBack: readonly { readonly splits: readonly SourceSplit[]; readonly subtask: number }[],
  ): Promise<void> {
    const { context } = this.#options
    for (const { splits, subtask } of handedBack) this.#inner.addSplitsBack(splits, subtask)
    await this.#inner.start()
    if (this.#state === 'over') return
    this.#state = 'started'
    // G1
    const [said, heard] = [this.#said, this.#heard]
    this.#said = []
    this.#heard = []
    for (const act of said) act()
    for (const subtask of context.registeredReaders()) this.addReader(subtask)
    for (const act of heard) act()
  }

  addReader(subtask: number): void {
    this.#inner.addReader?.(subtask)
  }

  onSplitRequest(subtask: number): void {
    this.#whenStarted(this.#heard, () => this.#inner.onSplitRequest(subtask))
  }

  handleSourceEvent(subtask: number, event: SourceEvent): void {
    this.#whenStarted(this.#heard, () => {
      if (this.#inner.handleSourceEvent === undefined) throw this.#notUnderstood(subtask)
      this.#inner.handleSourceEvent(subtask, event)
    })
  }

  notifyCheckpointComplete(checkpoint: number): void {
    if (this.#state === 'started') this.#inner.notifyCheckpointComplete?.(checkpoint)
  }

  /** Undefined while it starts. */
  snapshot(): { readonly state: unknown } | undefined {
    return this.#state === 'started' ? { state: this.#inner.snapshot() } : undefined
  }

  endState(): unknown {
    return this.#inner.endState?.()
  }

  async close(): Promise<void> {
    this.#state = 'over'
    this.#said = []
    this.#heard = []
    for (const call of this.#calls) call.cancel()
    await this.#inner.close()
  }

  #whenStarted(waiting: (() => void)[], act: () => void): void {
    if (this.#state === 'started') act()
    else if (this.#state === 'starting') waiting.push(act) // readers ask once and wait
  }

  #context(): EnumeratorContext<SourceSplit> {
    const { context, stage } = this.#options
    return {
      env: context.env,
      parallelism: context.parallelism,
      registeredReaders: () => context.registeredReaders(),
      assign: (subtask, splits) =>
        this.#whenStarted(this.#said, () =>
          context.assign(
            subtask,
            splits.map((split) => wrapSplit(stage, split)),
          ),
        ),
      noMoreSplits: (subtask) => this.#whenStarted(this.#said, () => this.#noMoreSplits(subtask)),
      sendEventToSourceReader: (subtask, event) =>
        this.#whenStarted(this.#said, () => this.#tellReader(subtask, { kind: 'inner', event })),
      callAsync: (callable, handler, schedule) => this.#callAsync(callable, handler, schedule),
      fail: (error) => {
        if (this.#state !== 'over') context.fail(error)
      },
    }
  }

  /** Readers go on with the next source, so only the last one ends them. */
  #noMoreSplits(subtask: number): void {
    if (this.#options.isLast) this.#options.context.noMoreSplits(subtask)
    else this.#tellReader(subtask, { kind: 'no-more' })
  }

  #tellReader(subtask: number, message: ToHybridReader): void {
    this.#options.context.sendEventToSourceReader(subtask, message)
  }

  #callAsync<R>(
    callable: () => Promise<R> | R,
    handler: (result: R) => void,
    schedule: CallSchedule = {},
  ): ScheduledCall {
    const made: { call?: ScheduledCall; isCancelled: boolean } = { isCancelled: false }
    this.#whenStarted(this.#said, () => {
      if (made.isCancelled) return
      made.call = this.#options.context.callAsync(callable, handler, schedule)
      this.#calls.add(made.call)
    })
    return {
      cancel: () => {
        made.isCancelled = true
        made.call?.cancel()
      },
    }
  }

  #notUnderstood(subtask: number): EngineError {
    const { source, stage } = this.#options
    return new EngineError(
      'SRC1006',
      `reader ${subtask} of source ${stage + 1} (${source.kind}) of a hybrid source sent an event, and its enumerator has no handleSourceEvent. The job fails and restarts from its last checkpoint. Give that enumerator the method.`,
    )
  }
}
