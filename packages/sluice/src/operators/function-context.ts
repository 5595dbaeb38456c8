/**
 * What every process function works with, with or without a key: its output, side outputs, time, counters and operator state.
 *
 * F1 One context object serves all calls; what it shows belongs to the call that runs.
 * F2 Nothing is emitted outside a call (see user-output.ts).
 */
import { NO_TIMESTAMP } from '../stream/element.ts'
import type { EventClock } from './event-clock.ts'
import { checkTimestamp } from './event-time.ts'
import type { Counter, OperatorContext, OperatorInfo, RecordReceiver } from './operator.ts'
import type { OutputTag } from './output-tag.ts'
import { UserOutput } from './user-output.ts'
import { type OperatorStateDeclarations, type OperatorStateHandles, OperatorStates } from './user-operator-states.ts'

/** Without declarations. */
export type NoOperatorState = Readonly<Record<string, never>>

/** What a process function works with before its first and behind its last record. One object serves all calls: do not keep it. */
export interface FunctionContext<OS extends OperatorStateDeclarations = NoOperatorState> {
  /** The operator and which of its subtasks this is. `attempt` counts the restarts of the job, from 0. */
  readonly info: OperatorInfo
  /** Whether the subtask began from a checkpoint. */
  readonly isRestored: boolean
  /** The operator states of this subtask. */
  readonly operatorState: OperatorStateHandles<OS>
  /** Milliseconds of event time. */
  currentWatermark(): number
  /** Milliseconds of wall time. */
  processingTimeMs(): number
  /** A counter that is shown as a metric of the operator; the same one for the same name. It starts at 0 with every attempt. */
  counter(name: string): Counter
}

/** A context that can emit. */
export interface EmittingContext<
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends FunctionContext<OS> {
  /** Of the record or event-time timer at hand, in milliseconds; NO_TIMESTAMP where there is none. */
  readonly timestamp: number
  /** Emits with `timestamp`. */
  emit(value: O): void
  /** Emits with another timestamp, in milliseconds (TIM1001 when it is none). */
  emitWithTimestamp(value: O, timestampMs: number): void
  /** Emits to a side output, with `timestamp` when none is given. */
  sideOutput<V>(tag: OutputTag<V> | string, value: V, timestampMs?: number): void
}

/** What a context is made from. */
export interface FunctionRuntime {
  readonly context: OperatorContext
  readonly clock: EventClock
}

export class UserContext<O, OS extends OperatorStateDeclarations> implements EmittingContext<O, OS> {
  readonly output: UserOutput
  readonly operatorState: OperatorStateHandles<OS>
  readonly states: OperatorStates<OS>
  timestamp = NO_TIMESTAMP
  readonly #clock: EventClock
  readonly #context: OperatorContext
  readonly #sideOutputs = new Map<string, RecordReceiver>()
  readonly #counters = new Map<string, Counter>()

  /** @param states of a function that declares some; the same for all contexts of one operator */
  constructor(
    runtime: FunctionRuntime,
    states: OperatorStates<OS> = new OperatorStates<OS>(undefined, runtime.context),
  ) {
    this.#clock = runtime.clock
    this.#context = runtime.context
    this.states = states
    this.operatorState = states.handles
    this.output = new UserOutput(runtime.context)
  }

  /** Before a call that belongs to no record and no timer. */
  enterWithoutRecord(): void {
    this.timestamp = NO_TIMESTAMP
    this.output.begin()
  }

  get info(): OperatorInfo {
    return this.#context.info
  }

  get isRestored(): boolean {
    return this.#context.restoredCheckpoint !== undefined
  }

  currentWatermark(): number {
    return this.#clock.watermark
  }

  processingTimeMs(): number {
    return this.#context.processingTimeMs()
  }

  counter(name: string): Counter {
    let counter = this.#counters.get(name)
    if (counter === undefined) this.#counters.set(name, (counter = this.#context.counter(name)))
    return counter
  }

  emit(value: O): void {
    this.output.emit(this.#context.output, value, this.timestamp)
  }

  emitWithTimestamp(value: O, timestampMs: number): void {
    this.output.emit(this.#context.output, value, checkTimestamp(this.#context.info, timestampMs))
  }

  sideOutput<V>(tag: OutputTag<V> | string, value: V, timestampMs?: number): void {
    const timestamp = timestampMs === undefined ? this.timestamp : checkTimestamp(this.#context.info, timestampMs)
    this.output.emit(this.#sideOutput(typeof tag === 'string' ? tag : tag.name), value, timestamp)
  }

  #sideOutput(name: string): RecordReceiver {
    let receiver = this.#sideOutputs.get(name)
    if (receiver === undefined) this.#sideOutputs.set(name, (receiver = this.#context.sideOutput(name)))
    return receiver
  }
}
