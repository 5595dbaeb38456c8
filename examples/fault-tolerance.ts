/**
 * A job that fails twice, restarts by itself, and finishes.
 *
 *   npm run sluice -- run examples/fault-tolerance.ts
 */
import { defineJob, RestartStrategies } from 'sluice'

const FAILURES = 2

/** How often the function below has thrown in this thread. Outside of all state on purpose: state would be restored with the job. */
let thrown = 0

export default defineJob('fault-tolerance', (env) => {
  env.enableCheckpointing('1000ms')
  env.setRestartStrategy(RestartStrategies.fixedDelay(FAILURES + 1, '100ms'))
  env
    .fromElements('Flink', 'FaultTolerance', 'Recovery')
    .uid('words')
    .map((word) => {
      if (word === 'FaultTolerance' && thrown < FAILURES) {
        thrown += 1
        throw new Error(`failure ${thrown} of ${FAILURES}, on purpose`)
      }
      return word
    })
    .name('fails twice')
    .print()
    .uid('print')
})
