/** Row startup: three elements, printed. Says on standard error when what happened. */
import { writeSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { defineJob, printSink } from '../../packages/sluice/src/index.ts'
import { preciseWallMs } from '../workload/stopwatch.ts'

const STDERR = 2
const where = isMainThread ? 'main' : 'slot'
let hasSeenRecord = false

if (isMainThread) mark('begun', performance.timeOrigin)
mark('loaded')

export default defineJob('bench-three-elements', (env) => {
  env.fromElements('one', 'two', 'three').map(onRecord).sinkTo(printSink<string>())
  mark('built')
})

function onRecord(value: string): string {
  if (!hasSeenRecord) mark('record')
  hasSeenRecord = true
  return value
}

function mark(what: string, wallMs = preciseWallMs()): void {
  writeSync(STDERR, `mark ${where}-${what} ${wallMs}\n`)
}
