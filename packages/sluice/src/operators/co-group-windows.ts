/**
 * The window operator for one input behind a coGroup, which has two.
 *
 * C1 Where nothing but the function looks at records, they are collected by side as they come: the input sets its side, and no other call of the
 *    operator comes in between (operator.ts, O1). Nothing is allocated for it.
 * C2 Otherwise each record is wrapped with its side, and taken apart when the window fires.
 */
import type { Key } from '../stream/key-groups.ts'
import type { CoGroupDefinition, CoGroupedRecord } from './co-group-definition.ts'
import { listsBySide, mergingListsBySide, takenApart, type InputSide, type SideLists } from './co-group-lists.ts'
import type { OperatorSpec } from './operator.ts'
import type { ProcessWindowContext, TimeWindow } from './window-definition.ts'
import type { StateDeclarations } from './user-states.ts'
import { windowOperator } from './windows.ts'

/** A definition as the operators see it: the graph guarantees the records and their keys. */
export type AnyCoGroup = CoGroupDefinition<unknown, unknown, Key, unknown>
type AnyRecord = CoGroupedRecord<unknown, unknown>

/** Which window is firing, while its lists are on their way to the output. */
export class Firing {
  key: Key = ''
  window: TimeWindow = { start: 0, end: 0 }

  enter(key: Key, window: TimeWindow): void {
    this.key = key
    this.window = window
  }
}

/** `collect`: C1, `wrap`: C2. */
export function wayOf({ assigner, trigger, evictor }: AnyCoGroup): 'collect' | 'wrap' {
  if (trigger !== undefined || evictor !== undefined) return 'wrap'
  return assigner.kind === 'tumbling' || assigner.kind === 'sliding' || assigner.kind === 'session' ? 'collect' : 'wrap'
}

/** Its output is the lists of each window that fires, `firing` being that window. */
export function windowsOf(definition: AnyCoGroup, side: InputSide, firing: Firing): OperatorSpec {
  return wayOf(definition) === 'collect'
    ? collectingWindows(definition, side, firing)
    : wrappingWindows(definition, firing)
}

function collectingWindows(definition: AnyCoGroup, side: InputSide, firing: Firing): OperatorSpec {
  const { assigner, leftKey, rightKey, allowedLatenessMs, lateTag } = definition
  return windowOperator({
    assigner,
    allowedLatenessMs,
    lateTag,
    keySelector: (value: unknown) => (side.current === 'left' ? leftKey(value) : rightKey(value)),
    aggregate: assigner.kind === 'session' ? mergingListsBySide(side) : listsBySide(side),
    resultOf: (key: Key, window: TimeWindow, lists: SideLists) => {
      firing.enter(key, window)
      return lists
    },
  })
}

function wrappingWindows(definition: AnyCoGroup, firing: Firing): OperatorSpec {
  const { assigner, trigger, evictor, leftKey, rightKey, allowedLatenessMs, lateTag } = definition
  return windowOperator({
    assigner,
    trigger,
    evictor,
    allowedLatenessMs,
    lateTag,
    keySelector: ({ side, value }: AnyRecord) => (side === 'left' ? leftKey(value) : rightKey(value)),
    process: {
      process(
        key: Key,
        records: readonly AnyRecord[],
        ctx: ProcessWindowContext<Key, StateDeclarations, StateDeclarations, SideLists>,
      ) {
        firing.enter(key, ctx.window)
        ctx.emit(takenApart(records))
      },
    },
  })
}
