/**
 * Decides, for one task, when the barriers of its input channels make a cut.
 *
 * Owns: which barriers have come, which checkpoints are over. Does not own: channels, snapshots, the coordinator – the task loop feeds
 * events in the order in which it sees them and performs the effects in the order given. Pure. Spec: docs/spec/barriers.md.
 *
 * B1 At most one snapshot per checkpoint id, and ids of snapshots grow.
 * B2 exactly-once: a channel is blocked from its barrier until the cut is taken or given up; one checkpoint at a time, a newer one
 *    replaces it. No channel stays blocked when no alignment is running.
 * B3 at-least-once: nothing is ever blocked; up to CHECKPOINTS_TRACKED_MAX checkpoints are counted at once, and a cut drops the older ones.
 * B4 Whoever gives a checkpoint up says so downstream, once.
 */
import { assert } from '../base/assert.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { CheckpointMode } from '../stream/element.ts'
import type { DeclineReason } from './handles.ts'

export type AlignerEvent =
  | {
      readonly kind: 'barrier'
      readonly channel: number
      readonly checkpoint: CheckpointId
      readonly mode: CheckpointMode
    }
  /** A cancel-barrier element. */
  | { readonly kind: 'cancel'; readonly channel: number; readonly checkpoint: CheckpointId }
  /** The coordinator has given the checkpoint up. */
  | { readonly kind: 'aborted'; readonly checkpoint: CheckpointId }

export type AlignerEffect =
  /** The first barrier came: start the alignment clock. */
  | { readonly kind: 'alignment-started'; readonly checkpoint: CheckpointId }
  /** Stop reading this channel. */
  | { readonly kind: 'block'; readonly channel: number }
  /** Stop the alignment clock. */
  | { readonly kind: 'alignment-ended'; readonly checkpoint: CheckpointId }
  /** Take the cut now, before anything else: forward the barrier, snapshot, acknowledge. */
  | { readonly kind: 'snapshot'; readonly checkpoint: CheckpointId; readonly mode: CheckpointMode }
  /** Read all channels again. */
  | { readonly kind: 'unblock-all' }
  /** Send a cancel-barrier downstream. */
  | { readonly kind: 'forward-cancel'; readonly checkpoint: CheckpointId }
  /** Tell the coordinator that this task will not acknowledge. */
  | { readonly kind: 'decline'; readonly checkpoint: CheckpointId; readonly reason: DeclineReason }

/** B3 */
const CHECKPOINTS_TRACKED_MAX = 50

interface Alignment {
  readonly checkpoint: CheckpointId
  readonly mode: CheckpointMode
  readonly arrived: Set<number>
}

export class BarrierAligner {
  readonly #channelCount: number
  /** Ascending by checkpoint. In exactly-once mode at most one. */
  #alignments: Alignment[] = []
  /** Given up, but above #floor: their barriers are ignored. */
  readonly #givenUp = new Set<CheckpointId>()
  /** Every checkpoint up to here is over. */
  #floor = 0

  constructor(channelCount: number) {
    assert(channelCount > 0, 'a barrier aligner needs an input channel', { channelCount })
    this.#channelCount = channelCount
  }

  apply(event: AlignerEvent): readonly AlignerEffect[] {
    switch (event.kind) {
      case 'barrier':
        return this.#onBarrier(event.channel, event.checkpoint, event.mode)
      case 'cancel':
        return this.#onCancel(event.checkpoint)
      case 'aborted':
        return this.#onAborted(event.checkpoint)
    }
  }

  /** The checkpoint whose barriers block channels now. */
  aligning(): CheckpointId | undefined {
    return this.#alignments.find(({ mode }) => mode === 'exactly-once')?.checkpoint
  }

