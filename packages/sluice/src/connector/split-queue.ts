/** The enumerator of every bounded source: finds its splits once and hands them out one by one, in order. */
import type { OrderedSplit } from './chunk-reader.ts'
import type { EnumeratorContext, SplitEnumerator } from './source.ts'

export interface SplitQueueState<Split> {
  /** Not assigned to a reader. */
  readonly splits: readonly Split[]
}

export class SplitQueue<Split extends OrderedSplit> implements SplitEnumerator<Split, SplitQueueState<Split>> {
  readonly #context: EnumeratorContext<Split>
  readonly #discover: (context: EnumeratorContext<Split>) => Promise<readonly Split[]>
  /** Ascending by index. */
  #splits: Split[] = []
  readonly #isRestored: boolean

  constructor(
    context: EnumeratorContext<Split>,
    restored: SplitQueueState<Split> | undefined,
    discover: (context: EnumeratorContext<Split>) => Promise<readonly Split[]>,
  ) {
    this.#context = context
    this.#discover = discover
    this.#isRestored = restored !== undefined
    this.#splits = [...(restored?.splits ?? [])]
  }

  async start(): Promise<void> {
    if (!this.#isRestored) this.addSplitsBack(await this.#discover(this.#context))
  }

  onSplitRequest(subtask: number): void {
    const split = this.#splits.shift()
    if (split === undefined) this.#context.noMoreSplits(subtask)
    else this.#context.assign(subtask, [split])
  }

  addSplitsBack(splits: readonly Split[]): void {
    this.#splits = [...this.#splits, ...splits].sort((a, b) => a.index - b.index)
  }

  snapshot(): SplitQueueState<Split> {
    return { splits: [...this.#splits] }
  }

  async close(): Promise<void> {}
}
