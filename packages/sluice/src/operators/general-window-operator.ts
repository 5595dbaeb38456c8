/**
 * Windows of any kind: every assigner, trigger, evictor and function.
 *
 * Owns: which windows of a key there are, what they hold, merging them, and when they go. Does not own: which windows a record has
 * (window-assignment.ts), when they fire (open-trigger.ts), what is computed (window-firing.ts). The rules are in docs/spec/windows.md; what can be done
 * with less is done by window-operator.ts and session-window-operator.ts (see windows.ts).
 *
 * F1 Everything of one window of one key is one entry of the state `sluice.windows`, by the window's id.
 * F2 An entry that holds nothing is removed, unless windows merge: there it stays until the cleanup time, so that records still join it.
 * F3 Windows of one key that merge do not touch one another.
 * F4 A timer of a window that is gone does nothing.
 * F5 Contents are changed before the trigger is asked, and purged behind the firing.
 * F6 What a user's function throws leaves windows that are whole: one begins when it holds its first record, joined ones are gone before the trigger hears
 *    of it, and one that fails to fire is purged and goes all the same.
 */
import { mapState } from '../state/descriptors.ts'
import type { MapState, TimerNamespace } from '../state/keyed-state.ts'
import type { Key } from '../stream/key-groups.ts'
import { checkTimestamp } from './event-time.ts'
import { selectKey } from './key-selection.ts'
import { keyedOperator, type KeyedLogic, type KeyedRuntime } from './keyed-operator.ts'
import { LateRecords } from './late-records.ts'
import { isFire, isPurge, type OpenTrigger } from './open-trigger.ts'
import type { OperatorSpec } from './operator.ts'
import { openTrigger, slotCountOf } from './trigger-opening.ts'
import type { TriggerResult } from './triggers.ts'
import { openAssigner, traitsOf, type OpenAssigner } from './window-assignment.ts'
import type { WindowContents } from './window-contents.ts'
import { newEntry, isBare, type WindowEntry } from './window-entry.ts'
import type { FireWindow, Remains } from './window-firing.ts'
import { layoutOfWindows, triggerOf, type AnyWindowDefinition } from './window-layout.ts'
import { openWindowFunction } from './window-function.ts'
import type { WindowProcessCalls } from './window-process-context.ts'
import { GeneralWindowTimers, PROCESSING_DELAY_MS } from './window-timers.ts'
import { WallClock } from './windowing-time.ts'

const NEVER_FIRES =
  'has windows that never fire: that is what global windows do without a trigger. It gives no result, and keeps every record. Add one, e.g. .trigger(CountTrigger.of(100)).'

/** Unlikely to be a state of the user's function. */
const WINDOWS = mapState<TimerNamespace, WindowEntry>('sluice.windows')

/**
 * Computes over the records of each key and window.
 *
 * @throws GRA1005 when the parts of the definition do not go together, GRA1006 when two states share a name
 */
export function generalWindowOperator(definition: AnyWindowDefinition): OperatorSpec {
  return keyedOperator({
    kind: 'general-window',
    layout: layoutOfWindows(definition, WINDOWS),
    warning: triggerOf(definition).kind === 'never' ? NEVER_FIRES : undefined,
    open: (runtime) => new GeneralWindows(definition, runtime),
  })
}

class GeneralWindows implements KeyedLogic {
  /** What windows of wall time hold when the input ends is not lost. */
  readonly timersAtEnd?: 'fire'
  readonly #runtime: KeyedRuntime
  readonly #keySelector: (value: unknown) => Key
  readonly #isEventTime: boolean
  readonly #needsTimestamps: boolean
  readonly #isMerging: boolean
  readonly #latenessMs: number
  readonly #assigner: OpenAssigner
  readonly #timers: GeneralWindowTimers
  readonly #trigger: OpenTrigger
  readonly #contents: WindowContents
  readonly #fire: FireWindow
  readonly #calls: WindowProcessCalls | undefined
  readonly #late: LateRecords
  readonly #windows: MapState<TimerNamespace, WindowEntry>
  readonly #wall = new WallClock()
  /** The record that is being added. */
  #key: Key = ''
  #value: unknown
  #timestamp = 0
  #isTaken = false

