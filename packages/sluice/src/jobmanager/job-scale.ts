/** A job at one scale: its graph, where its tasks run, and which of them fail together. Pure. */
import { present } from '../base/assert.ts'
import type { SlotIndex, VertexId } from '../base/ids.ts'
import type { TaskAddress } from '../checkpoint/handles.ts'
import type { JobGraph, JobVertex } from '../graph/job-graph.ts'
import { regionsOf } from '../graph/regions.ts'
import { scaleGraph } from '../graph/scale-graph.ts'
import { type RegionIndex, type Scale, taskKey } from './job-state.ts'
import { type Placement, placeTasks, slotsOf } from './placement.ts'

export interface JobScale {
  readonly slotCount: number
  /** With the parallelism of now. */
  readonly graph: JobGraph
  readonly placement: Placement
  readonly regions: readonly JobRegion[]
}

export interface JobRegion {
  readonly index: RegionIndex
  readonly vertices: readonly JobVertex[]
  readonly tasks: readonly TaskAddress[]
  readonly tasksBySlot: ReadonlyMap<SlotIndex, readonly TaskAddress[]>
  /** Those that run tasks of it. */
  readonly slots: readonly SlotIndex[]
  /** Those that run sources of it. */
  readonly sourceSlots: readonly SlotIndex[]
  /** The part of the placement that is about it. */
  readonly placement: Placement['table']
}

/** @param slotCount how many there are; it can be used with fewer of them */
export function scaleJob(graph: JobGraph, slotCount: number): JobScale {
  const scaled = scaleGraph(graph, slotCount)
  const placement = placeTasks(scaled)
  const regions = regionsOf(scaled).map((vertices, index) => regionAt(index, vertices, scaled, placement))
  return { slotCount: placement.slots.length, graph: scaled, placement, regions }
}

/** What the machine has to know of it. */
export function machineScale({ slotCount, regions }: JobScale): Scale {
  return { slotCount, regions: regions.map(({ tasks, slots }) => ({ tasks: tasks.map(taskKey), slots })) }
}

export function regionOfVertex({ regions }: JobScale, vertex: VertexId): JobRegion {
  return present(
    regions.find(({ vertices }) => vertices.some(({ id }) => id === vertex)),
    `the region of ${vertex}`,
  )
}

function regionAt(index: RegionIndex, ids: readonly VertexId[], graph: JobGraph, placement: Placement): JobRegion {
  const members = new Set(ids)
  const vertices = graph.vertices.filter(({ id }) => members.has(id))
  const tasks = placement.tasks.filter(({ vertex }) => members.has(vertex))
  const sources = vertices.filter(({ inputs }) => inputs.length === 0).map(({ id }) => id)
  return {
    index,
    vertices,
    tasks,
    tasksBySlot: Map.groupBy(tasks, (task) => placement.slotOf(task)),
    slots: slotsOf(placement, ids),
    sourceSlots: slotsOf(placement, sources),
    placement: Object.fromEntries(ids.map((id) => [id, present(placement.table[id], `the slots of ${id}`)])),
  }
}
