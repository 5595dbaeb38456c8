/** Hands items to one receiver later and in order: what a message port is between threads. */
import type { Env } from '../base/env.ts'

export interface MailboxOptions<T> {
  readonly env: Env
  deliver(item: T): void
  /** Items delivered in one turn; the rest wait for the next. */
  readonly itemsPerTurn: number
  /** Milliseconds until the next delivery; undefined for the next turn. */
  delayMs?(): number | undefined
}

export class Mailbox<T> {
  readonly #options: MailboxOptions<T>
  #waiting: T[] = []
  #isScheduled = false
  #state: 'held' | 'open' | 'closed' = 'held'

  constructor(options: MailboxOptions<T>) {
    this.#options = options
  }

  push(item: T): void {
    if (this.#state === 'closed') return
    this.#waiting.push(item)
    this.#schedule()
  }

  /** Starts delivery; what came before is delivered first. */
  open(): void {
    if (this.#state === 'held') this.#state = 'open'
    this.#schedule()
  }

  /** Drops what waits and what comes. Idempotent. */
  close(): void {
    this.#state = 'closed'
    this.#waiting = []
  }

  /** Only one delivery is scheduled at any time: that keeps the order whatever order turns run in. */
  #schedule(): void {
    if (this.#state !== 'open' || this.#isScheduled || this.#waiting.length === 0) return
    this.#isScheduled = true
    const { env } = this.#options
    const inMs = this.#options.delayMs?.()
    if (inMs === undefined) env.turns.next(() => this.#turn())
    else env.timers.after(inMs, () => this.#turn())
  }

  #turn(): void {
    this.#isScheduled = false
    const items = this.#waiting.splice(0, this.#options.itemsPerTurn)
    for (const item of items) if (this.#state === 'open') this.#options.deliver(item)
    this.#schedule()
  }
}
