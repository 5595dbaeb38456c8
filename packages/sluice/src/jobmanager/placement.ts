/**
 * Which slot runs which subtask. The slots of one slot-sharing group come behind those of the groups before it; slot i of them runs subtask i of
 * every vertex of the group whose parallelism exceeds i, so the slot of a job with one group holds one slice of the whole pipeline. Pure.
 */
import { present } from '../base/assert.ts'
import { type SlotIndex, type VertexId, slotIndex, subtaskIndex } from '../base/ids.ts'
import type { TaskAddress } from '../checkpoint/handles.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import { groupSizes } from '../graph/slot-groups.ts'

export interface Placement {
  readonly slots: readonly SlotIndex[]
  /** Every subtask of every vertex, vertices in topological order. */
  readonly tasks: readonly TaskAddress[]
  readonly slotOf: (task: TaskAddress) => SlotIndex
  /** `placement[vertex][subtask]`, as it travels in a deployment. */
  readonly table: Readonly<Record<string, readonly SlotIndex[]>>
}

export function placeTasks(graph: JobGraph): Placement {
  const { firstOf, slotCount } = slotsOfGroups(graph)
  const rows = graph.vertices.map(({ id, slotSharingGroup, parallelism }) => {
    const first = present(firstOf.get(slotSharingGroup), 'the slots of a group')
    return [id, indexes(parallelism).map((at) => slotIndex(first + at))] as const
  })
  const table: Record<string, readonly SlotIndex[]> = Object.fromEntries(rows)
  return {
    slots: indexes(slotCount).map(slotIndex),
    tasks: rows.flatMap(([vertex, slots]) => slots.map((_, at) => ({ vertex, subtask: subtaskIndex(at) }))),
    slotOf: ({ vertex, subtask }) => present(table[vertex]?.[subtask], `the slot of ${vertex}/${subtask}`),
    table,
  }
}

/** The first slot of each group. */
function slotsOfGroups(graph: JobGraph): { readonly firstOf: ReadonlyMap<string, number>; readonly slotCount: number } {
  const firstOf = new Map<string, number>()
  let slotCount = 0
  for (const [group, size] of groupSizes(graph)) {
    firstOf.set(group, slotCount)
    slotCount += size
  }
  return { firstOf, slotCount }
}

/** The subtasks that run in a slot. */
export function tasksOf(placement: Placement, slot: SlotIndex): readonly TaskAddress[] {
  return placement.tasks.filter((task) => placement.slotOf(task) === slot)
}

/** The slots that run subtasks of these vertices. */
export function slotsOf(placement: Placement, vertices: readonly VertexId[]): readonly SlotIndex[] {
  const used = new Set(vertices.flatMap((vertex) => placement.table[vertex] ?? []))
  return placement.slots.filter((slot) => used.has(slot))
}

function indexes(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at)
}