  constructor(definition: AnyWindowDefinition, runtime: KeyedRuntime) {
    const traits = traitsOf(definition.assigner)
    const trigger = triggerOf(definition)
    this.#runtime = runtime
    this.#keySelector = definition.keySelector
    this.#isEventTime = traits.domain === 'event'
    if (!this.#isEventTime) this.timersAtEnd = 'fire'
    this.#needsTimestamps = traits.needsTimestamps
    this.#isMerging = traits.isMerging
    this.#latenessMs = definition.allowedLatenessMs ?? 0
    this.#assigner = openAssigner(definition.assigner, runtime.context.info, runtime.context)
    this.#timers = new GeneralWindowTimers(runtime, this.#assigner, traits, this.#latenessMs)
    this.#trigger = openTrigger(trigger, 0, this.#timers)
    this.#late = new LateRecords(runtime.context, definition.lateTag)
    this.#windows = runtime.keyed.mapState(WINDOWS)
    const { contents, fire, calls } = openWindowFunction(definition, runtime, slotCountOf(trigger))
    this.#contents = contents
    this.#fire = fire
    this.#calls = calls
  }

  onRecord(value: unknown, timestamp: number): void {
    const { context, keyed } = this.#runtime
    if (this.#needsTimestamps) checkTimestamp(context.info, timestamp)
    const key = selectKey(this.#keySelector, value, context.info)
    keyed.setCurrentKey(key)
    this.#key = key
    this.#value = value
    this.#timestamp = timestamp
    this.#isTaken = false
    const at = this.#isEventTime ? timestamp : this.#wall.advanceTo(context.processingTimeMs())
    this.#assigner.assign(value, at, this.#addTo)
    this.#value = undefined
    if (!this.#isTaken) this.#onNoWindow(value, timestamp)
  }

  onEventTimer(timestampMs: number, key: Key, id: TimerNamespace): void {
    this.#onTimer('event', timestampMs, key, id)
  }

  onProcessingTimer(wallMs: number, key: Key, id: TimerNamespace): void {
    if (!this.#isEventTime) this.#wall.advanceTo(this.#runtime.context.processingTimeMs()) // a clock set back brings no window back
    this.#onTimer('processing', wallMs - PROCESSING_DELAY_MS, key, id)
  }

  /** Made once: assigners call it for each window of a record. */
  readonly #addTo = (start: number, end: number): void => {
    const known = this.#isMerging ? this.#joinedWindow(start, end) : this.#windows.get(this.#assigner.idOf(start, end))
    if (known === undefined && this.#timers.isLate({ end })) return
    this.#isTaken = true
    const entry = known ?? newEntry(start, end)
    this.#contents.add(entry, this.#value, this.#timestamp)
    if (known === undefined) this.#begin(entry) // F6
    const result = this.#trigger.onElement(entry, this.#value, this.#timestamp) // F5
    this.#act(this.#key, entry, result, 'kept')
  }

  #begin(entry: WindowEntry): void {
    this.#windows.put(this.#assigner.idOf(entry.start, entry.end), entry)
    this.#timers.registerCleanup(entry)
  }

  /** The window that one of these bounds becomes a part of; undefined when there is none to join. */
  #joinedWindow(start: number, end: number): WindowEntry | undefined {
    const touching: WindowEntry[] = []
    for (const [, entry] of this.#windows.entries()) {
      if (entry.start <= end && entry.end >= start) touching.push(entry)
    }
    const [first] = touching
    if (first === undefined) return undefined
    if (touching.length === 1 && first.start <= start && first.end >= end) return first
    touching.sort((a, b) => a.start - b.start)
    return this.#merge(start, end, touching)
  }

  /** F3 */
  #merge(start: number, end: number, merged: readonly WindowEntry[]): WindowEntry {
    const entry = this.#joined(start, end, merged)
    this.#begin(entry)
    for (const one of merged) {
      this.#timers.deleteCleanup(one)
      this.#windows.remove(this.#assigner.idOf(one.start, one.end))
    }
    this.#trigger.onMerge(entry, merged) // F6
    for (const one of merged) this.#trigger.clear(one)
    return entry
  }

  /** All of them and the new bounds as one, which is not yet a window of the key. */
  #joined(start: number, end: number, merged: readonly WindowEntry[]): WindowEntry {
    const bounds = { start, end }
    let contents: unknown
    for (const one of merged) {
      bounds.start = Math.min(bounds.start, one.start)
      bounds.end = Math.max(bounds.end, one.end)
      if (one.contents === undefined) continue
      contents = contents === undefined ? one.contents : this.#contents.merge(contents, one.contents)
    }
    const entry = newEntry(bounds.start, bounds.end)
    entry.contents = contents
    return entry
  }

  #onTimer(domain: 'event' | 'processing', timestampMs: number, key: Key, id: TimerNamespace): void {
    const known = this.#windows.get(id)
    const entry = known ?? this.#bareWindow(domain, timestampMs, id)
    if (entry === undefined) return // F4
    const isCleanup = (domain === 'event') === this.#isEventTime && timestampMs === this.#timers.cleanupOf(entry)
    try {
      const result =
        domain === 'event'
          ? this.#trigger.onEventTime(entry, timestampMs)
          : this.#trigger.onProcessingTime(entry, timestampMs)
      this.#act(key, entry, result, isCleanup ? 'gone' : 'kept')
    } catch (error) {
      if (isCleanup) this.#clearFailed(key, id, entry)
      throw error
    }
    if (isCleanup) this.#clear(key, id, entry)
    else if (known === undefined && !isBare(entry)) this.#windows.put(id, entry)
  }

