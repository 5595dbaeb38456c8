/** What an operator gets when it opens, for tests of what the harness cannot reach. */
import type { OperatorContext } from '../src/operators/operator.ts'
import { createHeapBackend } from '../src/state/heap-backend.ts'

const NOBODY = { onRecord: () => {} }

export function operatorContext(given: Partial<OperatorContext> = {}): OperatorContext {
  const info = { uid: 'operator', name: 'operator', subtask: 0, parallelism: 1, maxParallelism: 16, attempt: 0 }
  return {
    info,
    output: NOBODY,
    sideOutput: () => NOBODY,
    keyed: createHeapBackend({ uid: info.uid, maxParallelism: 16, keyGroups: { first: 0, last: 15 } }),
    restored: undefined,
    restoredCheckpoint: undefined,
    processingTimeMs: () => 0,
    wakeAt: () => {},
    wake: () => {},
    fail: () => {},
    counter: () => ({ add: () => {} }),
    ...given,
  }
}
