/** A job of many subtasks, for those who schedule them: a source, keyed operators behind keyed edges, a sink at the last one. */
import {
  datagenSource,
  defineJob,
  functionSink,
  valueState,
  type DataStream,
  type JobDefinition,
} from '../../packages/sluice/src/index.ts'
import { planDefinition, type PlannedJob } from '../../packages/sluice/src/cluster/job-module.ts'

export interface WideShape {
  /** Vertices of the job graph: tasks in each slot. */
  readonly vertices: number
  readonly parallelism: number
  readonly checkpointIntervalMs: number
}

const STATE = { seen: valueState<number>('seen') }
const KEYS = 1000
/** Of each source subtask: the rows measure what it costs to run them, not what runs in them. */
const RECORDS_PER_SECOND = 10

function wideJob({ vertices, parallelism }: WideShape): JobDefinition {
  return defineJob('bench-wide', (env) => {
    let stream: DataStream<number> = env
      .fromSource(datagenSource({ generate: (index) => index }), undefined, {
        rateLimit: RECORDS_PER_SECOND * parallelism,
      })
      .uid('source')
    for (let vertex = 1; vertex < vertices; vertex++) {
      stream = stream
        .keyBy((value) => (value + vertex) % KEYS)
        .process<number, typeof STATE>({
          state: STATE,
          onRecord: (value, context) => {
            context.state.seen.update((context.state.seen.value() ?? 0) + 1)
            context.emit(value)
          },
        })
        .uid(`keyed-${vertex}`)
    }
    stream.sinkTo(functionSink(() => {})).uid('sink')
  })
}

/** Always the same graph: every process plans its own. */
export function planWideJob(shape: WideShape): PlannedJob {
  const values = {
    parallelism: String(shape.parallelism),
    maxParallelism: String(Math.max(128, shape.parallelism)),
    'checkpoint.interval': `${shape.checkpointIntervalMs}ms`,
  }
  return planDefinition(wideJob(shape), {}, [{ origin: 'benchmark', values }])
}
