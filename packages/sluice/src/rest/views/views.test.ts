import { describe, expect, test } from 'vitest'
import { FINISHED_JOB, RUNNING_JOB, START_MS, exampleCluster } from '../../../test/example-cluster.ts'
import { EngineError, errorToData } from '../../base/errors.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../../stream/element.ts'
import type { TaskState } from '../rest-types.ts'
import { checkpointsOf, distributionOf } from './checkpoint-views.ts'
import { exceptionsOf, executionResultOf, jobDetailsOf, jobSummaryOf } from './job-views.ts'
import { aggregatedMetrics } from './metric-views.ts'
import { redacted } from './redact.ts'
import { backPressureLevel, backPressureOf, vertexKey, vertexState, watermarkValue } from './vertex-views.ts'

const NOW_MS = START_MS + 10_000
const NO_NAMES: ReadonlySet<string> = new Set()
const running = exampleCluster().job(RUNNING_JOB)
const finished = exampleCluster().job(FINISHED_JOB)

describe('the view of a job', () => {
  test('counts its duration until now while it lives, and until its end afterwards', () => {
    expect(jobSummaryOf(running, NOW_MS)).toMatchObject({
      'end-time': -1,
      duration: 10_000,
      tasks: { total: 3, running: 3 },
    })
    expect(jobSummaryOf(finished, NOW_MS)).toMatchObject({ 'end-time': START_MS + 4000, duration: 4000 })
    expect(jobSummaryOf(running, START_MS - 500).duration).toBe(0)
  })

  test('has its plan with the same ids as its vertices', () => {
    const { vertices, plan } = jobDetailsOf(running, NOW_MS, NO_NAMES)
    expect(plan.nodes.map(({ id }) => id)).toEqual(vertices.map(({ id }) => id))
    expect(plan.nodes[1]?.inputs).toEqual([
      { num: 0, id: vertexKey('source'), ship_strategy: 'HASH', exchange: 'pipelined_bounded' },
    ])
  })

  test('names every state with the moment it was entered, 0 for never', () => {
    const { timestamps } = jobDetailsOf(running, NOW_MS, NO_NAMES)
    expect(timestamps).toMatchObject({ INITIALIZING: START_MS, RUNNING: START_MS + 300, FAILED: 0 })
    expect(Object.keys(timestamps)).toHaveLength(10)
  })

  test('gives the failures newest first and says when there are more', () => {
    const [failure] = running.failures
    if (failure === undefined) throw new TypeError('the example has a failure')
    const several = { ...running, failures: [failure, { ...failure, wallMs: failure.wallMs + 1 }] }
    const { exceptionHistory } = exceptionsOf(several, 1)
    expect(exceptionHistory).toMatchObject({ truncated: true, entries: [{ timestamp: failure.wallMs + 1 }] })
    expect(exceptionHistory.entries[0]).toMatchObject({ taskName: 'sum by customer (2/2)', endpoint: 'host1' })
    expect(exceptionHistory.entries[0]?.stacktrace).toMatch(/^\[TSK1001\] a user function threw: boom\n/)
  })

  test('has a result only when it has ended', () => {
    expect(executionResultOf(running, NOW_MS)).toEqual({ status: { id: 'IN_PROGRESS' } })
    const error = errorToData(new EngineError('JOB1003', 'gave up'))
    expect(executionResultOf({ ...finished, state: 'FAILED', error }, NOW_MS)).toMatchObject({
      status: { id: 'COMPLETED' },
      'job-execution-result': {
        'application-status': 'FAILED',
        'net-runtime': 4000,
        'failure-cause': { class: 'JOB1003' },
      },
    })
  })
})

const VERTEX_STATES: readonly (readonly [readonly TaskState[], TaskState])[] = [
  [[], 'CREATED'],
  [['CREATED', 'SCHEDULED'], 'SCHEDULED'],
  [['SCHEDULED', 'DEPLOYING'], 'DEPLOYING'],
  [['RUNNING', 'INITIALIZING'], 'INITIALIZING'],
  [['RUNNING', 'FINISHED'], 'RUNNING'],
  [['DEPLOYING', 'FINISHED'], 'RUNNING'],
  [['FINISHED', 'FINISHED'], 'FINISHED'],
  [['RUNNING', 'CANCELING'], 'CANCELING'],
  [['CANCELED', 'FINISHED'], 'CANCELED'],
  [['RUNNING', 'FAILED', 'CANCELING'], 'FAILED'],
]

