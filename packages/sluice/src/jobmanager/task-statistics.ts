/** The newest report of every task, and sums of them per vertex. Counters are those of the current attempt. */
import type { SubtaskIndex, VertexId } from '../base/ids.ts'
import type { TaskReport } from '../control/messages.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import { MIN_WATERMARK } from '../stream/element.ts'

export interface VertexStatus {
  readonly vertex: VertexId
  readonly name: string
  readonly parallelism: number
  /** Subtasks that have reported in this attempt. */
  readonly reportingCount: number
  readonly recordsIn: number
  readonly recordsOut: number
  /** The smallest of the subtasks; MIN_WATERMARK until all have reported. */
  readonly watermark: number
  /** Mean and largest over the subtasks, 0 to 1. */
  readonly busyRatio: number
  readonly busyRatioMax: number
  readonly backPressuredRatio: number
  readonly backPressuredRatioMax: number
  readonly pauseMaxMs: number
  /** Sums by `uid/name`. */
  readonly counters: Readonly<Record<string, number>>
}

export class TaskStatistics {
  #graph: JobGraph
  readonly #reports = new Map<VertexId, Map<SubtaskIndex, TaskReport>>()

  constructor(graph: JobGraph) {
    this.#graph = graph
  }

  /** The scale is another one: everything counts from zero. */
  rescale(graph: JobGraph): void {
    this.#graph = graph
    this.#reports.clear()
  }

  /** A new attempt of these vertices counts from zero. */
  reset(vertices: readonly VertexId[]): void {
    for (const vertex of vertices) this.#reports.delete(vertex)
  }

  /** The newest of this subtask. */
  reportOf(vertex: VertexId, subtask: SubtaskIndex): TaskReport | undefined {
    return this.#reports.get(vertex)?.get(subtask)
  }

  note(report: TaskReport): void {
    let ofVertex = this.#reports.get(report.vertex)
    if (ofVertex === undefined) this.#reports.set(report.vertex, (ofVertex = new Map()))
    ofVertex.set(report.subtask, report)
  }

  vertices(): readonly VertexStatus[] {
    return this.#graph.vertices.map(({ id, name, parallelism }) => {
      const reports = [...(this.#reports.get(id)?.values() ?? [])]
      return { vertex: id, name, parallelism, ...aggregate(reports, parallelism) }
    })
  }

  /** Counters of all vertices, by `uid/name`. */
  counters(): Readonly<Record<string, number>> {
    return sumCounters(this.vertices().map((vertex) => vertex.counters))
  }

  /** What all sources have read. */
  recordsRead(): number {
    const isSource = new Set(this.#graph.vertices.filter((vertex) => vertex.inputs.length === 0).map(({ id }) => id))
    return sum(this.vertices().map(({ vertex, recordsIn }) => (isSource.has(vertex) ? recordsIn : 0)))
  }
}

function aggregate(
  reports: readonly TaskReport[],
  parallelism: number,
): Omit<VertexStatus, 'vertex' | 'name' | 'parallelism'> {
  const busy = reports.map((report) => report.busyRatio)
  const backPressured = reports.map((report) => report.backPressuredRatio)
  return {
    reportingCount: reports.length,
    recordsIn: sum(reports.map((report) => report.recordsIn)),
    recordsOut: sum(reports.map((report) => report.recordsOut)),
    watermark: reports.length < parallelism ? MIN_WATERMARK : Math.min(...reports.map((report) => report.watermark)),
    busyRatio: mean(busy),
    busyRatioMax: Math.max(0, ...busy),
    backPressuredRatio: mean(backPressured),
    backPressuredRatioMax: Math.max(0, ...backPressured),
    pauseMaxMs: Math.max(0, ...reports.map((report) => report.pauseMaxMs)),
    counters: sumCounters(reports.map((report) => report.counters)),
  }
}

function sumCounters(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const counters of all) {
    for (const [name, count] of Object.entries(counters)) sums[name] = (sums[name] ?? 0) + count
  }
  return sums
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function mean(numbers: readonly number[]): number {
  return numbers.length === 0 ? 0 : sum(numbers) / numbers.length
}
