/**
 * State of a user function that belongs to no key: declared like keyed state, kept by the operator itself.
 *
 * Owns: finding it in what was restored, and its part of the cut. Does not own: how it is handed out (checkpoint/redistribute.ts).
 */
import { EngineError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import { recordOf } from '../base/record-of.ts'
import type { OperatorStateDescriptor } from '../state/operator-descriptors.ts'
import type { OperatorStateItems, OperatorStateList } from '../state/operator-state.ts'
import {
  type BroadcastState,
  HeapBroadcastState,
  HeapOperatorList,
  type OperatorListState,
} from '../state/operator-states.ts'
import type { OperatorContext, OperatorInfo } from './operator.ts'

/** The operator states of a function, by the name under which its contexts show them. */
export type OperatorStateDeclarations = Readonly<Record<string, OperatorStateDescriptor>>

type OperatorStateHandle<D> =
  D extends OperatorStateDescriptor<'broadcast', infer V, infer K>
    ? BroadcastState<K, V>
    : D extends OperatorStateDescriptor<'split' | 'union', infer T, unknown>
      ? OperatorListState<T>
      : never

/** What `ctx.operatorState` shows for the declarations. */
export type OperatorStateHandles<S extends OperatorStateDeclarations> = {
  readonly [Name in keyof S]: OperatorStateHandle<S[Name]>
}

/** Keeps the names apart from what the engine itself keeps for an operator. */
const NAME_PREFIX = 'state:'

/** The layout of an operator that has no other: null without declarations. */
export function declaredOperatorStates(states: OperatorStateDeclarations | undefined): JsonValue {
  return states === undefined ? null : { operatorStates: layoutOfOperatorStates(states) }
}

/** What of the declarations must match between a checkpoint and the graph; GRA1006 when two share a name. */
export function layoutOfOperatorStates(states: OperatorStateDeclarations): JsonValue {
  const layout = Object.values(states).map(({ name, mode }) => ({ name, mode }))
  const twice = layout.find((state, index) => layout.findIndex(({ name }) => name === state.name) !== index)
  if (twice === undefined) return layout
  throw new EngineError(
    'GRA1006',
    `an operator declares the operator state name "${twice.name}" twice. The job was not built, because a checkpoint could not tell them apart. ` +
      'Give each of its operator states another name.',
  )
}

/** For each subtask, whether its `onEnd` was called: what that emitted is in front of the cut, and it is not called again. */
const ENDED_NAME = 'ended'

export class OperatorStates<S extends OperatorStateDeclarations> {
  readonly handles: OperatorStateHandles<S>
  readonly #held: readonly { readonly descriptor: OperatorStateDescriptor; readonly state: Holder }[]
  readonly #context: OperatorContext
  /** Of functions without `onEnd` nothing is kept about it. */
  #end: 'unwatched' | 'awaited' | 'told' = 'unwatched'

  /**
   * @param declared undefined when the function declares none
   * @throws STA1002 when what is restored does not fit
   */
  constructor(declared: S | undefined, context: OperatorContext) {
    const declarations: OperatorStateDeclarations = declared ?? {}
    this.#context = context
    const restored = restoredStates(context)
    checkAllDeclared(restored, declarations, context.info)
    const made = Object.entries(declarations).map(([property, descriptor]) => {
      const state = holderOf(descriptor, itemsOf(restored, descriptor, context.info))
      return { property, descriptor, state }
    })
    this.#held = made
    this.handles = recordOf(made.map(({ property, state }) => [property, state]))
  }

  /** The function has an `onEnd`. */
  watchEnd(): void {
    this.#end = wasTold(this.#context) ? 'told' : 'awaited'
  }

  /** `onEnd` was called, maybe by the attempt that wrote the checkpoint. */
  get wasTold(): boolean {
    return this.#end === 'told'
  }

  markTold(): void {
    this.#end = 'told'
  }

  /** Behind `onEnd`, what is dealt out again belongs to nobody: those that are still to end share the rest. */
  snapshot(): OperatorStateItems {
    const lists = this.#held.map(({ descriptor: { name, mode }, state }) => ({
      name: NAME_PREFIX + name,
      mode,
      items: this.wasTold && mode === 'split' ? [] : state.items(),
    }))
    if (this.#end === 'unwatched') return lists
    return [...lists, { name: ENDED_NAME, mode: 'union', items: [this.wasTold] }]
  }
}

/** With another number of subtasks, only where all of them had ended. */
function wasTold({ restored, info }: OperatorContext): boolean {
  const marks = restored?.find(({ name }) => name === ENDED_NAME)?.items ?? []
  if (marks.length === info.parallelism) return marks[info.subtask] === true
  return marks.length > 0 && marks.every((mark) => mark === true)
}

type Holder = HeapOperatorList | HeapBroadcastState

function holderOf({ mode }: OperatorStateDescriptor, items: readonly unknown[]): Holder {
  return mode === 'broadcast' ? new HeapBroadcastState(items) : new HeapOperatorList(items)
}

function restoredStates({ restored }: OperatorContext): readonly OperatorStateList[] {
  return (restored ?? []).filter(({ name }) => name.startsWith(NAME_PREFIX))
}

function itemsOf(
  restored: readonly OperatorStateList[],
  { name, mode }: OperatorStateDescriptor,
  info: OperatorInfo,
): readonly unknown[] {
  const found = restored.find((list) => list.name === NAME_PREFIX + name)
  if (found === undefined) return []
  if (found.mode === mode) return found.items
  throw new EngineError(
    'STA1002',
    `operator state "${name}" of operator "${info.name}" is declared as ${mode} state, but was ${found.mode} state. Nothing was restored, because it was handed ` +
      'out to the subtasks in the other way. Declare it as it was, or give the new state another name.',
    { context: { operator: info.uid, subtask: info.subtask } },
  )
}

function checkAllDeclared(
  restored: readonly OperatorStateList[],
  declarations: OperatorStateDeclarations,
  info: OperatorInfo,
): void {
  const declared = new Set(Object.values(declarations).map(({ name }) => NAME_PREFIX + name))
  const lost = restored.find(({ name }) => !declared.has(name))
  if (lost === undefined) return
  throw new EngineError(
    'STA1002',
    `the checkpoint holds operator state "${lost.name.slice(NAME_PREFIX.length)}", which operator "${info.name}" does not declare. The job was not restored, because ` +
      'that state would be lost. Declare it again, or start from a fresh state directory.',
    { context: { operator: info.uid, subtask: info.subtask } },
  )
}