describe('the view of a vertex', () => {
  test.for(VERTEX_STATES)('with subtasks %j is %s', ([states, expected]) => {
    expect(vertexState(states)).toBe(expected)
  })

  test('has an id of 32 hexadecimal digits that depends on its uid only', () => {
    expect(vertexKey('source')).toMatch(/^[0-9a-f]{32}$/)
    expect(vertexKey('source')).toBe(vertexKey('source'))
    expect(vertexKey('source')).not.toBe(vertexKey('sink'))
  })

  test('is as back-pressured as its most back-pressured subtask', () => {
    expect([0, 0.1, 0.11, 0.5, 0.51].map(backPressureLevel)).toEqual(['ok', 'ok', 'low', 'low', 'high'])
    const [, vertex] = running.vertices
    if (vertex === undefined) throw new TypeError('the example has two vertices')
    expect(backPressureOf(vertex, NOW_MS)).toMatchObject({
      status: 'ok',
      backpressureLevel: 'low',
      subtasks: [
        { ratio: 0, idleRatio: 0.75 },
        { ratio: 0.4, busyRatio: 0.5 },
      ],
    })
    const silent = { ...vertex, subtasks: vertex.subtasks.map((subtask) => ({ ...subtask, report: undefined })) }
    expect(backPressureOf(silent, NOW_MS)).toMatchObject({ status: 'deprecated', subtasks: [] })
  })

  test('has words for watermarks that are no moments', () => {
    expect([MIN_WATERMARK, 5, MAX_WATERMARK].map(watermarkValue)).toEqual(['none', 5, 'end'])
  })
})

describe('the view of checkpoints', () => {
  test('has the history newest first and the newest of each kind', () => {
    const { history, latest, counts } = checkpointsOf(running)
    expect(history.map(({ id }) => id)).toEqual([4, 3, 2, 1])
    expect(latest).toMatchObject({
      completed: { id: 3, '@class': 'completed', external_path: '/ckpt/orders/3' },
      failed: { id: 2, failure_message: '[CKP1004] no space left' },
      restored: { id: 1, external_path: '/ckpt/orders/1' },
    })
    expect(counts).toEqual({ restored: 1, total: 4, in_progress: 1, completed: 2, failed: 1 })
  })

  test('summarises by nearest rank, and with zeros when there is nothing', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
    expect(distributionOf(hundred)).toEqual({
      min: 1,
      max: 100,
      avg: 51,
      p50: 50,
      p90: 90,
      p95: 95,
      p99: 99,
      p999: 100,
    })
    expect(distributionOf([7])).toMatchObject({ min: 7, max: 7, avg: 7, p50: 7, p999: 7 })
    expect(Object.values(distributionOf([]))).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
  })
})

describe('metrics over subtasks', () => {
  test('leave out what no subtask has, and take those that have it', () => {
    const all = [{ a: 1, b: 4 }, { a: 3 }]
    expect(aggregatedMetrics(all, ['a', 'b', 'c'], ['min', 'avg', 'skew'])).toEqual([
      { id: 'a', min: 1, avg: 2, skew: 50 },
      { id: 'b', min: 4, avg: 4, skew: 0 },
    ])
    expect(aggregatedMetrics(all, undefined, ['sum'])).toEqual([{ id: 'a' }, { id: 'b' }])
  })
})

describe('secrets', () => {
  test('are hidden by the look of their names, by configured names and in addresses', () => {
    const given = {
      dbPassword: 'a',
      'sink.api-key': 'b',
      AUTH_TOKEN: 'c',
      custom: 'd',
      url: 'postgres://me:e@host/db?x=1',
      input: 'http://host/path',
    }
    expect(redacted(given, new Set(['custom']))).toEqual({
      dbPassword: '******',
      'sink.api-key': '******',
      AUTH_TOKEN: '******',
      custom: '******',
      url: 'postgres://me:******@host/db?x=1',
      input: 'http://host/path',
    })
  })
})
