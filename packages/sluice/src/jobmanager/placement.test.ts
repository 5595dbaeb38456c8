import { expect, test } from 'vitest'
import { defineJob } from '../api/define-job.ts'
import { slotIndex } from '../base/ids.ts'
import { planJob } from '../graph/planner.ts'
import { scaleGraph } from '../graph/scale-graph.ts'
import { placeTasks, tasksOf } from './placement.ts'

const job = defineJob('groups', (env) => {
  env
    .fromElements(1, 2, 3)
    .uid('in')
    .rebalance()
    .map((value) => value)
    .name('heavy')
    .setParallelism(3)
    .slotSharingGroup('heavy')
    .print()
    .uid('out')
    .slotSharingGroup('default')
})
const { graph } = planJob(job.build({}), { parallelism: 2, maxParallelism: 'auto' })

function placed(slotCount: number): Readonly<Record<string, readonly number[]>> {
  const { table } = placeTasks(scaleGraph(graph, slotCount))
  return Object.fromEntries(graph.vertices.map(({ id, name }) => [name, table[id] ?? []]))
}

test('the slots of a group come behind those of the groups before it', () => {
  expect(placed(5)).toEqual({ in: [0, 1], heavy: [2, 3, 4], out: [0, 1] })
  expect(placed(4)).toEqual({ in: [0, 1], heavy: [2, 3], out: [0, 1] })
  expect(placed(2)).toEqual({ in: [0], heavy: [1], out: [0] })
})

test('no slot has subtasks of two groups, and every slot has one', () => {
  for (const slotCount of [2, 3, 4, 5]) {
    const placement = placeTasks(scaleGraph(graph, slotCount))
    expect(placement.slots).toEqual(Array.from({ length: slotCount }, (_, at) => slotIndex(at)))
    for (const slot of placement.slots) {
      const groups = tasksOf(placement, slot).map(
        ({ vertex }) => graph.vertices.find(({ id }) => id === vertex)?.slotSharingGroup,
      )
      expect(new Set(groups).size).toBe(1)
    }
  }
})
