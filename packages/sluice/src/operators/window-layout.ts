/** What is checked of a window definition when the job is built, and what of it must match between a checkpoint and the graph. */
import { EngineError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { StateDescriptor } from '../state/descriptors.ts'
import type { Key } from '../stream/key-groups.ts'
import { checkEvictor, type Evictor } from './evictors.ts'
import { canMerge, layoutOfTrigger } from './trigger-opening.ts'
import { EndOfStreamTrigger, EventTimeTrigger, NeverTrigger, ProcessingTimeTrigger, type Trigger } from './triggers.ts'
import { layoutOfStates, type StateDeclarations } from './user-states.ts'
import type { WindowAssigner } from './window-assigners.ts'
import { traitsOf } from './window-assignment.ts'
import { checkLateness, type ProcessWindowDefinition, type WindowDefinition } from './window-definition.ts'
import { checkWindowStates } from './window-states.ts'

/** A definition as the operator sees it: any records, keys and states. */
export type AnyWindowDefinition =
  | WindowDefinition<unknown, Key, unknown, unknown, unknown>
  | ProcessWindowDefinition<unknown, Key, unknown, StateDeclarations, StateDeclarations, unknown>

/** The trigger, or the assigner's default. */
export function triggerOf({ trigger, assigner }: AnyWindowDefinition): Trigger<unknown> {
  if (trigger !== undefined) return trigger
  if (assigner.kind === 'global') {
    return assigner.firesAt === 'never' ? NeverTrigger.create() : EndOfStreamTrigger.create()
  }
  if (assigner.kind === 'custom' && assigner.defaultTrigger !== undefined) return assigner.defaultTrigger
  return traitsOf(assigner).domain === 'event' ? EventTimeTrigger.create() : ProcessingTimeTrigger.create()
}

/**
 * @param own the state that the operator itself keeps
 * @throws GRA1005 when the parts of the definition do not go together, GRA1006 when two states share a name
 */
export function layoutOfWindows(definition: AnyWindowDefinition, own: StateDescriptor): JsonValue {
  const { assigner, evictor } = definition
  const allowedLatenessMs = checkLatenessOf(definition)
  const windowStates = windowStatesOf(definition)
  checkWindowStates(windowStates, "a window's function (windowState)")
  if (traitsOf(assigner).isMerging) checkMerging(definition)
  return {
    states: layoutOfStates({ [own.name]: own, ...keyedStatesOf(definition) }),
    windowStates: layoutOfStates(windowStates),
    assigner: layoutOfAssigner(assigner),
    trigger: layoutOfTrigger(triggerOf(definition)),
    evictor: evictor === undefined ? null : layoutOfEvictor(checkEvictor(evictor)),
    contents: contentsOf(definition),
    allowedLatenessMs,
  }
}

/** @throws GRA1005 when it is out of its limits, or the windows can have none */
export function checkLatenessOf(definition: AnyWindowDefinition): number {
  const latenessMs = checkLateness(definition)
  const { assigner } = definition
  if (latenessMs === 0 || (traitsOf(assigner).domain === 'event' && assigner.kind !== 'global')) return latenessMs
  throw new EngineError(
    'GRA1005',
    `${assigner.kind === 'global' ? 'the global window never ends' : 'windows in processing time end by the clock'}, but an allowed lateness of ${latenessMs} ms was asked for. ` +
      'The job was not built, because no record is ever late there. Leave allowedLateness out, or use windows in event time.',
  )
}

function keyedStatesOf(definition: AnyWindowDefinition): StateDeclarations {
  return 'process' in definition ? (definition.process.state ?? {}) : {}
}

function windowStatesOf(definition: AnyWindowDefinition): StateDeclarations {
  return 'process' in definition ? (definition.process.windowState ?? {}) : {}
}

function contentsOf(definition: AnyWindowDefinition): string {
  if (definition.evictor !== undefined) return 'elements'
  return definition.aggregate === undefined ? 'records' : 'accumulator'
}

function checkMerging(definition: AnyWindowDefinition): void {
  const trigger = triggerOf(definition)
  if (!canMerge(trigger)) {
    throw cannotMerge(
      `the trigger "${trigger.kind === 'custom' ? trigger.name : trigger.kind}" cannot say what it remembers of two windows that become one`,
      'Use a trigger that can: give one of your own an onMerge function.',
    )
  }
  if (Object.keys(windowStatesOf(definition)).length > 0) {
    throw cannotMerge(
      'the function keeps states per window (windowState), which cannot be joined',
      'Keep them per key (state) instead.',
    )
  }
  if (contentsOf(definition) !== 'accumulator' || definition.aggregate?.merge !== undefined) return
  throw cannotMerge('the aggregate cannot join two accumulators', 'Give it a merge function.')
}

function cannotMerge(problem: string, advice: string): EngineError {
  return new EngineError(
    'GRA1005',
    `these windows merge when a record comes between them, but ${problem}. The job was not built. ${advice}`,
  )
}

function layoutOfAssigner(assigner: WindowAssigner<unknown>): JsonValue {
  switch (assigner.kind) {
    case 'dynamic-session':
      return { kind: assigner.kind, time: assigner.time }
    case 'custom':
      return {
        kind: assigner.kind,
        name: assigner.name,
        isEventTime: assigner.isEventTime,
        isMerging: assigner.isMerging ?? false,
      }
    case 'tumbling':
    case 'sliding':
    case 'session':
    case 'global':
      return { ...assigner }
  }
}

function layoutOfEvictor(evictor: Evictor<unknown>): JsonValue {
  return evictor.kind === 'custom' ? { kind: evictor.kind, name: evictor.name } : { kind: evictor.kind }
}
