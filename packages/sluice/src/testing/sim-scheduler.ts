/**
 * Virtual time and the order of events.
 *
 * Owns: the clock, everything that waits for its turn, the trace. Does not own: what the events do, when a run is over (sim-world.ts).
 *
 * S1 One event at a time; before the next one every promise reaction of it has run.
 * S2 Which runnable event goes next is drawn; time jumps only when none is runnable, and never goes back.
 * S3 An event belongs to a life (of one process). Events of a life that is over never run.
 * S4 Events of a life that pauses run when it resumes, or later.
 * S5 The same draws and the same program give the same trace.
 */
import { assert } from '../base/assert.ts'
import type { Random, Timer } from '../base/env.ts'
import { below } from '../base/random.ts'

/** One process from its start to its end. */
export class SimLife {
  readonly index: number
  readonly startMs: number
  steps = 0
  #isOver = false
  #resumesAtMs = 0

  constructor(index: number, startMs: number) {
    this.index = index
    this.startMs = startMs
  }

  get isOver(): boolean {
    return this.#isOver
  }

  end(): void {
    this.#isOver = true
  }

  /** Nothing of it runs before: what a stopped process (SIGSTOP), a machine that sleeps or a long collection looks like. */
  pauseUntil(atMs: number): void {
    this.#resumesAtMs = Math.max(this.#resumesAtMs, atMs)
  }

  get resumesAtMs(): number {
    return this.#resumesAtMs
  }
}

export interface SimSchedulerOptions {
  readonly random: Random
  /** Greatest virtual time of one event, milliseconds. */
  readonly eventCostMaxMs: number
}

/** Before each event: whether the run is over. May change what waits. */
export type BeforeStep = () => 'go-on' | 'stop'

interface SimEvent {
  readonly life: SimLife
  readonly label: string
  atMs: number
  readonly order: number
  readonly run: () => void
  isCancelled: boolean
}

/** Events remembered for reports. */
const TAIL_EVENTS = 40

export class SimScheduler {
  readonly #random: Random
  readonly #eventCostMaxMs: number
  readonly #ready: SimEvent[] = []
  readonly #later = new EventHeap()
  readonly #tail: string[] = []
  readonly #trace = new TraceHash()
  #unhandled: { readonly reason: unknown } | undefined
  #order = 0
  #nowMs = 0
  steps = 0

