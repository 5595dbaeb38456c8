/**
 * The smallest job with checkpoints.
 *
 *   npm run sluice -- run examples/checkpoint-and-recovery.ts
 */
import { defineJob } from 'sluice'

export default defineJob('checkpoint-and-recovery', (env) => {
  env.enableCheckpointing('1000ms', { mode: 'exactly-once', storage: 'file:///tmp/flink' })
  env.fromElements('Flink', 'Checkpoint', 'Recovery').uid('words').print().uid('print')
})
