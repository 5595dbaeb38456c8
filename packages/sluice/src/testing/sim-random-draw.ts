/** Draws a random job. Every part is evaluated as it is drawn, so that no stream is empty and none grows without bounds. */
import { present } from '../base/assert.ts'
import type { Random } from '../base/env.ts'
import { below } from '../base/random.ts'
import {
  drawCounted,
  drawLateWindows,
  drawRunning,
  operatorTotals,
  runningNumbers,
  wholeItems,
} from './sim-random-ends.ts'
import {
  drawBroadcast,
  drawCoGroup,
  drawCoMap,
  drawConnect,
  drawIntervalJoin,
  drawWindowJoin,
} from './sim-random-joins.ts'
import { drawAsync, drawCopies, drawFilter, drawFlatMap, drawMap, drawSplit } from './sim-random-plain.ts'
import { type Hints, type RandomPlan, type RandomStep, ROUTES, type Route } from './sim-random-plan.ts'
import { drawBuckets } from './sim-random-process.ts'
import { type Alignment, drawExactSource, drawLooseSource } from './sim-random-sources.ts'
import type { Evaluated, RandomEnd, RandomOperator, Timing } from './sim-random-step.ts'
import { drawWindowAll, drawWindowOperator } from './sim-random-windows.ts'

type Draw<T> = (random: Random) => T

const PLAIN: readonly Draw<RandomOperator>[] = [drawMap, drawFilter, drawFlatMap, drawSplit, drawCopies, drawAsync]
const TIMED: readonly Draw<RandomOperator>[] = [
  drawBuckets,
  drawBuckets,
  drawWindowOperator,
  drawWindowOperator,
  drawWindowAll,
]
const TIMED_PAIRS: readonly Draw<RandomOperator>[] = [
  drawWindowJoin,
  drawCoGroup,
  drawIntervalJoin,
  drawConnect,
  drawBroadcast,
]
const ENDS: readonly Draw<RandomEnd>[] = [
  () => runningNumbers,
  drawRunning,
  drawCounted,
  drawLateWindows,
  drawLateWindows,
  () => operatorTotals,
]

const SOURCES_MAX = 3
const STEPS_MIN = 2
const STEPS_MORE = 5
/** Items of one stream. */
const ITEMS_MAX = 600
/** Times that something else is drawn where a part does not fit. */
const TRIES_MAX = 30
/** Subtasks of one operator that says how many: what the smallest simulated cluster has slots for. */
const PARALLELISM_MAX = 3
/** The same in each of two slot-sharing groups. */
const GROUP_PARALLELISM_MAX = 2

/** A stream that others may read. */
interface Stream {
  readonly id: number
  readonly timing: Timing
  readonly values: Evaluated
  /** A node whose parallelism is that of the job. */
  readonly isFree: boolean
}

export function drawPlan(random: Random): RandomPlan {
  return new Drawing(random).plan()
}

class Drawing {
  readonly #random: Random
  readonly #steps: RandomStep[] = []
  /** Not read yet, or to be read again. */
  #open: Stream[] = []
  readonly #groups: 'one' | 'two'
  #nextId = 1

  constructor(random: Random) {
    this.#random = random
    this.#groups = this.#chance(0.15) ? 'two' : 'one'
  }

