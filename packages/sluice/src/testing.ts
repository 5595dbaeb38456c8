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
export { createManualEnv, type ManualEnv, type ManualEnvOptions } from './testing/manual-env.ts'
export { MemoryDisk } from './testing/memory-disk.ts'
export { filterOperator } from './operators/filter.ts'
export { flatMapOperator } from './operators/flat-map.ts'
export { keyedProcessOperator } from './operators/keyed-process.ts'
export { keyedReduceOperator } from './operators/keyed-reduce.ts'
export { mapOperator } from './operators/map.ts'
export { windowOperator } from './operators/window-operator.ts'
