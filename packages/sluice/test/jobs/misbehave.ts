import { readFileSync, writeFileSync } from 'node:fs'
import { datagenSource, defineJob, param, RestartStrategies } from 'sluice'
import { jsonLinesSink } from 'sluice/files'

const FAULTS = ['none', 'throw', 'exit', 'async-throw', 'rejection', 'memory', 'hang', 'block'] as const
type Fault = (typeof FAULTS)[number]

const params = {
  output: param.path(),
  /** Created when the fault happens, so that it happens once. */
  marker: param.path(),
  fault: param.choice(FAULTS, 'none'),
  at: param.integer(300),
  count: param.integer(1000),
  rate: param.integer(2000),
}

/** Copies numbers to files, and at one of them does what a job should not do. */
export default defineJob('misbehave', { params }, (env, { output, marker, fault, at, count, rate }) => {
  env.enableCheckpointing('50ms').setRestartStrategy(RestartStrategies.fixedDelay(3, '10ms'))
  env
    .fromSource(datagenSource({ generate: (index) => index, count, ratePerSecond: rate, splits: 2 }))
    .uid('numbers')
    .rebalance()
    .map((value) => {
      if (value === at && fault !== 'none' && isFirst(marker)) commit(fault, marker)
      return value
    })
    .sinkTo(jsonLinesSink(output))
    .uid('files')
})

function isFirst(marker: string): boolean {
  try {
    writeFileSync(marker, '', { flag: 'wx' })
    return true
  } catch {
    return false
  }
}

function commit(fault: Exclude<Fault, 'none'>, marker: string): void {
  if (fault === 'throw') throw new TypeError('this record is not liked')
  if (fault === 'exit') process.exit(3)
  if (fault === 'async-throw') setImmediate(() => throwLater())
  if (fault === 'rejection') void Promise.reject(new TypeError('nobody waits for this promise'))
  if (fault === 'memory') fillMemory()
  if (fault === 'hang') for (;;);
  // one system call that Node cannot interrupt, for as long as nobody opens the other end of the pipe
  if (fault === 'block') readFileSync(`${marker}.pipe`, 'utf8')
}

function throwLater(): never {
  throw new TypeError('thrown in a callback')
}

function fillMemory(): void {
  const kept: unknown[] = []
  for (;;) kept.push(Array.from({ length: 1000 }, (_, index) => ({ index })))
}
