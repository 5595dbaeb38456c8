/**
 * The watermark of one source subtask, combined from the splits it reads.
 *
 * Owns: one generator per split, which splits are idle, and what was emitted last. Does not own: clocks and when to emit – the source
 * driver probes with `emit` at every watermark interval.
 *
 * W1 The combined watermark is the minimum over active splits; when all are idle, the maximum over all. It never goes back.
 * W2 A split becomes idle at the second of two probes without a record that lie more than `idleAfterMs` apart.
 * W3 A subtask without splits keeps its watermark; it becomes idle like a silent split does.
 * W3a A split that is assigned but not read yet holds the watermark where it is, unless an earlier one of its sequence is being read: its
 *    records are not late because a sibling that is read before it is ahead. While any split is unread the subtask is not idle.
 * W4 A blocked output is not idleness: `onBlocked` starts all waits anew. Neither is a pause of watermark alignment, of a split or of all.
 * W4a A split that is expected holds the watermark like one that is assigned and not read yet.
 */
import { MIN_WATERMARK } from '../stream/element.ts'
import { SplitSequences, type AssignedSplit } from './split-sequences.ts'
import type { WatermarkGenerator } from './watermark-strategy.ts'
import { NO_UPDATE, type WatermarkUpdate } from './watermark-update.ts'

/** The part of a watermark strategy that is needed here. */
export interface SplitWatermarkOptions {
  readonly idleAfterMs: number | undefined
  createGenerator(): WatermarkGenerator
}

/** Splits to pause, and splits that may go on. */
export interface SplitPauses {
  readonly pause: readonly string[]
  readonly resume: readonly string[]
}

/** The time of one split; keep it while the split is read. */
export interface SplitWatermark {
  /** Called for every record. */
  onEvent(timestampMs: number): void
}

export class SplitWatermarks {
  readonly #options: SplitWatermarkOptions
  readonly #splits = new Map<string, TrackedSplit>()
  readonly #sequences = new SplitSequences()
  readonly #withoutSplits: IdleWait
  #emitted = MIN_WATERMARK
  #isIdle = false

  constructor(options: SplitWatermarkOptions) {
    this.#options = options
    this.#withoutSplits = new IdleWait(options.idleAfterMs)
  }

  /** The split will be read later (W3a). */
  assigned(split: AssignedSplit): void {
    this.#sequences.assigned(split)
  }

  /** The split's watermark, new when it is not known yet. */
  split(id: string): SplitWatermark {
    const known = this.#splits.get(id)
    if (known !== undefined) return known
    this.#sequences.opened(id)
    const split = new TrackedSplit(this.#options.createGenerator(), new IdleWait(this.#options.idleAfterMs))
    this.#splits.set(id, split)
    this.#withoutSplits.restart()
    return split
  }

  /** Forgets a finished split; the next `emit` may advance because of it. */
  remove(id: string): void {
    this.#splits.delete(id)
    this.#sequences.removed(id)
    if (this.#splits.size === 0) this.#withoutSplits.restart() // W3
  }

  /** The output takes no records now: silence is not the splits' doing (W4). */
  onBlocked(): void {
    this.#withoutSplits.hold()
    for (const split of this.#splits.values()) split.wait.hold()
  }

  /** Probes all splits. `nowMs` is monotonic. */
  emit(nowMs: number): WatermarkUpdate {
    const isIdle = this.#probe(nowMs)
    const watermark = this.#combined(isIdle ? 'idle' : 'active')
    const isNewWatermark = watermark > this.#emitted
    const isNewIdleness = isIdle !== this.#isIdle
    if (!isNewWatermark && !isNewIdleness) return NO_UPDATE
    if (isNewWatermark) this.#emitted = watermark
    this.#isIdle = isIdle
    return { ...(isNewWatermark ? { watermark } : {}), ...(isNewIdleness ? { idle: isIdle } : {}) }
  }

  /** Splits whose own watermark has come to be above `watermarkMax`, and those for which it is not any more; undefined: none. */
  align(watermarkMax: number): SplitPauses | undefined {
    const pause: string[] = []
    const resume: string[] = []
    for (const [id, split] of this.#splits) {
      const isAhead = split.generator.current() > watermarkMax
      if (isAhead === split.isPaused) continue
      split.isPaused = isAhead
      if (isAhead) pause.push(id)
      else resume.push(id)
    }
    return pause.length + resume.length === 0 ? undefined : { pause, resume }
  }

  isIdle(): boolean {
    return this.#isIdle
  }

  /** The last emitted watermark. */
  current(): number {
    return this.#emitted
  }

  #probe(nowMs: number): boolean {
    if (this.#sequences.isWaiting()) return false
    if (this.#splits.size === 0) return this.#withoutSplits.probe(nowMs)
    let areAllIdle = true
    for (const split of this.#splits.values()) if (!split.probe(nowMs)) areAllIdle = false
    return areAllIdle && !this.#sequences.hasUnread()
  }

  /** W1 */
  #combined(status: 'idle' | 'active'): number {
    if (this.#sequences.isWaiting()) return this.#emitted // W3a
    return status === 'idle' ? this.#greatest() : this.#least()
  }

  #least(): number {
    let least = Number.POSITIVE_INFINITY
    for (const { generator, wait } of this.#splits.values())
      if (!wait.isIdle()) least = Math.min(least, generator.current())
    return least === Number.POSITIVE_INFINITY ? this.#emitted : least // W3
  }

  #greatest(): number {
    let greatest = this.#emitted
    for (const { generator } of this.#splits.values()) greatest = Math.max(greatest, generator.current())
    return greatest
  }
}

class TrackedSplit implements SplitWatermark {
  readonly generator: WatermarkGenerator
  readonly wait: IdleWait
  /** Its reader gives no records of it, because it is ahead of others. */
  isPaused = false
  #sawEvent = false

  constructor(generator: WatermarkGenerator, wait: IdleWait) {
    this.generator = generator
    this.wait = wait
  }

  onEvent(timestampMs: number): void {
    this.generator.onEvent(timestampMs)
    this.#sawEvent = true
  }

  probe(nowMs: number): boolean {
    if (this.isPaused) this.wait.hold() // W4
    if (this.#sawEvent) {
      this.#sawEvent = false
      this.wait.restart()
      return false
    }
    return this.wait.probe(nowMs)
  }
}

type Silence =
  | { readonly kind: 'active' }
  | { readonly kind: 'silent'; readonly sinceMs: number }
  | { readonly kind: 'idle' }

const ACTIVE: Silence = Object.freeze({ kind: 'active' })
const IDLE: Silence = Object.freeze({ kind: 'idle' })

/** W2 */
class IdleWait {
  readonly #afterMs: number | undefined
  #state: Silence = ACTIVE

  constructor(afterMs: number | undefined) {
    this.#afterMs = afterMs
  }

  isIdle(): boolean {
    return this.#state.kind === 'idle'
  }

  restart(): void {
    this.#state = ACTIVE
  }

  /** Waits anew, but what is idle already stays so. */
  hold(): void {
    if (this.#state.kind === 'silent') this.#state = ACTIVE
  }

  probe(nowMs: number): boolean {
    if (this.#afterMs === undefined) return false
    if (this.#state.kind === 'active') this.#state = { kind: 'silent', sinceMs: nowMs }
    else if (this.#state.kind === 'silent' && nowMs - this.#state.sinceMs > this.#afterMs) this.#state = IDLE
    return this.isIdle()
  }
}
