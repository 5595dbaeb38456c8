import { describe, expect, test } from 'vitest'
import type { ExceptionEntry, JobDetails } from '../rest/rest-types.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import { eventsBetween, outcomeOf, resultOf, statusOf, type RemoteLook } from './remote-status.ts'

type Changes = Partial<JobDetails['sluice']>

const CHECKPOINT = { checkpoint: 3, durationMs: 12, stateBytes: 99, alignmentMaxMs: 1, syncMaxMs: 2, asyncMaxMs: 3 }

/** A look at a running job with some things changed. */
function look(changes: Changes = {}, exceptions: readonly ExceptionEntry[] = []): RemoteLook {
  const details: JobDetails = {
    jid: 'f'.repeat(32),
    name: 'orders',
    isStoppable: true,
    state: 'RUNNING',
    'job-type': 'STREAMING',
    schedulerType: 'Adaptive',
    'start-time': 1000,
    'end-time': -1,
    duration: 500,
    maxParallelism: 128,
    now: 1500,
    timestamps: {},
    vertices: [],
    'status-counts': {},
    plan: { jid: 'f'.repeat(32), name: 'orders', type: 'STREAMING', nodes: [] },
    sluice: {
      phase: 'running',
      attempt: 0,
      restartCount: 0,
      waiting: null,
      artifact: 'a',
      params: {},
      options: {},
      slotsWanted: 2,
      slotsHeld: 2,
      restoredCheckpoint: null,
      recordsRead: 7,
      counters: { 'sink/writtenRecords': 5 },
      checkpoints: null,
      error: null,
      ...changes,
    },
  }
  return { details, exceptions }
}

function exception(timestamp: number): ExceptionEntry {
  return {
    exceptionName: 'TSK1001',
    stacktrace: '[TSK1001] a user function threw: no\nmore about it\nTypeError: no\n    at map (/app/job.ts:7:3)',
    timestamp,
    failureLabels: {},
    taskName: 'map',
    endpoint: 'host-2',
    taskManagerId: 'tm-2',
    concurrentExceptions: [],
    sluice: { code: 'TSK1001', attempt: 0, restoredCheckpoint: null, mergedCount: 0 },
  }
}

const kinds = (before: RemoteLook | undefined, now: RemoteLook) => eventsBetween(before, now).map(({ kind }) => kind)

describe('what is told about a job', () => {
  test('nothing, when nothing changed', () => {
    expect(eventsBetween(look(), look())).toEqual([])
  })

  test('at the first look, what it does and what it started from', () => {
    expect(kinds(undefined, look({ phase: 'acquiring' }))).toEqual(['state-changed'])
    expect(kinds(undefined, look())).toEqual(['started-fresh', 'state-changed'])
    expect(eventsBetween(undefined, look({ restoredCheckpoint: 9 }))[0]).toMatchObject({
      kind: 'restored',
      checkpoint: 9,
    })
  })

  test('a failure with its place, the restart, and what the new attempt goes on from', () => {
    const failed = look({ phase: 'restarting', restartCount: 1 }, [exception(2000)])
    const events = eventsBetween(look(), failed)
    expect(events.map(({ kind }) => kind)).toEqual(['failed', 'restarting', 'state-changed'])
    expect(events[0]).toMatchObject({
      failure: {
        error: {
          code: 'TSK1001',
          message: 'a user function threw: no\nmore about it (TaskManager tm-2 on host-2)',
          cause: expect.stringContaining('/app/job.ts:7:3'),
        },
      },
    })
    const again = look({ attempt: 1, restartCount: 1, restoredCheckpoint: 3 }, [exception(2000)])
    expect(kinds(failed, again)).toEqual(['restored', 'state-changed'])
  })

  test('every failure once, the oldest first', () => {
    const events = eventsBetween(look({}, [exception(1)]), look({}, [exception(3), exception(2), exception(1)]))
    expect(events.map((event) => (event.kind === 'failed' ? event.failure.wallMs : 0))).toEqual([2, 3])
  })

  test('a checkpoint once', () => {
    const counts = { completed: 1, failed: 0, last: CHECKPOINT }
    expect(eventsBetween(look(), look({ checkpoints: counts }))).toEqual([
      { kind: 'checkpoint-completed', ...CHECKPOINT },
    ])
    expect(eventsBetween(look({ checkpoints: counts }), look({ checkpoints: { ...counts, failed: 1 } }))).toEqual([])
  })

  test('its end, with the error', () => {
    const error = { code: 'JOB1003', message: 'gave up', context: {}, stack: null }
    expect(eventsBetween(look(), look({ phase: 'failed', error }))).toEqual([
      expect.objectContaining({ kind: 'state-changed' }),
      { kind: 'ended', outcome: 'failed', error: { code: 'JOB1003', message: 'gave up', context: {} } },
    ])
  })

  test('codes of a newer cluster are not lost with their message', () => {
    const error = { code: 'ZZZ9999', message: 'something new', context: {}, stack: null }
    expect(resultOf(look({ error }), 'failed').error).toMatchObject({ code: 'INT1001', message: 'something new' })
  })
})

describe('how a job stands', () => {
  test('is told in the words of a run in this process', () => {
    expect(statusOf(look({ checkpoints: { completed: 4, failed: 1, last: CHECKPOINT } }))).toMatchObject({
      jobName: 'orders',
      state: 'running',
      recordsRead: 7,
      checkpoints: { completed: 4, failed: 1, lastCompleted: CHECKPOINT },
    })
  })

  test('its end is known by the phase, and without one by the state', () => {
    expect(outcomeOf(look({ phase: 'stopped' }).details)).toBe('stopped')
    expect(outcomeOf(look().details)).toBeUndefined()
    expect(outcomeOf({ ...look({ phase: '' }).details, state: 'CANCELED' })).toBe('canceled')
  })

  test('watermarks that are no moment have their own values', () => {
    const vertex = (watermark: number | 'none' | 'end') => ({
      id: 'v',
      slotSharingGroupId: '',
      name: 'v',
      maxParallelism: 128,
      parallelism: 1,
      status: 'RUNNING' as const,
      'start-time': 0,
      'end-time': -1,
      duration: 0,
      tasks: {},
      metrics: {
        'read-bytes': 0,
        'read-bytes-complete': true,
        'write-bytes': 0,
        'write-bytes-complete': true,
        'read-records': 1,
        'read-records-complete': true,
        'write-records': 2,
        'write-records-complete': true,
        'accumulated-backpressured-time': 0,
        'accumulated-idle-time': 0,
        'accumulated-busy-time': 0,
      },
      sluice: {
        uid: 'v',
        wantedParallelism: 1,
        slotSharingGroup: 'default',
        reportingCount: 1,
        watermark,
        busyRatio: 0,
        busyRatioMax: 0,
        backPressuredRatio: 0,
        backPressuredRatioMax: 0,
        pauseMaxMs: 0,
        counters: {},
      },
    })
    const now = look()
    const vertices = [vertex('none'), vertex('end'), vertex(5)]
    const status = statusOf({ ...now, details: { ...now.details, vertices } })
    expect(status.vertices.map(({ watermark }) => watermark)).toEqual([MIN_WATERMARK, MAX_WATERMARK, 5])
    expect(status.vertices[0]).toMatchObject({ recordsIn: 1, recordsOut: 2 })
  })
})
