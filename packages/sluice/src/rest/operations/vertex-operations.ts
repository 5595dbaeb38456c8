import { z } from 'zod'
import { type Operation, type Services, operation } from '../operation.ts'
import {
  aggregatedMetrics as aggregatedSchema,
  backPressure,
  metricValues as metricValuesSchema,
  vertexDetails,
} from '../schemas/vertex-schemas.ts'
import { type Figures, aggregatedMetrics, metricValues, subtaskFigures } from '../views/metric-views.ts'
import { spanOf } from '../views/spans.ts'
import { backPressureOf, vertexDetailsOf } from '../views/vertex-views.ts'
import { aggregationsOf, jobOf, listOf, listText, metricQuery, subtasksOf, vertexOf } from './queries.ts'

interface VertexIds {
  readonly jobid: string
  readonly vertexid: string
}

const aggregationQuery = z.object({ get: listText, agg: listText, subtasks: listText })

/** Of each subtask, by its index. */
function figuresOf(services: Services, { jobid, vertexid }: VertexIds): readonly (readonly [number, Figures])[] {
  const vertex = vertexOf(jobOf(services, jobid), vertexid)
  return vertex.subtasks.map((subtask) => {
    const rates = services.rates.ratesOf(jobid, vertex.vertex, subtask)
    return [subtask.subtask, subtaskFigures(vertex, subtask, rates)] as const
  })
}

/** `0.numRecordsIn`. */
function byIndex(all: readonly (readonly [number, Figures])[]): Figures {
  const named = all.flatMap(([index, figures]) =>
    Object.entries(figures).map(([name, value]) => [`${index}.${name}`, value] as const),
  )
  return Object.fromEntries(named)
}

export const VERTEX_OPERATIONS: readonly Operation[] = [
  operation({
    method: 'GET',
    path: '/jobs/:jobid/vertices/:vertexid',
    id: 'getVertex',
    tag: 'vertices',
    summary: 'One vertex with its subtasks and where they run.',
    answer: vertexDetails,
    perform: ({ ids, services }) => {
      const detail = jobOf(services, ids.jobid)
      return vertexDetailsOf(vertexOf(detail, ids.vertexid), spanOf(detail, services.clock.wallMs()))
    },
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/vertices/:vertexid/backpressure',
    id: 'getBackPressure',
    tag: 'vertices',
    summary: 'How long each subtask waits for those behind it.',
    answer: backPressure,
    perform: ({ ids, services }) =>
      backPressureOf(vertexOf(jobOf(services, ids.jobid), ids.vertexid), services.clock.wallMs()),
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/vertices/:vertexid/watermarks',
    id: 'getWatermarks',
    tag: 'vertices',
    summary: 'The watermark of each subtask.',
    answer: metricValuesSchema,
    perform: ({ ids, services }) => {
      const { subtasks } = vertexOf(jobOf(services, ids.jobid), ids.vertexid)
      return subtasks.flatMap(({ subtask, report }) =>
        report === undefined ? [] : [{ id: `${subtask}.currentInputWatermark`, value: String(report.watermark) }],
      )
    },
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/vertices/:vertexid/metrics',
    id: 'getVertexMetrics',
    tag: 'vertices',
    summary: 'Metrics of each subtask under `index.name`: names, or values of those asked for.',
    query: metricQuery,
    answer: metricValuesSchema,
    perform: ({ ids, query, services }) => metricValues(byIndex(figuresOf(services, ids)), listOf(query.get)),
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/vertices/:vertexid/subtasks/metrics',
    id: 'getSubtaskMetrics',
    tag: 'vertices',
    summary: 'Metrics aggregated over subtasks: names, or aggregates of those asked for.',
    query: aggregationQuery,
    answer: aggregatedSchema,
    perform: ({ ids, query, services }) => {
      const subtasks = subtasksOf(query.subtasks)
      const chosen = figuresOf(services, ids).filter(([index]) => subtasks === undefined || subtasks.has(index))
      const figures = chosen.map(([, one]) => one)
      return aggregatedMetrics(figures, listOf(query.get), aggregationsOf(query.agg))
    },
  }),
]