  /** A window that exists but holds nothing (F2), or undefined. */
  #bareWindow(domain: 'event' | 'processing', timestampMs: number, id: TimerNamespace): WindowEntry | undefined {
    if (this.#isMerging) return undefined
    const window = this.#assigner.windowOf(id)
    if (this.#timers.isBehindCleanup(window, domain, timestampMs)) return undefined
    return newEntry(window.start, window.end)
  }

  #act(key: Key, entry: WindowEntry, result: TriggerResult, remains: Remains): void {
    if (result === 'continue') return
    const isPurged = isPurge(result)
    try {
      if (isFire(result) && entry.contents !== undefined) this.#fire(key, entry, isPurged ? 'gone' : remains)
    } finally {
      if (isPurged) entry.contents = undefined // F6
      if (entry.contents === undefined && !this.#isMerging && isBare(entry)) {
        this.#windows.remove(this.#assigner.idOf(entry.start, entry.end)) // F2
      }
    }
  }

  #clear(key: Key, id: TimerNamespace, entry: WindowEntry): void {
    try {
      this.#trigger.clear(entry)
      this.#calls?.clear(key, entry)
    } finally {
      this.#windows.remove(id) // F6
    }
  }

  /** The window goes although it could not give its result (F6). */
  #clearFailed(key: Key, id: TimerNamespace, entry: WindowEntry): void {
    try {
      this.#clear(key, id, entry)
    } catch {
      // TSK1001, but the window has failed before: that error is thrown on
    }
  }

  #onNoWindow(value: unknown, timestamp: number): void {
    const isLate = this.#isEventTime && timestamp + this.#latenessMs <= this.#runtime.clock.watermark
    if (isLate) this.#late.onLate(value, timestamp)
    else this.#late.onOutside()
  }
}
