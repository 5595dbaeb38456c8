/**
 * The operators of one vertex, wired by plain calls.
 *
 * Owns: opening, wiring, the way of watermarks and of the end through the chain, and closing. Does not own: input, barriers, threads.
 *
 * N1 Records go from operator to operator by direct calls; nothing is queued inside a chain.
 * N2 A watermark is handled by the operators in topological order; each is done before the next one sees it. `advance` may be cut by the turn
 *    and continues where it was; until it is done no record enters the chain.
 * N3 Every output edge sees watermarks that only grow, each behind all records emitted for it.
 * N4 What an operator holds leaves it in its own wakes also while it, or a cut watermark in front of it, stops the input: an operator may work when all
 *    behind it take records (`fullIndex`). Else what it waits for to become free would wait for it.
 * N5 Idleness goes out behind every watermark and record that came in before it, held ones included.
 * N6 Behind the end of the input an operator works only while it, or one in front of it, still holds records: the input of all others is over, and
 *    what their timers would bring would be behind the last watermark.
 */
import { assert, present } from '../base/assert.ts'
import type { RecordReceiver, Operator, OperatorContext } from '../operators/operator.ts'
import type { KeyedStateBackend } from '../state/keyed-state.ts'
import { createHeapBackend } from '../state/heap-backend.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Advance, Turn } from '../state/turn.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import { keyGroupRange } from '../stream/key-groups.ts'
import type { ChainedOperator } from '../graph/job-graph.ts'
import type { TaskCounters } from './counters.ts'
import { GuardedErrors } from './guarded-errors.ts'
import { GuardedReceiver } from './guarded-receiver.ts'
import { receiverFor } from './receivers.ts'
import { SinkOperator } from './sink-driver.ts'
import type { TaskEnvironment } from './task-environment.ts'

/** One operator in its place. */
export interface ChainLinkState {
  readonly spec: ChainedOperator
  /** Absent for the source at the head: the source driver stands there. */
  readonly operator: Operator | undefined
  readonly keyed: KeyedStateBackend | undefined
  readonly parent: number
  /** Absent where the error policy is to fail. */
  readonly errors: GuardedErrors | undefined
  inputWatermark: number
  outputWatermark: number
  /** Wall milliseconds of the next call of `onProcessingTime`, or Infinity. */
  wakeAtMs: number
}

export interface RestoredOperatorState {
  readonly checkpoint: number
  /** By uid. */
  readonly items: ReadonlyMap<string, OperatorStateItems>
}

export interface ChainOptions {
  readonly task: TaskEnvironment
  readonly counters: TaskCounters
  /** Where the source read the record at hand; undefined when none is. */
  sourcePosition(): string | undefined
}

export class OperatorChain {
  readonly links: readonly ChainLinkState[]
  readonly #options: ChainOptions
  readonly #task: TaskEnvironment
  readonly #counters: TaskCounters
  readonly #sourceReceivers = new Map<string, RecordReceiver>()
  /** Index of the operator whose advance was cut, or the count of operators when none is. */
  #cursor: number
  /** The same for a watermark that an operator behind `#cursor` released meanwhile (N4); it is done first. */
  #releasedCursor: number
  #pendingWatermark = MIN_WATERMARK
  /** Idleness that goes out behind what is at hand and what is held (N5). */
  #sendIdle: (() => void) | undefined
  #input: 'open' | 'over' = 'open'

  constructor(options: ChainOptions) {
    this.#options = options
    this.#task = options.task
    this.#counters = options.counters
    this.links = this.#task.vertex.operators.map((spec, index) => this.#createLink(spec, index))
    this.#cursor = this.links.length
    this.#releasedCursor = this.links.length
  }