  #onBarrier(channel: number, checkpoint: CheckpointId, mode: CheckpointMode): readonly AlignerEffect[] {
    assert(channel >= 0 && channel < this.#channelCount, 'no such input channel', { channel })
    if (this.#isOver(checkpoint)) return []
    const replaced = mode === 'exactly-once' ? this.#giveUpBelow(checkpoint) : []
    if (mode === 'exactly-once') this.#raiseFloor(checkpoint - 1)
    const { alignment, isNew } = this.#alignmentOf(checkpoint, mode)
    assert(mode === 'at-least-once' || !alignment.arrived.has(channel), 'a blocked channel was read', {
      channel,
      checkpoint,
    })
    alignment.arrived.add(channel)
    const started: AlignerEffect[] = isNew ? [{ kind: 'alignment-started', checkpoint }] : []
    if (alignment.arrived.size === this.#channelCount) return [...replaced, ...started, ...this.#complete(alignment)]
    if (mode === 'exactly-once') return [...replaced, ...started, { kind: 'block', channel }]
    return [...started, ...this.#giveUpSurplus()]
  }

  #onCancel(checkpoint: CheckpointId): readonly AlignerEffect[] {
    if (checkpoint <= this.#floor) return []
    // even when it was given up before: this channel has passed every older barrier that it will ever deliver
    const replaced = this.#giveUpBelow(checkpoint)
    const givenUp = this.#isOver(checkpoint) ? [] : this.#giveUpCancelled(checkpoint)
    this.#raiseFloor(checkpoint)
    return [...replaced, ...givenUp]
  }

  /** The coordinator may be ahead of the barriers, so older checkpoints go on. */
  #onAborted(checkpoint: CheckpointId): readonly AlignerEffect[] {
    return this.#isOver(checkpoint) ? [] : this.#giveUp(checkpoint)
  }

  #complete(alignment: Alignment): readonly AlignerEffect[] {
    const { checkpoint, mode } = alignment
    this.#alignments = this.#alignments.filter((other) => other.checkpoint > checkpoint)
    this.#raiseFloor(checkpoint)
    const cut: AlignerEffect[] = [
      { kind: 'alignment-ended', checkpoint },
      { kind: 'snapshot', checkpoint, mode },
    ]
    return mode === 'exactly-once' ? [...cut, { kind: 'unblock-all' }] : cut
  }

  #giveUp(checkpoint: CheckpointId): readonly AlignerEffect[] {
    const alignment = this.#alignments.find((other) => other.checkpoint === checkpoint)
    this.#alignments = this.#alignments.filter((other) => other !== alignment)
    this.#rememberGivenUp(checkpoint)
    const effects: AlignerEffect[] = []
    if (alignment !== undefined) effects.push({ kind: 'alignment-ended', checkpoint })
    if (alignment?.mode === 'exactly-once') effects.push({ kind: 'unblock-all' })
    return [...effects, { kind: 'forward-cancel', checkpoint }] // B4
  }

  /** B2: a newer checkpoint replaces what is being aligned. */
  #giveUpBelow(checkpoint: CheckpointId): readonly AlignerEffect[] {
    const older = this.#alignments.filter((alignment) => alignment.checkpoint < checkpoint)
    return older.flatMap((alignment) => this.#giveUpSubsumed(alignment))
  }

  /** B3 */
  #giveUpSurplus(): readonly AlignerEffect[] {
    const oldest = this.#alignments[0]
    return oldest === undefined || this.#alignments.length <= CHECKPOINTS_TRACKED_MAX
      ? []
      : this.#giveUpSubsumed(oldest)
  }

  #giveUpCancelled(checkpoint: CheckpointId): readonly AlignerEffect[] {
    return [...this.#giveUp(checkpoint), { kind: 'decline', checkpoint, reason: 'cancelled-upstream' }]
  }

  #giveUpSubsumed({ checkpoint }: Alignment): readonly AlignerEffect[] {
    return [...this.#giveUp(checkpoint), { kind: 'decline', checkpoint, reason: 'subsumed' }]
  }

  #alignmentOf(checkpoint: CheckpointId, mode: CheckpointMode): { alignment: Alignment; isNew: boolean } {
    const known = this.#alignments.find((alignment) => alignment.checkpoint === checkpoint)
    if (known !== undefined) return { alignment: known, isNew: false }
    const alignment: Alignment = { checkpoint, mode, arrived: new Set() }
    this.#alignments = [...this.#alignments, alignment].sort((a, b) => a.checkpoint - b.checkpoint)
    return { alignment, isNew: true }
  }

  #isOver(checkpoint: CheckpointId): boolean {
    return checkpoint <= this.#floor || this.#givenUp.has(checkpoint)
  }

  #rememberGivenUp(checkpoint: CheckpointId): void {
    this.#givenUp.add(checkpoint)
    if (this.#givenUp.size > CHECKPOINTS_TRACKED_MAX) this.#raiseFloor(Math.min(...this.#givenUp))
  }

  #raiseFloor(floor: number): void {
    this.#floor = Math.max(this.#floor, floor)
    for (const checkpoint of this.#givenUp) if (checkpoint <= this.#floor) this.#givenUp.delete(checkpoint)
  }
}
