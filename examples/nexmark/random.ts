/**
 * The random numbers of one event: a function of its id, so that an event is the same whoever makes it and however often.
 *
 * 32-bit integers throughout. The state moves on by an odd step that depends on the id too, and each number is a mix of the state.
 */
const STEP_SEED = 0x7f4a7c15
const HIGH_SEED = 0x9e3779b9
const TWO_TO_32 = 4294967296

export class EventRandom {
  #state = 0
  #step = 1

  /** Begins the numbers of an event. Everything drawn before is forgotten. */
  moveTo(high: number, low: number): void {
    this.#state = mixed(low ^ mixed(high ^ HIGH_SEED))
    this.#step = mixed(this.#state + STEP_SEED) | 1
  }

  /** From 0 to 2^32 - 1. */
  next(): number {
    this.#state = (this.#state + this.#step) | 0
    return mixed(this.#state) >>> 0
  }

  /** From 0 to `count - 1`; exact up to 2^21, which is more than any count here. */
  below(count: number): number {
    return Math.floor((this.next() * count) / TWO_TO_32)
  }
}

function mixed(bits: number): number {
  let mix = bits
  mix ^= mix >>> 16
  mix = Math.imul(mix, 0x21f0aaad)
  mix ^= mix >>> 15
  mix = Math.imul(mix, 0x735a2d97)
  return mix ^ (mix >>> 15)
}
