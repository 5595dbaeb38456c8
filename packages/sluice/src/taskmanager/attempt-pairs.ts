/**
 * Paths between slots of one process, made in pairs: the first of two slots that is deployed gets its end, the other end waits for the second.
 *
 * P1 A path belongs to one attempt and is handed out once at each end.
 * P2 What waits is bounded: ends of attempts that are older than the newest `ATTEMPTS_KEPT` are closed.
 */
import { present } from '../base/assert.ts'
import type { SlotIndex } from '../base/ids.ts'
import type { SlotDeployment } from '../control/messages.ts'

export interface PairMaker<End> {
  make(a: SlotIndex, b: SlotIndex): readonly [End, End]
  close(end: End): void
}

/** Regions of one job that are deployed at the same time are attempts of their own. */
const ATTEMPTS_KEPT = 16

export class AttemptPairs<End> {
  readonly #maker: PairMaker<End>
  /** By attempt, then by `from-to`. */
  readonly #waiting = new Map<string, Map<string, End>>()

  constructor(maker: PairMaker<End>) {
    this.#maker = maker
  }

  /** The ends for the slot that is deployed, to every other slot of the deployment that is in this process. */
  take(deployment: SlotDeployment): ReadonlyMap<SlotIndex, End> {
    const { epoch, attempt, slot } = deployment
    const waiting = this.#attempt(`${epoch}-${attempt}`)
    return new Map(neighbours(deployment).map((other) => [other, this.#takeOne(waiting, slot, other)]))
  }

  /** Closes what waits. Idempotent. */
  close(): void {
    for (const attempt of this.#waiting.keys()) this.#drop(attempt)
  }

  #takeOne(waiting: Map<string, End>, slot: SlotIndex, other: SlotIndex): End {
    const key = `${slot}-${other}`
    const known = waiting.get(key)
    if (known !== undefined) {
      waiting.delete(key)
      return known
    }
    const [own, others] = this.#maker.make(slot, other)
    waiting.set(`${other}-${slot}`, others)
    return own
  }

  // P2
  #attempt(attempt: string): Map<string, End> {
    const known = this.#waiting.get(attempt)
    if (known !== undefined) return known
    const waiting = new Map<string, End>()
    this.#waiting.set(attempt, waiting)
    const [oldest] = this.#waiting.keys()
    if (this.#waiting.size > ATTEMPTS_KEPT) this.#drop(present(oldest, 'the oldest attempt'))
    return waiting
  }

  #drop(attempt: string): void {
    for (const end of this.#waiting.get(attempt)?.values() ?? []) this.#maker.close(end)
    this.#waiting.delete(attempt)
  }
}

/** Other slots of the deployment that are reached without the network. */
function neighbours({ slot, placement, peers = [] }: SlotDeployment): readonly SlotIndex[] {
  const slots = new Set(Object.values(placement).flat())
  slots.delete(slot)
  for (const peer of peers) slots.delete(peer.slot)
  return [...slots].sort((a, b) => a - b)
}
