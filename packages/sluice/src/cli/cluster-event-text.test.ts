import { describe, expect, test } from 'vitest'
import { EngineError, errorToData } from '../base/errors.ts'
import {
  allocationId,
  attemptNumber,
  checkpointId,
  jobId,
  leaderEpoch,
  slotIndex,
  subtaskIndex,
  taskManagerId,
  vertexId,
} from '../base/ids.ts'
import { ProcessLog } from '../cluster/process-log.ts'
import type { ClusterEvent } from '../jobmanager/cluster-events.ts'
import { clusterEventLog, logRestEvent, logTaskManagerEvent } from './cluster-event-text.ts'

const JOB = jobId('j-1')
const ERROR = errorToData(
  new EngineError('TSK1001', 'a user function threw: boom', { context: { operator: 'window-sum' } }),
)

function world() {
  const lines: string[] = []
  const output = { writeLine: (line: string) => void lines.push(line) }
  const log = new ProcessLog({ level: 'debug', format: 'json', output, wallMs: () => 0 })
  /** Without the time. */
  const take = (): readonly unknown[] =>
    lines.splice(0).map((line) => {
      const { at: _, ...rest }: Record<string, unknown> = JSON.parse(line)
      return rest
    })
  return { log, note: clusterEventLog(log), take }
}

const FAILED: ClusterEvent = {
  kind: 'job-event',
  job: JOB,
  event: {
    kind: 'failed',
    failure: {
      error: ERROR,
      vertex: vertexId('v'),
      subtask: subtaskIndex(3),
      slot: slotIndex(1),
      attempt: attemptNumber(2),
      wallMs: 0,
      restoredCheckpoint: undefined,
      mergedCount: 0,
    },
  },
}

describe('lines about the cluster', () => {
  test('a failure names the job, the task, the attempt and the code', () => {
    const { note, take } = world()
    note({ kind: 'job-submitted', job: JOB, name: 'orders' })
    note(FAILED)
    expect(take()).toEqual([
      { level: 'info', text: 'job "orders" was submitted', job: 'j-1', jobName: 'orders' },
      {
        level: 'warn',
        text: '[TSK1001] a user function threw: boom (operator "window-sum")',
        job: 'j-1',
        jobName: 'orders',
        code: 'TSK1001',
        operator: 'window-sum',
        vertex: 'v',
        subtask: 3,
        slot: 1,
        attempt: 2,
      },
    ])
  })

  test('a checkpoint has its numbers as fields', () => {
    const { note, take } = world()
    const event = {
      checkpoint: checkpointId(7),
      durationMs: 12.4,
      stateBytes: 2048,
      alignmentMaxMs: 0,
      syncMaxMs: 0,
      asyncMaxMs: 0,
    }
    note({ kind: 'job-event', job: JOB, event: { kind: 'checkpoint-completed', ...event } })
    expect(take()).toMatchObject([{ level: 'debug', job: 'j-1', checkpoint: 7, durationMs: 12, stateBytes: 2048 }])
  })

  test('a failed end is an error, another one is not', () => {
    const { note, take } = world()
    note({ kind: 'job-ended', job: JOB, name: 'orders', state: 'FAILED', error: ERROR })
    note({ kind: 'job-ended', job: JOB, name: 'orders', state: 'FINISHED' })
    expect(take()).toMatchObject([
      { level: 'error', code: 'TSK1001', jobName: 'orders' },
      { level: 'info', text: 'job "orders" has ended: FINISHED' },
    ])
  })

  test('names of jobs that have ended, or are led elsewhere, are forgotten', () => {
    const { note, take } = world()
    note({ kind: 'job-submitted', job: JOB, name: 'orders' })
    note({ kind: 'job-ended', job: JOB, name: 'orders', state: 'FINISHED' })
    note({ kind: 'job-recovered', job: jobId('j-2'), name: 'clicks' })
    note({ kind: 'leadership-lost', epoch: leaderEpoch(2), reason: 'told to end' })
    take()
    for (const job of [JOB, jobId('j-2')]) note({ kind: 'job-event', job, event: { kind: 'started-fresh' } })
    expect(take()).toEqual([
      { level: 'info', text: 'started from the beginning', job: 'j-1' },
      { level: 'info', text: 'started from the beginning', job: 'j-2' },
    ])
  })

  test('a TaskManager that is gone is a warning with its name and the reason', () => {
    const { note, take } = world()
    const error = errorToData(new EngineError('CLU1006', 'nothing was heard for 10 s'))
    note({ kind: 'task-manager', id: taskManagerId('tm-1'), host: 'b', what: 'is gone', error })
    expect(take()).toMatchObject([{ level: 'warn', taskManager: 'tm-1', taskManagerHost: 'b', code: 'CLU1006' }])
  })
})

test('a TaskManager that is served although its clock is off is a warning', () => {
  const { note, take } = world()
  note({ kind: 'task-manager', id: taskManagerId('tm-1'), host: 'b', what: 'has a clock that is off', concern: true })
  expect(take()).toMatchObject([{ level: 'warn', taskManager: 'tm-1' }])
})

test('of many refused connections the first of a minute are told, and how many came behind them', () => {
  const { log, take } = world()
  let nowMs = 0
  const note = clusterEventLog(log, () => nowMs)
  const refuse = (): void => note({ kind: 'connection-refused', remote: 'r:1', error: ERROR })
  for (let i = 0; i < 1000; i++) refuse()
  expect(take()).toHaveLength(20)
  nowMs = 60_000
  refuse()
  expect(take()).toMatchObject([
    { level: 'warn', text: expect.stringContaining('980 more connections were refused') },
    { level: 'warn', text: expect.stringContaining('r:1') },
  ])
})

describe('lines of a TaskManager', () => {
  test('its end is told once, by the process', () => {
    const { log, take } = world()
    logTaskManagerEvent(log, { kind: 'ended', error: ERROR })
    expect(take()).toMatchObject([{ level: 'debug' }])
  })

  test('name the slot and the job, and the code when something is wrong', () => {
    const { log, take } = world()
    const slot = { allocation: allocationId('7-1'), job: 'orders', slot: slotIndex(0) }
    logTaskManagerEvent(log, { kind: 'slot-started', ...slot })
    logTaskManagerEvent(log, { kind: 'slot-lost', ...slot, error: ERROR })
    logTaskManagerEvent(log, { kind: 'dropped', what: 'a message', count: 1 })
    expect(take()).toMatchObject([
      { level: 'info', jobName: 'orders', slot: 0, allocation: '7-1' },
      { level: 'warn', jobName: 'orders', slot: 0, code: 'TSK1001', operator: 'window-sum' },
      { level: 'debug' },
    ])
  })
})

describe('lines about requests', () => {
  test('who changes something leaves a line', () => {
    const { log, take } = world()
    logRestEvent(log, { kind: 'changed', operation: 'cancelJob', path: '/jobs/j-1', status: 202 })
    expect(take()).toEqual([{ level: 'info', text: 'REST: cancelJob /jobs/j-1', status: 202 }])
  })
})
