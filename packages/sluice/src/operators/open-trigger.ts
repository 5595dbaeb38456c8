/**
 * A trigger that runs.
 *
 * Owns: the contract between triggers and the window operator, and what a trigger may do to timers. Does not own: when windows are cleaned up.
 *
 * G1 A trigger keeps what it must remember in slots of the window's entry, so that it lives and goes with the window.
 * G2 Timers belong to one window: their namespace is its id.
 * G3 A trigger cannot delete the timer by which its window is cleaned up.
 */
import type { Key } from '../stream/key-groups.ts'
import type { OperatorInfo } from './operator.ts'
import type { TriggerResult } from './triggers.ts'
import type { TimeWindow } from './window-definition.ts'
import type { WindowEntry } from './window-entry.ts'

export interface OpenTrigger {
  /** A record was added. */
  onElement(window: WindowEntry, value: unknown, timestamp: number): TriggerResult
  /** A timer of the window is due, or its cleanup time is there. */
  onEventTime(window: WindowEntry, timestampMs: number): TriggerResult
  onProcessingTime(window: WindowEntry, timestampMs: number): TriggerResult
  /** `window` is new and holds what `merged` did; those are cleared next. */
  onMerge(window: WindowEntry, merged: readonly WindowEntry[]): void
  /** Deletes its timers and slots. */
  clear(window: WindowEntry): void
}

/** Time and timers for triggers. The key of the window is current. */
export interface TriggerServices {
  readonly info: OperatorInfo
  key(): Key
  currentWatermark(): number
  processingTimeMs(): number
  registerEventTimer(window: TimeWindow, timestampMs: number): void
  deleteEventTimer(window: TimeWindow, timestampMs: number): void
  registerProcessingTimer(window: TimeWindow, timestampMs: number): void
  deleteProcessingTimer(window: TimeWindow, timestampMs: number): void
}

export function isFire(result: TriggerResult): boolean {
  return result === 'fire' || result === 'fire-and-purge'
}

export function isPurge(result: TriggerResult): boolean {
  return result === 'purge' || result === 'fire-and-purge'
}
