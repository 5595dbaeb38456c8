import type { OutputPressure } from '../exchange/blocking.ts'
import type { Turn } from '../state/turn.ts'

/** Timers that one step fires at the most. */
const TIMERS_PER_STEP_MAX = 1024

/** The turn of one step: over when output is blocked or the step had its share of timers. */
export class StepTurn implements Turn {
  readonly #pressure: OutputPressure
  #left = TIMERS_PER_STEP_MAX

  constructor(pressure: OutputPressure) {
    this.#pressure = pressure
  }

  begin(): void {
    this.#left = TIMERS_PER_STEP_MAX
  }

  isOver(): boolean {
    this.#left--
    return this.#left < 0 || this.#pressure.blocked !== 0
  }
}
