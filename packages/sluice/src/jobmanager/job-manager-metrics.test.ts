import { describe, expect, test } from 'vitest'
import { FINISHED_JOB, RUNNING_JOB, START_MS, exampleCluster } from '../../test/example-cluster.ts'
import { type Family, parseMetrics } from '../../test/prometheus-parser.ts'
import { EngineError, errorToData } from '../base/errors.ts'
import { attemptNumber, checkpointId, leaderEpoch, taskManagerId } from '../base/ids.ts'
import { metricRow } from '../metrics/metric-table.ts'
import { prometheusText } from '../metrics/prometheus-text.ts'
import { Registry } from '../metrics/registry.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { JobManagerMeters } from './job-manager-meters.ts'
import { jobManagerMetrics } from './job-manager-metrics.ts'
import type { JobEvent, JobStateName } from './job-events.ts'

const LABELS = { id: 'jm-1', host: 'a' }
const SUMMARY = {
  checkpoint: checkpointId(3),
  durationMs: 250,
  stateBytes: 1,
  alignmentMaxMs: 0,
  syncMaxMs: 0,
  asyncMaxMs: 0,
}

function world() {
  const env = createManualEnv({ wallMs: START_MS + 10_000 })
  const cluster = exampleCluster()
  const registry = new Registry()
  const meters = new JobManagerMeters({ registry, clock: env.clock, labels: LABELS })
  const jobEvent = (event: JobEvent): void => meters.note({ kind: 'job-event', job: RUNNING_JOB, event })
  const become = (state: JobStateName): void => jobEvent({ kind: 'state-changed', state, attempt: attemptNumber(0) })
  const read = (): readonly Family[] => {
    const context = { labels: LABELS, nowWallMs: env.clock.wallMs(), timesOf: meters.timesOf.bind(meters) }
    return parseMetrics(prometheusText([...jobManagerMetrics(cluster, context), ...registry.samples()]))
  }
  /** By labels, those of the job and the process left out. */
  const values = (name: string): Readonly<Record<string, number>> =>
    Object.fromEntries(
      (read().find((family) => family.name === name)?.samples ?? []).map(({ labels, value }) => [
        Object.entries(labels)
          .filter(([label]) => !['id', 'host', 'job_id', 'job_name', 'tm_id'].includes(label))
          .map(([, text]) => text)
          .join(' '),
        value,
      ]),
    )
  const value = (name: string): number | undefined => Object.values(values(name))[0]
  return { env, cluster, meters, jobEvent, become, read, values, value }
}