  constructor({ random, eventCostMaxMs }: SimSchedulerOptions) {
    this.#random = random
    this.#eventCostMaxMs = eventCostMaxMs
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** Lets `run` happen after `delayMs` or later; 0 and below: it is runnable at once. */
  after(life: SimLife, delayMs: number, label: string, run: () => void): Timer {
    const atMs = this.#nowMs + Math.max(0, delayMs)
    const event: SimEvent = { life, label, atMs, order: this.#order++, run, isCancelled: false }
    if (delayMs <= 0) this.#ready.push(event)
    else this.#later.push(event)
    return { cancel: () => void (event.isCancelled = true) }
  }

  /** Runs events until `before` says stop, or nothing is left. Rejects with what an event throws, or what a promise that nobody watches is rejected with. */
  async run(before: BeforeStep): Promise<'stopped' | 'nothing-left'> {
    const onUnhandled = (reason: unknown): void => void (this.#unhandled ??= { reason })
    process.on('unhandledRejection', onUnhandled)
    try {
      return await this.#loop(before)
    } finally {
      process.off('unhandledRejection', onUnhandled)
    }
  }

  #loop(before: BeforeStep): Promise<'stopped' | 'nothing-left'> {
    let emptyTicks = 0
    return new Promise((resolve, reject) => {
      const tick = (): void => {
        try {
          if (this.#unhandled !== undefined) return reject(this.#unhandled.reason)
          if (before() === 'stop') return resolve('stopped')
          // What `before` did may still be on its way: only the second empty tick says that nothing is left.
          emptyTicks = this.#step() ? 0 : emptyTicks + 1
          if (emptyTicks > 1) return resolve('nothing-left')
        } catch (thrown) {
          return reject(thrown)
        }
        setImmediate(tick) // S1: the loop of promise reactions is empty when it comes
      }
      setImmediate(tick)
    })
  }

  /** What waits, for people: the labels of runnable and of the next timed events. */
  waiting(): readonly string[] {
    const events = [...this.#ready, ...this.#later.events()].filter((event) => !isDead(event))
    return events
      .sort((a, b) => a.atMs - b.atMs || a.order - b.order)
      .slice(0, TAIL_EVENTS)
      .map(({ label, atMs }) => `${label} in ${Math.max(0, atMs - this.#nowMs).toFixed(1)} ms`)
  }

  /** The last events, oldest first. */
  tail(): readonly string[] {
    return [...this.#tail]
  }

  traceHash(): string {
    return this.#trace.text()
  }

  #step(): boolean {
    const event = this.#next()
    if (event === undefined) return false
    this.#nowMs += this.#random.fraction() * this.#eventCostMaxMs
    this.steps++
    event.life.steps++
    this.#trace.add(event.label, this.#nowMs)
    this.#remember(event)
    event.run()
    return true
  }

  // S2
  #next(): SimEvent | undefined {
    for (;;) {
      this.#collectDue()
      if (this.#ready.length === 0 && !this.#jump()) return undefined
      const event = this.#draw()
      if (event !== undefined) return event
    }
  }

  #collectDue(): void {
    for (let next = this.#later.first(); next !== undefined && next.atMs <= this.#nowMs; next = this.#later.first()) {
      this.#later.pop()
      if (!isDead(next)) this.#ready.push(next)
    }
  }

  #jump(): boolean {
    const next = this.#firstLiving()
    if (next === undefined) return false
    assert(next.atMs >= this.#nowMs, 'virtual time would go back')
    this.#nowMs = next.atMs
    return true
  }

  #firstLiving(): SimEvent | undefined {
    for (let next = this.#later.first(); next !== undefined; next = this.#later.first()) {
      if (!isDead(next)) return next
      this.#later.pop()
    }
    return undefined
  }

  /** Undefined when what was drawn is not to run any more. */
  #draw(): SimEvent | undefined {
    if (this.#ready.length === 0) return undefined
    const index = below(this.#random, this.#ready.length)
    const event = this.#ready[index]
    const last = this.#ready.pop()
    if (event !== last && last !== undefined) this.#ready[index] = last
    if (event === undefined || isDead(event)) return undefined // S3
    if (event.life.resumesAtMs <= this.#nowMs) return event
    event.atMs = event.life.resumesAtMs // S4
    this.#later.push(event)
    return undefined
  }

  #remember({ label, life }: SimEvent): void {
    this.#tail.push(`${this.#nowMs.toFixed(1)} ms, process ${life.index + 1}: ${label}`)
    if (this.#tail.length > TAIL_EVENTS) this.#tail.shift()
  }
}

function isDead(event: SimEvent): boolean {
  return event.isCancelled || event.life.isOver
}

/** The earliest event first; among those of one moment the first that was registered. */
class EventHeap {
  readonly #events: SimEvent[] = []

  first(): SimEvent | undefined {
    return this.#events[0]
  }

  events(): readonly SimEvent[] {
    return this.#events
  }

  push(event: SimEvent): void {
    const events = this.#events
    let at = events.length
    events.push(event)
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = events[parentAt]
      if (parent === undefined || isBefore(parent, event)) break
      events[at] = parent
      at = parentAt
    }
    events[at] = event
  }

  pop(): void {
    const events = this.#events
    const last = events.pop()
    if (last === undefined || events.length === 0) return
    let at = 0
    for (;;) {
      const childAt = this.#earlierChild(at)
      const child = events[childAt]
      if (child === undefined || isBefore(last, child)) break
      events[at] = child
      at = childAt
    }
    events[at] = last
  }

  #earlierChild(at: number): number {
    const [left, right] = [this.#events[2 * at + 1], this.#events[2 * at + 2]]
    return left !== undefined && right !== undefined && isBefore(right, left) ? 2 * at + 2 : 2 * at + 1
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

/** 64 bits over everything that happened. */
class TraceHash {
  #a = 0x811c9dc5
  #b = 0x9e3779b9

  add(label: string, atMs: number): void {
    for (let index = 0; index < label.length; index++) this.#mix(label.charCodeAt(index))
    this.#mix(Math.floor(atMs * 1000) | 0)
  }

  text(): string {
    return [this.#a, this.#b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #mix(value: number): void {
    this.#a = Math.imul(this.#a ^ value, 0x01000193)
    this.#b = Math.imul((this.#b ^ (this.#b >>> 15)) + value, 0x85ebca6b)
  }
}
