/** What a JobManager process shows of itself and its cluster: metrics. */
import { availableParallelism } from 'node:os'
import type { Clock } from '../base/env.ts'
import type { ClusterApi } from '../jobmanager/cluster-api.ts'
import { JobManagerMeters } from '../jobmanager/job-manager-meters.ts'
import { jobManagerMetrics } from '../jobmanager/job-manager-metrics.ts'
import { prometheusText } from '../metrics/prometheus-text.ts'
import { Registry } from '../metrics/registry.ts'
import { type Labels, samplesOf } from '../metrics/sample.ts'
import { logSamples, type ProcessLog } from './process-log.ts'
import { heapMaxBytes, type ProcessVitals } from './process-vitals.ts'

export interface JobManagerSightOptions {
  readonly id: string
  readonly host: string
  readonly clock: Clock
  readonly vitals: ProcessVitals
  readonly log: ProcessLog
}

export class JobManagerSight {
  readonly meters: JobManagerMeters
  readonly #options: JobManagerSightOptions
  readonly #labels: Labels
  readonly #registry = new Registry()

  constructor(options: JobManagerSightOptions) {
    const { id, host, clock } = options
    this.#options = options
    this.#labels = { id, host }
    this.meters = new JobManagerMeters({ registry: this.#registry, clock, labels: this.#labels })
  }

  /** @param api undefined while the process is starting */
  metricsText(api: ClusterApi | undefined): string {
    const { vitals, log, clock } = this.#options
    const context = {
      labels: this.#labels,
      nowWallMs: clock.wallMs(),
      timesOf: this.meters.timesOf.bind(this.meters),
    }
    return prometheusText([
      ...vitals.samples(),
      ...logSamples(log, vitals.labels),
      ...this.#registry.samples(),
      ...samplesOf(this.#labels, {
        flink_jobmanager_Status_JVM_CPU_Load: vitals.cpuRatio() / availableParallelism(),
        flink_jobmanager_Status_JVM_Memory_Heap_Used: process.memoryUsage().heapUsed,
        flink_jobmanager_Status_JVM_Memory_Heap_Max: heapMaxBytes(),
      }),
      ...(api === undefined ? [] : jobManagerMetrics(api, context)),
    ])
  }
}
