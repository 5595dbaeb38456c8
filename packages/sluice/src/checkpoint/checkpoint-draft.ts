import type { CheckpointId } from '../base/ids.ts'
import type { ActiveCheckpoint, CheckpointEffect, CheckpointState } from './checkpoint-protocol.ts'

/** The next state and the effects of one step, while the step is being computed. Lives for one call of the step function. */
export class CheckpointDraft {
  readonly nowMs: number
  readonly #effects: CheckpointEffect[] = []
  #state: CheckpointState

  constructor(state: CheckpointState, nowMs: number) {
    this.#state = state
    this.nowMs = nowMs
  }

  get state(): CheckpointState {
    return this.#state
  }

  get effects(): readonly CheckpointEffect[] {
    return this.#effects
  }

  change(fields: Partial<CheckpointState>): void {
    this.#state = { ...this.#state, ...fields }
  }

  emit(...effects: readonly CheckpointEffect[]): void {
    this.#effects.push(...effects)
  }

  find(checkpoint: CheckpointId): ActiveCheckpoint | undefined {
    return this.#state.active.find((active) => active.checkpoint === checkpoint)
  }

  put(checkpoint: ActiveCheckpoint): void {
    const others = this.#state.active.filter((active) => active.checkpoint !== checkpoint.checkpoint)
    this.change({ active: [...others, checkpoint].sort((a, b) => a.checkpoint - b.checkpoint) })
  }

  remove(checkpoint: CheckpointId): void {
    this.change({ active: this.#state.active.filter((active) => active.checkpoint !== checkpoint) })
  }
}

export const timeoutTimer = (checkpoint: CheckpointId): string => `timeout/${checkpoint}`
export const lookUpTimer = (checkpoint: CheckpointId): string => `look-up/${checkpoint}`
export const PERIODIC_TIMER = 'periodic'
export const RESERVE_TIMER = 'reserve'
