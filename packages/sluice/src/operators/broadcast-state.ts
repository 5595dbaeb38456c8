/**
 * State that every subtask holds a copy of, changed by the records of a broadcast stream.
 *
 * Owns: the maps, when they may be written, their part of the checkpoint. Does not own: who gets which record (the edge is a broadcast).
 *
 * B1 It is written only while a broadcast record is handled. Subtasks that got the same records in the same order hold equal maps.
 * B2 Pairs are in order of their first `put`: iterating is the same in every subtask and after every restore.
 * B3 Every subtask writes its whole copy into the checkpoint; after a change of parallelism each one restores the copy of one of the old ones.
 */
import { EngineError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import { recordOf } from '../base/record-of.ts'
import type { StateDescriptor } from '../state/descriptors.ts'
import type { OperatorStateItems, OperatorStateList } from '../state/operator-state.ts'
import { type BroadcastState, HeapBroadcastState } from '../state/operator-states.ts'
import type { OperatorContext, OperatorInfo } from './operator.ts'
import { layoutOfStates } from './user-states.ts'

/** Broadcast state as functions of the other stream see it. */
export interface ReadOnlyBroadcastState<K, V> {
  /** The value itself: do not change it. */
  get(key: K): V | undefined
  /** Whether the map has the key. */
  has(key: K): boolean
  /** In order of their first `put`. */
  entries(): Iterable<readonly [K, V]>
  /** How many entries there are. */
  size(): number
}

/** Map states by the name under which the context shows them. */
export type BroadcastDeclarations = Readonly<Record<string, StateDescriptor<'map'>>>

export type BroadcastHandles<B extends BroadcastDeclarations> = {
  readonly [Name in keyof B]: B[Name] extends StateDescriptor<'map', infer V, infer K> ? BroadcastState<K, V> : never
}

export type ReadOnlyBroadcastHandles<B extends BroadcastDeclarations> = {
  readonly [Name in keyof B]: B[Name] extends StateDescriptor<'map', infer V, infer K>
    ? ReadOnlyBroadcastState<K, V>
    : never
}

/** Keeps the names apart from other states of an operator that belong to no key. */
const NAME_PREFIX = 'broadcast:'

/** GRA1006 when two share a name, STA1003 when one has a time to live. */
export function layoutOfBroadcastStates(states: BroadcastDeclarations): JsonValue {
  const mortal = Object.values(states).find(({ ttl }) => ttl !== undefined)
  if (mortal === undefined) return layoutOfStates(states)
  throw new EngineError(
    'STA1003',
    `broadcast state "${mortal.name}" has a time to live. The job was not built: subtasks would forget at different moments, and their copies would ` +
      'differ. Remove it, and let records of the broadcast stream say what to forget.',
  )
}

/** Whether a broadcast record is being handled. */
interface Access {
  isWritable: boolean
}

export class BroadcastStates<B extends BroadcastDeclarations> {
  /** Shown to both functions; only types keep the other one from writing at build time, and B1 at run time. */
  readonly handles: BroadcastHandles<B>
  readonly #states: readonly GuardedBroadcastState[]
  readonly #access: Access = { isWritable: false }

  constructor(declarations: B, context: OperatorContext) {
    const made = Object.entries(declarations).map(([property, { name }]) => {
      const items = context.restored?.find((list) => list.name === NAME_PREFIX + name)?.items ?? []
      return { property, state: new GuardedBroadcastState(name, this.#access, context.info, items) }
    })
    this.#states = made.map(({ state }) => state)
    this.handles = recordOf(made.map(({ property, state }) => [property, state]))
  }

  get isWritable(): boolean {
    return this.#access.isWritable
  }

  /** Around the call of the broadcast stream's function (B1). */
  whileWritable<R>(call: () => R): R {
    this.#access.isWritable = true
    try {
      return call()
    } finally {
      this.#access.isWritable = false
    }
  }

  snapshot(): OperatorStateItems {
    return this.#states.map((state) => state.snapshot())
  }
}

/** B1 */
class GuardedBroadcastState extends HeapBroadcastState {
  readonly #name: string
  readonly #access: Access
  readonly #info: OperatorInfo

  constructor(name: string, access: Access, info: OperatorInfo, items: readonly unknown[]) {
    super(items)
    this.#name = name
    this.#access = access
    this.#info = info
  }

  override put(key: unknown, value: unknown): void {
    this.#checkWritable()
    super.put(key, value)
  }

  override remove(key: unknown): void {
    this.#checkWritable()
    super.remove(key)
  }

  override clear(): void {
    this.#checkWritable()
    super.clear()
  }

  snapshot(): OperatorStateList {
    return { name: NAME_PREFIX + this.#name, mode: 'broadcast', items: this.items() }
  }

  #checkWritable(): void {
    if (this.#access.isWritable) return
    const { name, uid, subtask } = this.#info
    throw new EngineError(
      'STA1010',
      `broadcast state "${this.#name}" of operator "${name}" was written outside of onBroadcast. The write was refused and the task stops: ` +
        'the other subtasks would not have seen it, and their copies would differ from then on. Write it in onBroadcast only.',
      { context: { operator: uid, subtask } },
    )
  }
}