  /** Opens from the tail to the head, so that no operator emits into one that is not open. */
  open(restored: RestoredOperatorState | undefined, fail: (error: unknown) => void): void {
    for (let index = this.links.length - 1; index >= 0; index--) {
      const link = this.#link(index)
      if (link.operator === undefined) continue
      link.operator.open(this.#contextOf(index, restored, fail))
    }
  }

  /** What the head of the chain gives its records to: the first operator, or what follows the source. */
  get head(): RecordReceiver {
    return this.#link(0).operator === undefined ? this.#receiver(0, undefined) : this.#entry(0)
  }

  /** What takes the records of input `port`. */
  inputPort(port: number): RecordReceiver {
    const { operator, errors } = this.#link(0)
    const receiver = present(operator, 'the operator behind a gate').inputPort(port)
    return errors === undefined ? receiver : new GuardedReceiver(receiver, errors)
  }

  /** The policy for records of the source at the head that get no timestamp. */
  get sourceErrors(): GuardedErrors | undefined {
    return this.#link(0).errors
  }

  /** Where the source's side output goes. */
  sourceSideOutput(tag: string): RecordReceiver {
    let receiver = this.#sourceReceivers.get(tag)
    if (receiver === undefined) this.#sourceReceivers.set(tag, (receiver = this.#receiver(0, tag)))
    return receiver
  }

  /** Brings event time to `watermark` in the whole chain. */
  advance(watermark: number, turn: Turn): Advance {
    assert(this.#cursor === this.links.length, 'a watermark entered a chain that still handles one')
    this.#pendingWatermark = watermark
    if (watermark === MAX_WATERMARK) this.#sendIdle = undefined // the end follows
    this.#cursor = 0
    return this.resume(turn)
  }

  get isAdvancing(): boolean {
    return this.#cursor < this.links.length
  }

  /** Goes on with a cut advance. */
  resume(turn: Turn): Advance {
    if (this.#finishReleased(turn) === 'more') return 'more'
    while (this.#cursor < this.links.length) {
      if (this.#advanceOne(this.#cursor, turn) === 'more') return 'more'
      this.#cursor++
    }
    this.#goIdle()
    return 'done'
  }

  /** Calls `send` behind everything that came in, now or when it has left (N5). */
  onIdle(send: () => void): void {
    assert(this.#sendIdle === undefined, 'a task became idle twice')
    this.#sendIdle = send
    this.#goIdle()
  }

  /** The input is active again: true when its idleness has gone out, and was not waiting yet. */
  onActive(): boolean {
    const hasGone = this.#sendIdle === undefined
    this.#sendIdle = undefined
    return hasGone
  }

  /**
   * While an operator is full: those that may work all the same (N4), with what is due by `nowMs`. True when one did.
   *
   * @param full what `fullIndex` says
   */
  workBehind(full: number, nowMs: number, turn: Turn): boolean {
    if (this.#releasedCursor < this.links.length) this.#finishReleased(turn)
    else if (this.isAdvancing && this.#cursor >= full) this.resume(turn)
    else if (this.earliestWakeMs(full) <= nowMs) this.onProcessingTime(nowMs, turn, full)
    else return false
    return true
  }

  /** Index of the last operator that can take no record, or -1. */
  fullIndex(): number {
    return this.links.findLastIndex((link) => link.operator?.isBlocked() === true)
  }

  /** Calls every operator from `first` on whose time has come, and forwards watermarks that operators made on their own. */
  onProcessingTime(nowMs: number, turn: Turn, first = 0): Advance {
    const advance = this.#callDue(nowMs, turn, first)
    this.#goIdle()
    return advance
  }

  #callDue(nowMs: number, turn: Turn, first: number): Advance {
    for (let index = Math.max(0, first); index < this.links.length; index++) {
      const link = this.#link(index)
      if (link.operator === undefined || link.wakeAtMs > nowMs || !this.#mayWork(index)) continue
      link.wakeAtMs = Number.POSITIVE_INFINITY
      if (link.operator.onProcessingTime(nowMs, turn) === 'more') {
        link.wakeAtMs = nowMs
        return 'more'
      }
      if (link.operator.outputWatermark(link.inputWatermark) > link.outputWatermark)
        return this.#advanceFrom(index, turn)
    }
    return 'done'
  }

  /** The smallest watermark that the chain has handled at its tail, as its users see progress. */
  get watermark(): number {
    return this.links.reduce((least, link) => Math.min(least, link.outputWatermark), Number.MAX_SAFE_INTEGER)
  }

  /** Of the operators from `first` on. */
  earliestWakeMs(first = 0): number {
    let earliest = Number.POSITIVE_INFINITY
    for (let index = Math.max(0, first); index < this.links.length; index++)
      if (this.#mayWork(index)) earliest = Math.min(earliest, this.#link(index).wakeAtMs)
    return earliest
  }

  /** Whether any operator can take no record now. */
  isBlocked(): boolean {
    return this.links.some((link) => link.operator?.isBlocked() === true)
  }

  /** False while an operator holds records that leave it by themselves. */
  isDrained(): boolean {
    return this.links.every((link) => link.operator === undefined || link.operator.isDrained())
  }

  /** No record comes any more; what is held still leaves (N6). */
  endInput(): void {
    this.#input = 'over'
  }

  end(): void {
    for (const link of this.links) link.operator?.onEnd()
  }

  /** Behind each step: a promise of a user function that goes on later must not find the key of a record that is done (STA1001). */
  leaveKeys(): void {
    for (let index = 0; index < this.links.length; index++) this.links[index]?.keyed?.leaveKey()
  }

  async close(): Promise<void> {
    const failures: unknown[] = []
    for (const link of this.links) {
      try {
        await link.operator?.close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  // N6
  #mayWork(index: number): boolean {
    if (this.#input === 'open') return true
    for (let at = index; at >= 0; at = this.#link(at).parent)
      if (this.#link(at).operator?.isDrained() === false) return true
    return false
  }

  #createLink(spec: ChainedOperator, index: number): ChainLinkState {
    const parent = this.#task.vertex.operators.findIndex((candidate) =>
      candidate.chained.some((link) => link.to === index),
    )
    return {
      spec,
      operator: this.#createOperator(spec),
      keyed: this.#createBackend(spec),
      parent,
      errors: this.#createErrors(spec, index),
      inputWatermark: MIN_WATERMARK,
      outputWatermark: MIN_WATERMARK,
      wakeAtMs: Number.POSITIVE_INFINITY,
    }
  }

  #createOperator(spec: ChainedOperator): Operator | undefined {
    if (spec.node.kind === 'source') return undefined
    if (spec.node.kind === 'operator') return spec.node.operator.create()
    return new SinkOperator(spec.node.sink, {
      env: this.#task.env,
      incarnation: this.#task.incarnation,
      delivery: this.#task.settings.delivery,
      mayCommit: this.#task.mayCommit,
      committerRetriesMax: this.#task.settings.committerRetriesMax,
    })
  }

  #createErrors({ uid, node }: ChainedOperator, index: number): GuardedErrors | undefined {
    const { errorPolicy: policy, kind } = node
    if (policy === undefined || policy.kind === 'fail') return undefined
    return new GuardedErrors({
      kind,
      uid,
      policy,
      subtask: this.#task.subtask,
      counter: (name) => this.#counters.counter(uid, name),
      sideOutput: (tag) => this.#receiver(index, tag),
      position: () => this.#options.sourcePosition(),
    })
  }

  #createBackend(spec: ChainedOperator): KeyedStateBackend | undefined {
    if (spec.node.kind !== 'operator' || !spec.node.operator.keyed) return undefined
    const { maxParallelism, parallelism } = this.#task.vertex
    return createHeapBackend({
      uid: spec.uid,
      maxParallelism,
      keyGroups: keyGroupRange(this.#task.subtask, maxParallelism, parallelism),
    })
  }

  #contextOf(
    index: number,
    restored: RestoredOperatorState | undefined,
    fail: (error: unknown) => void,
  ): OperatorContext {
    const link = this.#link(index)
    const { vertex, subtask, attempt, env } = this.#task
    const uid = link.spec.uid
    return {
      info: {
        uid,
        name: link.spec.node.name,
        subtask,
        parallelism: vertex.parallelism,
        maxParallelism: vertex.maxParallelism,
        attempt,
      },
      output: this.#receiver(index, undefined),
      sideOutput: (tag) => this.#receiver(index, tag),
      keyed: link.keyed,
      restored: restored?.items.get(uid),
      restoredCheckpoint: restored?.checkpoint,
      processingTimeMs: () => env.clock.wallMs(),
      wakeAt: (wallMs) => {
        if (wallMs < link.wakeAtMs) link.wakeAtMs = wallMs
      },
      wake: () => this.#task.wake(),
      fail,
      counter: (name) => this.#counters.counter(uid, name),
      errors: link.errors,
      recordPosition: () => this.#options.sourcePosition(),
    }
  }

  /** What takes the records of an operator. */
  #entry(index: number): RecordReceiver {
    const { operator, errors } = this.#link(index)
    const receiver = present(operator, 'a chained operator')
    return errors === undefined ? receiver : new GuardedReceiver(receiver, errors)
  }

  #receiver(index: number, sideTag: string | undefined): RecordReceiver {
    const { spec } = this.#link(index)
    const chained = spec.chained.filter((link) => link.sideTag === sideTag).map((link) => this.#entry(link.to))
    const edges = spec.outputs
      .filter((output) => this.#sideTagOf(output) === sideTag)
      .map((output) => present(this.#task.outputs[output], 'an output edge'))
    return receiverFor([...chained, ...edges], () =>
      this.#counters.counter(spec.uid, sideTag === undefined ? 'discarded' : `discarded:${sideTag}`),
    )
  }

  #sideTagOf(output: number): string | undefined {
    return this.#task.outputTags[output]
  }

  #advanceFrom(index: number, turn: Turn): Advance {
    if (this.isAdvancing) {
      assert(index > this.#cursor, 'an operator worked in front of a watermark that is being handled', { index })
      this.#releasedCursor = index
      return this.#finishReleased(turn)
    }
    this.#pendingWatermark = this.#link(0).inputWatermark
    this.#cursor = index
    return this.resume(turn)
  }

  #finishReleased(turn: Turn): Advance {
    while (this.#releasedCursor < this.links.length) {
      if (this.#advanceOne(this.#releasedCursor, turn) === 'more') return 'more'
      this.#releasedCursor++
    }
    return 'done'
  }

  #goIdle(): void {
    const send = this.#sendIdle
    if (send === undefined || this.isAdvancing || !this.isDrained()) return
    this.#sendIdle = undefined
    send()
  }

  #advanceOne(index: number, turn: Turn): Advance {
    const link = this.#link(index)
    const input = link.parent < 0 ? this.#pendingWatermark : this.#link(link.parent).outputWatermark
    if (link.operator === undefined) {
      this.#forward(link, input)
      return 'done'
    }
    if (input > link.inputWatermark) {
      if (link.operator.onWatermark(input, turn) === 'more') return 'more'
      link.inputWatermark = input
    }
    this.#forward(link, link.operator.outputWatermark(link.inputWatermark))
    return 'done'
  }

  #forward(link: ChainLinkState, watermark: number): void {
    if (watermark <= link.outputWatermark) return
    link.outputWatermark = watermark
    for (const output of link.spec.outputs)
      this.#task.outputs[output]?.broadcast({ kind: 'watermark', timestamp: watermark })
  }

  #link(index: number): ChainLinkState {
    return present(this.links[index], 'an operator of the chain')
  }
}
