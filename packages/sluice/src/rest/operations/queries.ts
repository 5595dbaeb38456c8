/** Parts of queries, and what several operations need to find. */
import { z } from 'zod'
import { jobId } from '../../base/ids.ts'
import { EngineError } from '../../base/errors.ts'
import type { JobDetail, VertexDetail } from '../../jobmanager/cluster-api.ts'
import { type Services, notThere, notUnderstood } from '../operation.ts'
import { AGGREGATIONS, type Aggregation } from '../views/metric-views.ts'
import { hasEnded } from '../views/job-views.ts'
import { vertexKey } from '../views/vertex-views.ts'

const LIST_CHARS_MAX = 8192
const SUBTASKS_MAX = 32_768

export const listText = z.string().max(LIST_CHARS_MAX).optional()

export interface MetricQuery {
  readonly get?: string | undefined
}

export const metricQuery: z.ZodType<MetricQuery> = z.object({ get: listText })

/** Undefined: nothing was asked for. */
export function listOf(text: string | undefined): readonly string[] | undefined {
  return text === undefined || text === '' ? undefined : text.split(',')
}

/** Without a list: all but `skew`, as in Flink. */
export function aggregationsOf(text: string | undefined): readonly Aggregation[] {
  const names = listOf(text) ?? ['min', 'max', 'avg', 'sum']
  return names.map((name) => {
    const known = AGGREGATIONS.find((one) => one === name)
    if (known === undefined) throw notUnderstood(`"${name}" in agg is none of ${AGGREGATIONS.join(', ')}`)
    return known
  })
}

/** `0,2-4`. Undefined: all. */
export function subtasksOf(text: string | undefined): ReadonlySet<number> | undefined {
  const parts = listOf(text)
  if (parts === undefined) return undefined
  return new Set(parts.flatMap(rangeOf))
}

function rangeOf(part: string): readonly number[] {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? []
  const [from, to] = [Number(first), Number(last)]
  if (first === undefined || to < from || to > SUBTASKS_MAX)
    throw notUnderstood(`"${part}" in subtasks is no index and no range of indexes`)
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

export function jobOf({ api }: Services, id: string): JobDetail {
  return api.job(jobId(id))
}

/** @throws JOB1106 */
export function livingJob(services: Services, id: string, wish: string): JobDetail {
  const detail = jobOf(services, id)
  if (!hasEnded(detail)) return detail
  throw new EngineError(
    'JOB1106',
    `job "${detail.name}" (${id}) is ${detail.state} and cannot be ${wish}. Nothing was done. Submit it again to let it run again.`,
    { context: { job: detail.name } },
  )
}

/** By its key or its uid. */
export function vertexOf(detail: JobDetail, id: string): VertexDetail {
  const found = detail.vertices.find(({ vertex }) => vertex === id || vertexKey(vertex) === id)
  if (found === undefined)
    throw notThere(`job "${detail.name}" has no vertex ${id}; GET /v1/jobs/${detail.job} lists them`)
  return found
}
