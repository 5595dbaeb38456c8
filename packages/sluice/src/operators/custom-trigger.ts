/** A trigger of the user's own, running. */
import type { EngineError } from '../base/errors.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import { checkTimestamp } from './event-time.ts'
import type { OpenTrigger, TriggerServices } from './open-trigger.ts'
import type { CustomTrigger, TriggerFunctions, TriggerMergeContext, TriggerResult } from './triggers.ts'
import { userError, userResultError, type UserCall } from './user-error.ts'
import type { StateDeclarations, StateHandles } from './user-states.ts'
import type { TimeWindow } from './window-definition.ts'
import { setSlot, slotOf, type WindowEntry } from './window-entry.ts'
import { mergedContent, openWindowStates, WindowCursor, type Combine } from './window-states.ts'

const RESULTS: ReadonlySet<unknown> = new Set<TriggerResult>(['continue', 'fire', 'purge', 'fire-and-purge'])

type Functions = TriggerFunctions<unknown, StateDeclarations>

export class OpenCustomTrigger implements OpenTrigger {
  readonly #functions: Functions
  readonly #services: TriggerServices
  readonly #context: CustomTriggerContext
  readonly #places: readonly number[]

  constructor(trigger: CustomTrigger<unknown>, firstPlace: number, services: TriggerServices) {
    this.#functions = trigger.functions
    this.#services = services
    this.#context = new CustomTriggerContext(trigger.functions, firstPlace, services)
    this.#places = Object.keys(trigger.functions.state ?? {}).map((_name, index) => firstPlace + index)
  }

  onElement(window: WindowEntry, value: unknown, timestamp: number): TriggerResult {
    this.#context.enter(window)
    let result: TriggerResult
    try {
      result = this.#functions.onElement(value, timestamp, windowOf(window), this.#context)
    } catch (cause) {
      throw this.#failed('onElement', cause, { kind: 'record', key: this.#services.key() })
    }
    return this.#checked('onElement', result)
  }

  onEventTime(window: WindowEntry, timestampMs: number): TriggerResult {
    if (this.#functions.onEventTime === undefined) return 'continue'
    this.#context.enter(window)
    let result: TriggerResult
    try {
      result = this.#functions.onEventTime(timestampMs, windowOf(window), this.#context)
    } catch (cause) {
      throw this.#failed('onEventTime', cause, this.#timerCall('event', timestampMs))
    }
    return this.#checked('onEventTime', result)
  }

  onProcessingTime(window: WindowEntry, timestampMs: number): TriggerResult {
    if (this.#functions.onProcessingTime === undefined) return 'continue'
    this.#context.enter(window)
    let result: TriggerResult
    try {
      result = this.#functions.onProcessingTime(timestampMs, windowOf(window), this.#context)
    } catch (cause) {
      throw this.#failed('onProcessingTime', cause, this.#timerCall('processing', timestampMs))
    }
    return this.#checked('onProcessingTime', result)
  }

  onMerge(window: WindowEntry, merged: readonly WindowEntry[]): void {
    this.#context.enter(window, merged)
    try {
      this.#functions.onMerge?.(windowOf(window), this.#context)
    } catch (cause) {
      throw this.#failed('onMerge', cause, this.#windowCall(window))
    }
  }

  clear(window: WindowEntry): void {
    this.#context.enter(window)
    try {
      this.#functions.clear?.(windowOf(window), this.#context)
    } catch (cause) {
      throw this.#failed('clear', cause, this.#windowCall(window))
    }
    for (const place of this.#places) setSlot(window, place, undefined)
  }

  #failed(name: string, cause: unknown, call: UserCall): EngineError {
    return userError(this.#services.info, this.#what(name), cause, call)
  }

  #checked(name: string, result: TriggerResult): TriggerResult {
    if (RESULTS.has(result)) return result
    throw userResultError(
      this.#services.info,
      this.#what(name),
      `returned ${typeof result === 'string' ? JSON.stringify(result) : typeof result}, which is no decision. The task stops, because it is not known whether the ` +
        "window fires. Return 'continue', 'fire', 'purge' or 'fire-and-purge'.",
    )
  }

  #what(name: string): string {
    return `${name} function of trigger "${this.#functions.name}"`
  }

  #timerCall(timeDomain: 'event' | 'processing', timestampMs: number): UserCall {
    return { kind: 'timer', timeDomain, timestampMs, key: this.#services.key() }
  }

  #windowCall({ start, end }: WindowEntry): UserCall {
    return { kind: 'window', window: { start, end }, key: this.#services.key() }
  }
}

/** One object for all calls. */
class CustomTriggerContext implements TriggerMergeContext<StateDeclarations> {
  readonly state: StateHandles<StateDeclarations>
  readonly #functions: Functions
  readonly #cursor = new WindowCursor()
  readonly #firstPlace: number
  readonly #services: TriggerServices
  #merged: readonly WindowEntry[] = []

  constructor(functions: Functions, firstPlace: number, services: TriggerServices) {
    this.#functions = functions
    this.#firstPlace = firstPlace
    this.#services = services
    this.state = openWindowStates(functions.state ?? {}, this.#cursor, firstPlace)
  }

  enter(window: WindowEntry, merged: readonly WindowEntry[] = []): void {
    this.#cursor.enter(window)
    this.#merged = merged
  }

  currentWatermark(): number {
    return this.#services.currentWatermark()
  }

  processingTimeMs(): number {
    return this.#services.processingTimeMs()
  }

  registerEventTimeTimer(timestampMs: number): void {
    this.#services.registerEventTimer(this.#cursor.window, this.#checked(timestampMs))
  }

  deleteEventTimeTimer(timestampMs: number): void {
    this.#services.deleteEventTimer(this.#cursor.window, timestampMs)
  }

  registerProcessingTimeTimer(wallMs: number): void {
    this.#services.registerProcessingTimer(this.#cursor.window, this.#checked(wallMs))
  }

  deleteProcessingTimeTimer(wallMs: number): void {
    this.#services.deleteProcessingTimer(this.#cursor.window, wallMs)
  }

  mergeState(name: string, combine?: Combine): void {
    const index = Object.keys(this.#functions.state ?? {}).indexOf(name)
    const descriptor = this.#functions.state?.[name]
    if (descriptor === undefined) throw this.#cannotMerge(name, 'is not one of its states')
    const place = this.#firstPlace + index
    for (const { slots } of this.#merged) {
      const added = slots?.[place]
      if (added === undefined) continue
      const known = slotOf(this.#cursor.window, place)
      const joined = known === undefined ? added : mergedContent(descriptor, known, added, combine)
      if (joined === undefined)
        throw this.#cannotMerge(name, `is ${descriptor.kind} state and was given nothing to join it`)
      setSlot(this.#cursor.window, place, joined)
    }
  }

  /** The last millisecond of the global window is a time for timers too. */
  #checked(timestampMs: number): number {
    const isPossible = Number.isSafeInteger(timestampMs) && timestampMs !== NO_TIMESTAMP
    return isPossible ? timestampMs : checkTimestamp(this.#services.info, timestampMs, 'a timer of a trigger')
  }

  #cannotMerge(name: string, problem: string): EngineError {
    return userResultError(
      this.#services.info,
      `onMerge function of trigger "${this.#functions.name}"`,
      `asked to join the state "${name}", which ${problem}. The task stops, because what windows remember would be lost. ` +
        'Name a declared state, and for values say how: ctx.mergeState(name, (first, second) => …).',
    )
  }
}

/** User functions get a window of their own. */
function windowOf({ start, end }: WindowEntry): TimeWindow {
  return { start, end }
}
