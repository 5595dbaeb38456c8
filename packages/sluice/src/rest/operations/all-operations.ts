import type { Operation } from '../operation.ts'
import { CHECKPOINT_OPERATIONS } from './checkpoint-operations.ts'
import { CLUSTER_OPERATIONS } from './cluster-operations.ts'
import { JOB_OPERATIONS } from './job-operations.ts'
import { VERTEX_OPERATIONS } from './vertex-operations.ts'

/** Where two paths fit, the first counts: those with fixed words stand before those with ids. */
export const OPERATIONS: readonly Operation[] = [
  ...CLUSTER_OPERATIONS,
  ...JOB_OPERATIONS,
  ...VERTEX_OPERATIONS,
  ...CHECKPOINT_OPERATIONS,
]
