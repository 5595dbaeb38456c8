/**
 * Operator state for another number of subtasks. Pure.
 *
 * R1 `split`: every item goes to exactly one subtask. With the same number of subtasks nothing moves; else the items of all subtasks, one
 *    after the other, are handed out evenly, and who gets one more rotates from state to state.
 * R2 `union`: every subtask gets all items, in order of the old subtasks.
 * R3 `broadcast`: subtask i gets the copy of old subtask i modulo their number; where that one had none, the next one's.
 */
import { assert } from '../base/assert.ts'
import type { OperatorStateItems, OperatorStateList, RedistributionMode } from '../state/operator-state.ts'

/**
 * @param old by old subtask; undefined for one that had no operator state
 * @returns by new subtask; each one lists every state, maybe without items
 */
export function redistributeOperatorState(
  old: readonly (OperatorStateItems | undefined)[],
  newParallelism: number,
): OperatorStateItems[] {
  assert(newParallelism >= 1, 'there is at least one subtask', { newParallelism })
  const result: OperatorStateList[][] = Array.from({ length: newParallelism }, () => [])
  let startAt = 0
  for (const state of statesByName(old)) {
    const shares = sharesOf(state, newParallelism, startAt)
    if (state.mode === 'split' && old.length !== newParallelism) {
      startAt = (startAt + totalOf(state.lists)) % newParallelism
    }
    for (const [subtask, items] of shares.entries())
      result[subtask]?.push({ name: state.name, mode: state.mode, items })
  }
  return result
}

interface NamedState {
  readonly name: string
  readonly mode: RedistributionMode
  /** By old subtask. */
  readonly lists: (readonly unknown[] | undefined)[]
}

type Share = readonly unknown[]

/** In order of first appearance. */
function statesByName(old: readonly (OperatorStateItems | undefined)[]): Iterable<NamedState> {
  const states = new Map<string, NamedState>()
  for (const [subtask, lists] of old.entries()) {
    for (const { name, mode, items } of lists ?? []) {
      const known = states.get(name)
      const state = known ?? { name, mode, lists: old.map(() => undefined) }
      if (known === undefined) states.set(name, state)
      assert(state.mode === mode, 'all subtasks agree on the mode of an operator state', {
        name,
        mode,
        other: state.mode,
      })
      state.lists[subtask] = items
    }
  }
  return states.values()
}

function sharesOf(state: NamedState, newParallelism: number, startAt: number): Share[] {
  const { lists, mode } = state
  switch (mode) {
    case 'split':
      return lists.length === newParallelism ? lists.map((items) => items ?? []) : dealt(lists, newParallelism, startAt)
    case 'union':
      return Array.from({ length: newParallelism }, () => flattened(lists))
    case 'broadcast':
      return Array.from({ length: newParallelism }, (_, subtask) => copyFor(lists, subtask))
  }
}

function dealt(lists: NamedState['lists'], newParallelism: number, startAt: number): Share[] {
  const items = flattened(lists)
  const base = Math.floor(items.length / newParallelism)
  const oneMoreCount = items.length % newParallelism
  const shares: Share[] = Array.from({ length: newParallelism }, () => [])
  let next = 0
  for (let turn = 0; turn < newParallelism; turn++) {
    const size = base + (turn < oneMoreCount ? 1 : 0)
    shares[(startAt + turn) % newParallelism] = items.slice(next, next + size)
    next += size
  }
  return shares
}

function copyFor(lists: NamedState['lists'], subtask: number): Share {
  for (let step = 0; step < lists.length; step++) {
    const copy = lists[(subtask + step) % lists.length]
    if (copy !== undefined) return copy
  }
  return []
}

function flattened(lists: NamedState['lists']): unknown[] {
  return lists.flatMap((items) => items ?? [])
}

function totalOf(lists: NamedState['lists']): number {
  return lists.reduce((total, items) => total + (items?.length ?? 0), 0)
}
