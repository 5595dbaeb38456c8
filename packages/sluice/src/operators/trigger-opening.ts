/** From a trigger's definition to what runs, and what must be known of it when the job is built. */
import type { JsonValue } from '../base/json.ts'
import {
  OpenContinuousEventTimeTrigger,
  OpenContinuousProcessingTimeTrigger,
  OpenCountTrigger,
  OpenDeltaTrigger,
  OpenEndOfStreamTrigger,
  OpenEventTimeTrigger,
  OpenNeverTrigger,
  OpenProcessingTimeoutTrigger,
  OpenProcessingTimeTrigger,
  OpenPurgingTrigger,
} from './built-in-triggers.ts'
import { OpenCustomTrigger } from './custom-trigger.ts'
import type { OpenTrigger, TriggerServices } from './open-trigger.ts'
import type { Trigger } from './triggers.ts'
import { layoutOfStates } from './user-states.ts'
import { checkWindowStates } from './window-states.ts'

/** Opens a trigger that keeps its slots from `place` on. */
export function openTrigger(trigger: Trigger<unknown>, place: number, services: TriggerServices): OpenTrigger {
  switch (trigger.kind) {
    case 'event-time':
      return new OpenEventTimeTrigger(services)
    case 'processing-time':
      return new OpenProcessingTimeTrigger(services)
    case 'count':
      return new OpenCountTrigger(trigger.maxCount, place)
    case 'purging':
      return new OpenPurgingTrigger(openTrigger(trigger.trigger, place, services))
    case 'continuous-event-time':
      return new OpenContinuousEventTimeTrigger(trigger.intervalMs, place, services)
    case 'continuous-processing-time':
      return new OpenContinuousProcessingTimeTrigger(trigger.intervalMs, place, services)
    case 'delta':
      return new OpenDeltaTrigger(trigger, place, services)
    case 'processing-timeout': {
      const inner = openTrigger(trigger.trigger, place + 1, services)
      return new OpenProcessingTimeoutTrigger(trigger, inner, place, services)
    }
    case 'end-of-stream':
      return new OpenEndOfStreamTrigger(services)
    case 'never':
      return new OpenNeverTrigger()
    case 'custom':
      return new OpenCustomTrigger(trigger, place, services)
  }
}

/** How many slots it keeps. */
export function slotCountOf(trigger: Trigger<unknown>): number {
  switch (trigger.kind) {
    case 'count':
    case 'continuous-event-time':
    case 'continuous-processing-time':
    case 'delta':
      return 1
    case 'purging':
      return slotCountOf(trigger.trigger)
    case 'processing-timeout':
      return 1 + slotCountOf(trigger.trigger)
    case 'custom':
      return Object.keys(trigger.functions.state ?? {}).length
    case 'event-time':
    case 'processing-time':
    case 'end-of-stream':
    case 'never':
      return 0
  }
}

/** Whether what it remembers of two windows can become what it remembers of one. */
export function canMerge(trigger: Trigger<unknown>): boolean {
  switch (trigger.kind) {
    case 'delta':
      return false
    case 'purging':
    case 'processing-timeout':
      return canMerge(trigger.trigger)
    case 'custom':
      return trigger.functions.onMerge !== undefined
    case 'event-time':
    case 'processing-time':
    case 'count':
    case 'continuous-event-time':
    case 'continuous-processing-time':
    case 'end-of-stream':
    case 'never':
      return true
  }
}

/**
 * What of it must match between a checkpoint and the graph.
 *
 * @throws GRA1006 when two states share a name, GRA1005 when one has a time to live
 */
export function layoutOfTrigger(trigger: Trigger<unknown>): JsonValue {
  switch (trigger.kind) {
    case 'purging':
      return { kind: trigger.kind, trigger: layoutOfTrigger(trigger.trigger) }
    case 'processing-timeout':
      return { kind: trigger.kind, timeoutMs: trigger.timeoutMs, trigger: layoutOfTrigger(trigger.trigger) }
    case 'delta':
      return { kind: trigger.kind, threshold: trigger.threshold }
    case 'custom': {
      const states = trigger.functions.state ?? {}
      checkWindowStates(states, `trigger "${trigger.name}"`)
      return { kind: trigger.kind, name: trigger.name, states: layoutOfStates(states) }
    }
    case 'event-time':
    case 'processing-time':
    case 'count':
    case 'continuous-event-time':
    case 'continuous-processing-time':
    case 'end-of-stream':
    case 'never':
      return { ...trigger }
  }
}
