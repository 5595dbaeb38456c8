/**
 * The operators of one vertex, wired by plain calls.
 *
 * Owns: opening, wiring, the way of watermarks and of the end through the chain, and closing. Does not own: input, barriers, threads.
 *
 * N1 Records go from operator to operator by direct calls; nothing is queued inside a chain.
 * N2 A watermark is handled by the operators in topological order; each is done before the next one sees it. `advance` may be cut by the turn
 *    and continues where it was; until it is done no record enters the chain.
 * N3 Every output edge sees watermarks that only grow, each behind all records emitted for it.
 */
import { assert, present } from '../base/assert.ts'
import type { RecordReceiver, Operator, OperatorContext } from '../operators/operator.ts'
import type { KeyedStateBackend } from '../state/keyed-state.ts'
import { createHeapBackend } from '../state/heap-backend.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Advance, Turn } from '../state/turn.ts'
import { MIN_WATERMARK } from '../stream/element.ts'
import { keyGroupRange } from '../stream/key-groups.ts'
import type { ChainedOperator } from '../graph/job-graph.ts'
import type { TaskCounters } from './counters.ts'
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

export class OperatorChain {
  readonly links: readonly ChainLinkState[]
  readonly #task: TaskEnvironment
  readonly #counters: TaskCounters
  readonly #sourceReceivers = new Map<string, RecordReceiver>()
  /** Index of the operator whose advance was cut, or the count of operators when none is. */
  #cursor: number
  #pendingWatermark = MIN_WATERMARK
  /** What goes out behind the watermark that is being handled. */
  #behindAdvance: (() => void) | undefined

  constructor(task: TaskEnvironment, counters: TaskCounters) {
    this.#task = task
    this.#counters = counters
    this.links = task.vertex.operators.map((spec, index) => this.#createLink(spec, index))
    this.#cursor = this.links.length
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
    const first = this.#link(0)
    return first.operator ?? this.#receiver(0, undefined)
  }

  /** What takes the records of input `port`. */
  inputPort(port: number): RecordReceiver {
    return present(this.#link(0).operator, 'the operator behind a gate').inputPort(port)
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
    this.#cursor = 0
    return this.resume(turn)
  }

  get isAdvancing(): boolean {
    return this.#cursor < this.links.length
  }

  /** Goes on with a cut advance. */
  resume(turn: Turn): Advance {
    while (this.#cursor < this.links.length) {
      if (this.#advanceOne(this.#cursor, turn) === 'more') return 'more'
      this.#cursor++
    }
    const send = this.#behindAdvance
    this.#behindAdvance = undefined
    send?.()
    return 'done'
  }

  /** Calls `send` behind the watermark at hand: now when there is none, else when it is done. */
  behindAdvance(send: () => void): void {
    if (!this.isAdvancing) return send()
    assert(this.#behindAdvance === undefined, 'a second change of event time came while a watermark was handled')
    this.#behindAdvance = send
  }

  /** Calls every operator whose time has come, and forwards watermarks that operators made on their own. */
  onProcessingTime(nowMs: number, turn: Turn): Advance {
    for (let index = 0; index < this.links.length; index++) {
      const link = this.#link(index)
      if (link.operator === undefined || link.wakeAtMs > nowMs) continue
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

  earliestWakeMs(): number {
    return this.links.reduce((earliest, link) => Math.min(earliest, link.wakeAtMs), Number.POSITIVE_INFINITY)
  }

  /** Whether any operator can take no record now. */
  isBlocked(): boolean {
    return this.links.some((link) => link.operator?.isBlocked() === true)
  }

  /** False while an operator holds records that leave it by themselves. */
  isDrained(): boolean {
    return this.links.every((link) => link.operator === undefined || link.operator.isDrained())
  }

  end(): void {
    for (const link of this.links) link.operator?.onEnd()
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

  #createLink(spec: ChainedOperator, index: number): ChainLinkState {
    const parent = this.#task.vertex.operators.findIndex((candidate) =>
      candidate.chained.some((link) => link.to === index),
    )
    return {
      spec,
      operator: this.#createOperator(spec),
      keyed: this.#createBackend(spec),
      parent,
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
    }
  }

  #receiver(index: number, sideTag: string | undefined): RecordReceiver {
    const { spec } = this.#link(index)
    const chained = spec.chained
      .filter((link) => link.sideTag === sideTag)
      .map((link) => present(this.#link(link.to).operator, 'a chained operator'))
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
    this.#pendingWatermark = this.#link(0).inputWatermark
    this.#cursor = index
    return this.resume(turn)
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
