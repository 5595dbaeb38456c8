/**
 * A user function with state and timers per key.
 *
 * P1 One context object serves all calls; what it shows belongs to the record or timer of the running call only.
 * P2 A record keeps its timestamp, an event-time timer stamps what it emits with its own, a processing-time timer with none.
 * P3 Nothing is emitted outside a call (see user-output.ts).
 */
import { EngineError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { DefaultedStateDescriptor, StateDescriptor } from '../state/descriptors.ts'
import type { KeyedStateBackend, ListState, MapState, ValueState } from '../state/keyed-state.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import type { Key } from '../stream/key-groups.ts'
import { checkTimestamp } from './event-time.ts'
import { selectKey } from './key-selection.ts'
import { keyedOperator, type KeyedLogic, type KeyedRuntime } from './keyed-operator.ts'
import type { OperatorSpec, RecordReceiver } from './operator.ts'
import type { OutputTag } from './output-tag.ts'
import { refusePromise } from './user-error.ts'
import { UserOutput } from './user-output.ts'

/** The states of an operator, by the name under which the context shows them. */
export type StateDeclarations = Readonly<Record<string, StateDescriptor>>

/** A value state with a declared default. */
interface DefaultedValueState<T> extends ValueState<T> {
  value(): T
}

/** What a declared state looks like at run time. */
type StateHandle<D> =
  D extends DefaultedStateDescriptor<infer T>
    ? DefaultedValueState<T>
    : D extends StateDescriptor<'value', infer T, unknown>
      ? ValueState<T>
      : D extends StateDescriptor<'list', infer T, unknown>
        ? ListState<T>
        : D extends StateDescriptor<'map', infer V, infer K>
          ? MapState<K, V>
          : never

export type StateHandles<S extends StateDeclarations> = { readonly [Name in keyof S]: StateHandle<S[Name]> }

type TimeDomain = 'event' | 'processing'

/** What a keyed process function works with. One object serves all calls: do not keep it. */
export interface KeyedProcessContext<K extends Key, S extends StateDeclarations, O> {
  readonly key: K
  /** Of the record, or of the event-time timer; NO_TIMESTAMP in a processing-time timer. */
  readonly timestamp: number
  /** Which time the running timer belongs to; undefined while a record is processed. */
  readonly timeDomain: TimeDomain | undefined
  /** States of the current key. */
  readonly state: StateHandles<S>
  /** Milliseconds of event time. */
  currentWatermark(): number
  /** Milliseconds of wall time. */
  processingTimeMs(): number
  /** Calls `onTimer` for this key when the watermark reaches `timestampMs`; at the next watermark when it has already. */
  registerEventTimeTimer(timestampMs: number): void
  deleteEventTimeTimer(timestampMs: number): void
  /** Calls `onTimer` for this key at or soon after `wallMs`. */
  registerProcessingTimeTimer(wallMs: number): void
  deleteProcessingTimeTimer(wallMs: number): void
  /** Emits with `timestamp`. */
  emit(value: O): void
  emitWithTimestamp(value: O, timestampMs: number): void
  /** Emits to a side output, with `timestamp` when none is given. */
  sideOutput<V>(tag: OutputTag<V> | string, value: V, timestampMs?: number): void
}

export interface KeyedProcessDefinition<T, K extends Key, S extends StateDeclarations, O> {
  readonly keySelector: (value: T) => K
  readonly state: S
  readonly onRecord: (value: T, context: KeyedProcessContext<K, S, O>) => void
  readonly onTimer?: ((timestampMs: number, context: KeyedProcessContext<K, S, O>) => void) | undefined
}

/** @throws GRA1006 when two states have the same name */
export function keyedProcessOperator<T, K extends Key, S extends StateDeclarations, O>(
  definition: KeyedProcessDefinition<T, K, S, O>,
): OperatorSpec {
  return keyedOperator({
    kind: 'keyed-process',
    layout: { states: layoutOf(definition.state) },
    open: (runtime) => new KeyedProcess(definition, runtime),
  })
}

class KeyedProcess<T, K extends Key, S extends StateDeclarations, O> implements KeyedLogic {
  readonly #definition: KeyedProcessDefinition<T, K, S, O>
  readonly #runtime: KeyedRuntime
  readonly #context: Context<K, S, O>

  constructor(definition: KeyedProcessDefinition<T, K, S, O>, runtime: KeyedRuntime) {
    this.#definition = definition
    this.#runtime = runtime
    this.#context = new Context(definition, runtime)
  }

  onRecord(value: T, timestamp: number): void {
    const { keyed, context } = this.#runtime
    const key = selectKey(this.#definition.keySelector, value, context.info)
    keyed.setCurrentKey(key)
    const user = this.#context
    user.enter(key, timestamp, undefined)
    let returned: unknown
    try {
      returned = this.#definition.onRecord(value, user)
    } catch (cause) {
      throw user.output.failed('onRecord function', cause, { kind: 'record', key })
    }
    user.output.end()
    if (returned !== undefined) refusePromise(this.#runtime.context.info, 'onRecord function', returned)
  }

  onEventTimer(timestampMs: number, key: Key): void {
    this.#onTimer(timestampMs, key, 'event')
  }

  onProcessingTimer(timestampMs: number, key: Key): void {
    this.#onTimer(timestampMs, key, 'processing')
  }

  #onTimer(timestampMs: number, key: Key, domain: TimeDomain): void {
    const user = this.#context
    user.enter(key, domain === 'event' ? timestampMs : NO_TIMESTAMP, domain) // P2
    let returned: unknown
    try {
      returned = this.#definition.onTimer?.(timestampMs, user)
    } catch (cause) {
      throw user.output.failed('onTimer function', cause, { kind: 'timer', timeDomain: domain, timestampMs, key })
    }
    user.output.end()
    if (returned !== undefined) refusePromise(this.#runtime.context.info, 'onTimer function', returned)
  }
}

class Context<K extends Key, S extends StateDeclarations, O> implements KeyedProcessContext<K, S, O> {
  readonly state: StateHandles<S>
  readonly output: UserOutput
  timestamp = NO_TIMESTAMP
  timeDomain: TimeDomain | undefined
  #key: Key = ''
  readonly #runtime: KeyedRuntime
  readonly #hasTimerFunction: boolean
  readonly #sideOutputs = new Map<string, RecordReceiver>()

  constructor(definition: Pick<KeyedProcessDefinition<never, K, S, O>, 'state' | 'onTimer'>, runtime: KeyedRuntime) {
    this.#runtime = runtime
    this.#hasTimerFunction = definition.onTimer !== undefined
    this.state = openStates(definition.state, runtime.keyed)
    this.output = new UserOutput(runtime.context)
  }

  enter(key: Key, timestamp: number, timeDomain: TimeDomain | undefined): void {
    this.#key = key
    this.timestamp = timestamp
    this.timeDomain = timeDomain
    this.output.begin()
  }

  get key(): K {
    return this.#key as K // every key of this operator came from its own selector
  }

  currentWatermark(): number {
    return this.#runtime.clock.watermark
  }

  processingTimeMs(): number {
    return this.#runtime.context.processingTimeMs()
  }

  registerEventTimeTimer(timestampMs: number): void {
    this.#checkTimer(timestampMs)
    this.#runtime.keyed.eventTimers.register(timestampMs)
  }

  deleteEventTimeTimer(timestampMs: number): void {
    this.#runtime.keyed.eventTimers.remove(timestampMs)
  }

  registerProcessingTimeTimer(wallMs: number): void {
    this.#checkTimer(wallMs)
    this.#runtime.keyed.processingTimers.register(wallMs)
    this.#runtime.context.wakeAt(wallMs)
  }

  deleteProcessingTimeTimer(wallMs: number): void {
    this.#runtime.keyed.processingTimers.remove(wallMs)
  }

  emit(value: O): void {
    this.output.emit(this.#runtime.context.output, value, this.timestamp)
  }

  emitWithTimestamp(value: O, timestampMs: number): void {
    const { context } = this.#runtime
    this.output.emit(context.output, value, checkTimestamp(context.info, timestampMs))
  }

  sideOutput<V>(tag: OutputTag<V> | string, value: V, timestampMs?: number): void {
    const { info } = this.#runtime.context
    const timestamp = timestampMs === undefined ? this.timestamp : checkTimestamp(info, timestampMs)
    this.output.emit(this.#sideOutput(typeof tag === 'string' ? tag : tag.name), value, timestamp)
  }

  #sideOutput(name: string): RecordReceiver {
    let receiver = this.#sideOutputs.get(name)
    if (receiver === undefined) {
      receiver = this.#runtime.context.sideOutput(name)
      this.#sideOutputs.set(name, receiver)
    }
    return receiver
  }

  #checkTimer(timestampMs: number): void {
    const { info } = this.#runtime.context
    checkTimestamp(info, timestampMs, 'a timer')
    if (this.#hasTimerFunction) return
    throw new EngineError(
      'GRA1005',
      `operator "${info.name}" registered a timer but has no onTimer function. The timer would never do anything, so the task stops. ` +
        'Add onTimer to the definition, or do not register timers.',
      { context: { operator: info.uid, subtask: info.subtask } },
    )
  }
}

function layoutOf(states: StateDeclarations): JsonValue {
  const layout = Object.values(states).map(({ name, kind }) => ({ name, kind }))
  const twice = layout.find((state, index) => layout.findIndex(({ name }) => name === state.name) !== index)
  if (twice === undefined) return layout
  throw new EngineError(
    'GRA1006',
    `a process function declares the state name "${twice.name}" twice. The job was not built, because state is found by its name in a checkpoint. ` +
      'Give each of its states another name.',
  )
}

function openStates<S extends StateDeclarations>(states: S, keyed: KeyedStateBackend): StateHandles<S> {
  const handles = Object.entries(states).map(([name, descriptor]) => [name, openState(descriptor, keyed)])
  return Object.freeze(Object.fromEntries(handles)) as StateHandles<S> // made name by name from the same declarations
}

function openState(descriptor: StateDescriptor, keyed: KeyedStateBackend): unknown {
  const { name, defaultValue } = descriptor
  switch (descriptor.kind) {
    case 'value':
      return keyed.valueState({ kind: 'value', name, ...(defaultValue === undefined ? {} : { defaultValue }) })
    case 'list':
      return keyed.listState({ kind: 'list', name })
    case 'map':
      return keyed.mapState({ kind: 'map', name })
  }
}
