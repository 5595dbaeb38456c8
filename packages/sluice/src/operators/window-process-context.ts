/**
 * What a function with states over windows works with, and calling it.
 *
 * J1 One context object serves all calls; what it shows belongs to the window of the running call only.
 * J2 What is emitted is stamped with the last millisecond of the window.
 */
import type { Key } from '../stream/key-groups.ts'
import type { KeyedRuntime } from './keyed-operator.ts'
import type { RecordReceiver } from './operator.ts'
import type { OutputTag } from './output-tag.ts'
import { refusePromise, userError } from './user-error.ts'
import { UserOutput } from './user-output.ts'
import { openStates, type StateDeclarations, type StateHandles } from './user-states.ts'
import {
  GLOBAL_WINDOW,
  maxTimestampOf,
  type ProcessWindowContext,
  type TimeWindow,
  type WindowProcess,
} from './window-definition.ts'
import type { WindowEntry } from './window-entry.ts'
import { openWindowStates, WindowCursor } from './window-states.ts'

/** A function over windows of any records. */
export type AnyWindowProcess = WindowProcess<unknown, Key, StateDeclarations, StateDeclarations, unknown>

export class WindowProcessCalls {
  readonly #function: AnyWindowProcess
  readonly #runtime: KeyedRuntime
  readonly #context: Context

  /** `firstPlace` is that of the first state of the window among the slots. */
  constructor(windowFunction: AnyWindowProcess, runtime: KeyedRuntime, firstPlace: number) {
    this.#function = windowFunction
    this.#runtime = runtime
    this.#context = new Context(windowFunction, runtime, firstPlace)
  }

  /** The window gives its result. */
  process(key: Key, entry: WindowEntry, input: unknown): void {
    const context = this.#context
    context.enter(key, entry)
    context.output.begin()
    let returned: unknown
    try {
      returned = this.#function.process(key, input, context)
    } catch (cause) {
      throw context.output.failed('process function', cause, { kind: 'window', window: context.window, key })
    }
    context.output.end()
    if (returned !== undefined) refusePromise(this.#runtime.context.info, 'process function', returned)
  }

  /** The window goes. */
  clear(key: Key, entry: WindowEntry): void {
    if (this.#function.clear === undefined) return
    const context = this.#context
    context.enter(key, entry)
    let returned: unknown
    try {
      returned = this.#function.clear(context)
    } catch (cause) {
      const call = { kind: 'window', window: context.window, key } as const
      throw userError(this.#runtime.context.info, 'clear function', cause, call)
    }
    if (returned !== undefined) refusePromise(this.#runtime.context.info, 'clear function', returned)
  }
}

class Context implements ProcessWindowContext<Key, StateDeclarations, StateDeclarations, unknown> {
  readonly state: StateHandles<StateDeclarations>
  readonly windowState: StateHandles<StateDeclarations>
  readonly output: UserOutput
  key: Key = ''
  window: TimeWindow = GLOBAL_WINDOW
  readonly #runtime: KeyedRuntime
  readonly #cursor = new WindowCursor()
  readonly #sideOutputs = new Map<string, RecordReceiver>()

  constructor(windowFunction: AnyWindowProcess, runtime: KeyedRuntime, firstPlace: number) {
    this.#runtime = runtime
    this.output = new UserOutput(runtime.context)
    this.state = openStates(windowFunction.state ?? {}, runtime.keyed)
    this.windowState = openWindowStates(windowFunction.windowState ?? {}, this.#cursor, firstPlace)
  }

  enter(key: Key, entry: WindowEntry): void {
    this.key = key
    this.window = { start: entry.start, end: entry.end }
    this.#cursor.enter(entry)
  }

  currentWatermark(): number {
    return this.#runtime.clock.watermark
  }

  processingTimeMs(): number {
    return this.#runtime.context.processingTimeMs()
  }

  emit(value: unknown): void {
    this.output.emit(this.#runtime.context.output, value, maxTimestampOf(this.window))
  }

  sideOutput<V>(tag: OutputTag<V> | string, value: V): void {
    const name = typeof tag === 'string' ? tag : tag.name
    this.output.emit(this.#sideOutput(name), value, maxTimestampOf(this.window))
  }

  #sideOutput(name: string): RecordReceiver {
    let receiver = this.#sideOutputs.get(name)
    if (receiver === undefined) {
      receiver = this.#runtime.context.sideOutput(name)
      this.#sideOutputs.set(name, receiver)
    }
    return receiver
  }
}