  plan(): RandomPlan {
    const alignment = this.#chance(0.15) ? { maxDriftMs: 200 + below(this.#random, 3000) } : undefined
    const sources = 1 + below(this.#random, SOURCES_MAX)
    for (let n = 0; n < sources; n++) this.#addSource(alignment)
    const steps = STEPS_MIN + below(this.#random, STEPS_MORE)
    for (let n = 0; n < steps; n++) this.#addStep()
    this.#addEnds()
    return Object.freeze({ steps: Object.freeze(this.#steps), chaining: this.#chance(0.1) ? 'off' : 'on' })
  }

  #addSource(alignment: Alignment | undefined): void {
    const source = this.#chance(0.25) ? drawLooseSource(this.#random) : drawExactSource(this.#random, alignment)
    const hints = this.#hints('any')
    const values = { main: source.items, side: [] }
    this.#add({ kind: 'source', id: this.#id(), inputs: [], hints, source }, { timing: source.timing, values })
  }

  #addStep(): void {
    for (let n = 0; n < TRIES_MAX; n++) {
      const kind = this.#random.fraction()
      if (kind < 0.1 ? this.#tryUnion() : kind < 0.4 ? this.#tryPair() : this.#trySingle()) return
    }
  }

  #trySingle(): boolean {
    const input = this.#pick(this.#open)
    const draw = this.#pick(input.timing === 'exact' && this.#chance(0.6) ? TIMED : PLAIN)
    return this.#tryOperator(draw(this.#random), [input])
  }

  #tryPair(): boolean {
    const exact = this.#open.filter(({ timing }) => timing === 'exact')
    if (exact.length === 0 || this.#chance(0.1))
      return this.#tryOperator(drawCoMap(this.#random), [this.#pick(this.#open), this.#pick(this.#open)])
    return this.#tryOperator(this.#pick(TIMED_PAIRS)(this.#random), [this.#pick(exact), this.#pick(exact)])
  }

  #tryOperator(operator: RandomOperator, inputs: readonly Stream[]): boolean {
    const [first, second] = inputs
    const values = operator.evaluate(first?.values.main ?? [], second?.values.main ?? [])
    if (values.main.length === 0 || values.main.length > ITEMS_MAX) return false
    const hints = this.#hints(operator.isAlone ? 'alone' : 'any')
    const route = operator.routing === 'any' && this.#chance(0.5) ? this.#route(hints, first) : undefined
    const id = this.#id()
    const timing = timingOf(inputs)
    const ids = inputs.map((input) => input.id)
    this.#add({ kind: 'operator', id, inputs: ids, hints, operator, route }, { timing, values })
    if (operator.hasSide && values.side.length > 0) {
      const main = values.side
      this.#add({ kind: 'side', id: this.#id(), inputs: [id], hints: {} }, { timing, values: { main, side: [] } })
    }
    return true
  }

  #tryUnion(): boolean {
    const inputs = [this.#pick(this.#open), this.#pick(this.#open)]
    const main = inputs.flatMap(({ values }) => values.main)
    if (inputs[0] === inputs[1] || main.length > ITEMS_MAX) return false
    const ids = inputs.map(({ id }) => id)
    const values = { main, side: [] }
    this.#add({ kind: 'union', id: this.#id(), inputs: ids, hints: {} }, { timing: timingOf(inputs), values })
    return true
  }

  /** Every stream that nobody reads is written, and some others in some other way. */
  #addEnds(): void {
    const read = new Set(this.#steps.flatMap(({ inputs }) => inputs))
    const loose = this.#steps.length
    for (const { id } of this.#open) {
      const isUnread = !read.has(id)
      if (isUnread && this.#chance(0.7)) this.#addEnd(id, wholeItems)
      else if (isUnread || this.#chance(0.3)) this.#addEnd(id, this.#pick(ENDS)(this.#random))
    }
    if (this.#steps.length === loose) this.#addEnd(this.#pick(this.#open).id, wholeItems)
  }

  #addEnd(input: number, end: RandomEnd): void {
    this.#steps.push({ kind: 'end', id: this.#id(), inputs: [input], hints: this.#hints('any'), end })
  }

  #add(step: RandomStep, { timing, values }: Pick<Stream, 'timing' | 'values'>): void {
    this.#steps.push(Object.freeze(step))
    const isFree = (step.kind === 'source' || step.kind === 'operator') && step.hints.parallelism === undefined
    // What was read may be read again.
    this.#open = this.#open.filter(({ id }) => !step.inputs.includes(id) || this.#chance(0.4))
    this.#open.push({ id: step.id, timing, values, isFree })
  }

  #hints(where: 'any' | 'alone'): Hints {
    const chaining = this.#chance(0.2) ? { chaining: this.#chance(0.5) ? ('head' as const) : ('never' as const) } : {}
    const group = this.#groups === 'two' ? { group: this.#chance(0.5) ? 'one' : 'two' } : {}
    const most = this.#groups === 'two' ? GROUP_PARALLELISM_MAX : PARALLELISM_MAX
    const isSaid = this.#groups === 'two' || this.#chance(0.25)
    const parallelism = where === 'alone' ? 1 : 1 + below(this.#random, most)
    return { ...chaining, ...group, ...(isSaid || where === 'alone' ? { parallelism } : {}) }
  }

  /** A forward that is asked for needs the same parallelism on both sides. */
  #route(hints: Hints, input: Stream | undefined): Route {
    const isForward = input?.isFree === true && hints.parallelism === undefined
    return this.#pick(isForward ? ROUTES : ROUTES.filter((route) => route !== 'forward'))
  }

  #id(): number {
    return this.#nextId++
  }

  #chance(share: number): boolean {
    return this.#random.fraction() < share
  }

  #pick<T>(from: readonly T[]): T {
    return present(from[below(this.#random, from.length)], 'something to draw from')
  }
}

function timingOf(inputs: readonly Stream[]): Timing {
  return inputs.every(({ timing }) => timing === 'exact') ? 'exact' : 'loose'
}
