import { expect, test } from 'vitest'
import { defineJob } from '../api/define-job.ts'
import { resolveOptions } from '../config/resolve-options.ts'
import { planJob } from './planner.ts'
import { scaleGraph, slotsWantedBy } from './scale-graph.ts'

const job = defineJob('numbers', (env) => {
  env
    .fromElements(1, 2, 3)
    .uid('source')
    .keyBy((value) => value)
    .reduce((sum, value) => sum + value)
    .uid('sums')
    .print()
    .uid('sink')
})
const { graph } = planJob(job.build({}), resolveOptions([{ origin: 'test', values: { parallelism: '4' } }]))

test('no vertex has more subtasks than there are slots, and what a checkpoint must match stays', () => {
  const scaled = scaleGraph(graph, 2)
  expect(scaled.vertices.map(({ parallelism }) => parallelism)).toEqual(
    graph.vertices.map(({ parallelism }) => Math.min(parallelism, 2)),
  )
  expect(scaled.vertices.map(({ maxParallelism }) => maxParallelism)).toEqual(
    graph.vertices.map(({ maxParallelism }) => maxParallelism),
  )
  expect([scaled.layoutHash, scaled.layout, scaled.edges]).toEqual([graph.layoutHash, graph.layout, graph.edges])
})

test('a graph that fits stays the same object', () => {
  expect(slotsWantedBy(graph)).toBe(4)
  expect(scaleGraph(graph, 4)).toBe(graph)
  expect(scaleGraph(graph, 9)).toBe(graph)
  expect(slotsWantedBy(scaleGraph(graph, 3))).toBe(3)
})

test('the input is not changed', () => {
  scaleGraph(graph, 1)
  expect(slotsWantedBy(graph)).toBe(4)
})
