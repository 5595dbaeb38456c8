/** Builds another graph in every thread, which a job must not do. */
import { randomUUID } from 'node:crypto'
import { defineJob } from 'sluice'

export default defineJob('unsteady-graph', (env) => {
  env.enableCheckpointing('1s')
  env.fromElements(1, 2, 3).uid(`numbers-${randomUUID()}`).print().uid('out')
})
