/** Testing jobs and operators: `import { simulate, testOperator } from 'sluice/testing'`. */
export { simulate, type SimulateOptions, type Simulation } from './testing/simulator.ts'
export type { SimOutput } from './testing/sim-output.ts'
export type { FaultCounts } from './testing/sim-faults.ts'
export { testOperator, type OperatorTestOptions, type OperatorTestOutput } from './testing/operator-harness.ts'
export {
  endOfInput,
  processingTime,
  record,
  secondRecord,
  watermark,
  type OperatorScript,
  type OutputRecord,
  type ScriptStep,
} from './testing/operator-script.ts'
export {
  jobHarness,
  streamHarness,
  type HarnessOptions,
  type HarnessSnapshot,
  type JobHarness,
  type StreamHarness,
} from './testing/stream-harness.ts'
export type { HarnessInput } from './testing/harness-input.ts'
export type { HarnessOutput, OutputPace } from './testing/harness-output.ts'
export { testStream, type StreamTestOutput } from './testing/stream-test.ts'
export { createManualEnv, type ManualEnv, type ManualEnvOptions } from './testing/manual-env.ts'
export { MemoryDisk } from './testing/memory-disk.ts'
export { broadcastProcessOperator } from './operators/broadcast-process.ts'
export { keyedBroadcastProcessOperator } from './operators/broadcast-keyed-process.ts'
export { coFlatMapOperator } from './operators/co-flat-map.ts'
export { coGroupOperator } from './operators/co-group.ts'
export { keyedCoProcessOperator } from './operators/co-keyed-process.ts'
export { coMapOperator } from './operators/co-map.ts'
export { coProcessOperator } from './operators/co-process.ts'
export { intervalJoinOperator } from './operators/interval-join.ts'
export { windowJoinOperator } from './operators/window-join.ts'
export { filterOperator } from './operators/filter.ts'
export { flatMapOperator } from './operators/flat-map.ts'
export { keyedProcessOperator } from './operators/keyed-process.ts'
export { keyedReduceOperator } from './operators/keyed-reduce.ts'
export { mapOperator } from './operators/map.ts'
export { windowOperator } from './operators/windows.ts'
