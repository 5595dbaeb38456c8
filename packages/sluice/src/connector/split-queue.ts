/**
 * The enumerator of every bounded source: finds its splits once and hands them out.
 *
 * E1 Splits of one sequence alone are handed out one by one, in order, to whoever asks: the work spreads by itself, and what a reader gets
 *    later is later in event time.
 * E2 Splits of several sequences are dealt out before the readers start: one that got a further sequence later would be ahead of it in
 *    event time (C5 of source.ts). Each gets consecutive ones, of about the same size in all.
 */
import type { OrderedSplit } from './chunk-reader.ts'
import type { EnumeratorContext, SplitEnumerator } from './source.ts'

export interface SplitQueueState<Split> {
  /** Not assigned to a reader. */
  readonly splits: readonly Split[]
}

export interface SplitQueueOptions<Split extends OrderedSplit> {
  discover(context: EnumeratorContext<Split>): Promise<readonly Split[]>
  /** Work that the split is, above 0, in any unit. */
  sizeOf(split: Split): number
}

export class SplitQueue<Split extends OrderedSplit> implements SplitEnumerator<Split, SplitQueueState<Split>> {
  readonly #context: EnumeratorContext<Split>
  readonly #options: SplitQueueOptions<Split>
  /** Ascending by index. */
  #splits: Split[] = []
  readonly #isRestored: boolean

  constructor(
    context: EnumeratorContext<Split>,
    restored: SplitQueueState<Split> | undefined,
    options: SplitQueueOptions<Split>,
  ) {
    this.#context = context
    this.#options = options
    this.#isRestored = restored !== undefined
    this.#splits = [...(restored?.splits ?? [])]
  }

  async start(): Promise<void> {
    if (!this.#isRestored) this.addSplitsBack(await this.#options.discover(this.#context))
    if (hasSeveralSequences(this.#splits)) this.#dealOut()
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

  /** E2 */
  #dealOut(): void {
    const shares = sharesOf(this.#splits, this.#context.parallelism, (split) => this.#options.sizeOf(split))
    this.#splits = []
    for (const [subtask, share] of shares.entries()) if (share.length > 0) this.#context.assign(subtask, share)
  }
}

function hasSeveralSequences(splits: readonly OrderedSplit[]): boolean {
  const first = splits[0]
  return splits.some((split) => split !== first && (split.sequence === undefined || split.sequence !== first?.sequence))
}

/** Each split goes to the share that its middle lies in. */
function sharesOf<Split>(
  splits: readonly Split[],
  shareCount: number,
  sizeOf: (split: Split) => number,
): readonly (readonly Split[])[] {
  const shares = Array.from({ length: shareCount }, (): Split[] => [])
  const total = splits.reduce((sum, split) => sum + sizeOf(split), 0)
  let before = 0
  for (const split of splits) {
    const size = sizeOf(split)
    const share = Math.floor(((before + size / 2) * shareCount) / total)
    shares[Math.min(shareCount - 1, share)]?.push(split)
    before += size
  }
  return shares
}