describe('metrics of a JobManager', () => {
  test('all have exactly the labels that their rows name, and none comes twice', () => {
    const { meters, cluster, env } = world()
    meters.note({ kind: 'job-submitted', job: RUNNING_JOB, name: 'orders' })
    const samples = jobManagerMetrics(cluster, {
      labels: LABELS,
      nowWallMs: env.clock.wallMs(),
      timesOf: (job) => meters.timesOf(job),
    })
    expect(samples.length).toBeGreaterThan(50)
    for (const { metric, labels } of samples)
      expect([metric, Object.keys(labels).sort()]).toEqual([metric, [...metricRow(metric).labels].sort()])
    expect(() => parseMetrics(prometheusText(samples))).not.toThrow()
  })

  test('tell of slots, TaskManagers and jobs', () => {
    const { value, values } = world()
    expect(value('flink_jobmanager_taskSlotsTotal')).toBe(2)
    expect(value('flink_jobmanager_taskSlotsAvailable')).toBe(0)
    expect(value('flink_jobmanager_numRegisteredTaskManagers')).toBe(1)
    expect(values('sluice_jobmanager_jobs')).toMatchObject({ RUNNING: 1, FINISHED: 1, FAILED: 0 })
    expect(value('flink_taskmanager_Status_JVM_CPU_Load')).toBe(0.25 / 4)
    expect(value('sluice_taskmanager_heartbeat_age_seconds')).toBe(9.1)
  })

  test('tell of every subtask what it read, wrote and how busy it was', () => {
    const { values, value } = world()
    expect(values('flink_taskmanager_job_task_numRecordsIn')).toEqual({
      'source read orders 0': 1000,
      'window-sum sum by customer 0': 500,
      'window-sum sum by customer 1': 500,
    })
    expect(values('flink_taskmanager_job_task_busyTimeMsPerSecond')['window-sum sum by customer 1']).toBe(500)
    expect(values('flink_taskmanager_job_task_backPressuredTimeMsPerSecond')['window-sum sum by customer 1']).toBe(400)
    expect(values('flink_taskmanager_job_task_idleTimeMsPerSecond')['window-sum sum by customer 1']).toBeCloseTo(100)
    expect(values('sluice_task_operator_count_total')['window-sum sum by customer 1 window-sum lateRecords']).toBe(1)
    expect(values('flink_taskmanager_job_task_operator_numLateRecordsDropped')['source read orders 0 source']).toBe(1)
    expect(value('sluice_task_watermark_lag_seconds')).toBe((START_MS + 10_000 - 1_000_000) / 1000)
  })

  test('tell of checkpoints, and of a job without any nothing', () => {
    const { value, cluster } = world()
    expect(value('flink_jobmanager_job_numberOfCompletedCheckpoints')).toBe(2)
    expect(value('flink_jobmanager_job_numberOfInProgressCheckpoints')).toBe(1)
    expect(value('flink_jobmanager_job_lastCheckpointDuration')).toBe(60)
    expect(value('sluice_job_last_checkpoint_alignment_seconds')).toBe(0.005)
    cluster.change(RUNNING_JOB, { checkpointConfig: undefined })
    expect(value('flink_jobmanager_job_numberOfCompletedCheckpoints')).toBeUndefined()
  })

  test('the age of the last checkpoint grows, and starts anew with the next one', () => {
    const { env, meters, jobEvent, value } = world()
    meters.note({ kind: 'job-recovered', job: RUNNING_JOB, name: 'orders' })
    env.advance(5000)
    expect(value('sluice_job_last_checkpoint_age_seconds')).toBe(5)
    jobEvent({ kind: 'checkpoint-completed', ...SUMMARY })
    env.advance(2000)
    expect(value('sluice_job_last_checkpoint_age_seconds')).toBe(2)
    expect(value('sluice_job_checkpoint_duration_seconds')).toBe(0.25)
  })

  test('a job is down from its failure until it runs again, whatever it does in between', () => {
    const { env, meters, become, value } = world()
    meters.note({ kind: 'job-submitted', job: RUNNING_JOB, name: 'orders' })
    for (const state of ['acquiring', 'deploying', 'running'] as const) become(state)
    env.advance(1000)
    become('draining')
    env.advance(1000)
    expect([value('flink_jobmanager_job_uptime'), value('flink_jobmanager_job_downtime')]).toEqual([2000, 0])
    for (const state of ['restarting', 'acquiring', 'restarting'] as const) {
      become(state)
      env.advance(1000)
    }
    expect([value('flink_jobmanager_job_uptime'), value('flink_jobmanager_job_downtime')]).toEqual([0, 3000])
    become('running')
    expect([value('flink_jobmanager_job_uptime'), value('flink_jobmanager_job_downtime')]).toEqual([0, 0])
  })

  test('a job that has ended leaves only its state behind', () => {
    const { meters, cluster, read, values } = world()
    meters.note({ kind: 'job-submitted', job: RUNNING_JOB, name: 'orders' })
    cluster.change(RUNNING_JOB, { state: 'FAILED', endedWallMs: START_MS + 1 })
    meters.note({ kind: 'job-ended', job: RUNNING_JOB, name: 'orders', state: 'FAILED' })
    const withJob = read().filter(({ samples }) => samples.some(({ labels }) => 'job_id' in labels))
    expect(withJob).toEqual([])
    expect(values('sluice_jobmanager_jobs')).toMatchObject({ FAILED: 1 })
  })

  test('a standby tells that it does not lead, and nothing of the cluster', () => {
    const { cluster, meters, read, value } = world()
    meters.note({ kind: 'job-submitted', job: RUNNING_JOB, name: 'orders' })
    cluster.follow('http://b:8081')
    meters.note({ kind: 'leadership-lost', epoch: leaderEpoch(3), reason: 'told to end' })
    expect(value('sluice_jobmanager_leads')).toBe(0)
    expect(value('sluice_jobmanager_leadership_losses_total')).toBe(1)
    expect(
      read()
        .flatMap(({ samples }) => samples)
        .some(({ labels }) => 'job_id' in labels),
    ).toBe(false)
  })

  test('what goes wrong with TaskManagers is counted, what goes well is not', () => {
    const { meters, value } = world()
    const taskManager = { kind: 'task-manager', id: taskManagerId('tm-1'), host: 'b' } as const
    const error = errorToData(new EngineError('CLU1006', 'silent'))
    meters.note({ ...taskManager, what: 'registered' })
    meters.note({ ...taskManager, what: 'lost', error })
    meters.note({ kind: 'connection-refused', remote: 'c:1', error })
    expect(value('sluice_jobmanager_task_manager_faults_total')).toBe(1)
    expect(value('sluice_jobmanager_connections_refused_total')).toBe(1)
  })

  test('a job that it never heard of is no trouble', () => {
    const { meters, jobEvent } = world()
    jobEvent({ kind: 'checkpoint-completed', ...SUMMARY })
    meters.note({ kind: 'job-ended', job: FINISHED_JOB, name: 'x', state: 'FINISHED' })
    expect(meters.timesOf(FINISHED_JOB)).toBeUndefined()
  })
})
