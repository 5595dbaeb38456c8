import { describe, expect, test } from 'vitest'
import { parseMetrics } from '../../test/prometheus-parser.ts'
import { ScriptedLauncher } from '../../test/scripted-launcher.ts'
import { EngineError, errorToData } from '../base/errors.ts'
import {
  allocationId,
  artifactHash,
  attemptNumber,
  checkpointId,
  jobId,
  leaderEpoch,
  slotIndex,
  subtaskIndex,
  vertexId,
} from '../base/ids.ts'
import type { TaskReport } from '../base/task-report.ts'
import type { FromSlot } from '../control/messages.ts'
import { metricRow } from '../metrics/metric-table.ts'
import { prometheusText } from '../metrics/prometheus-text.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import type { SlotLaunch, SlotListener } from './slot-launcher.ts'
import { SlotMeters } from './slot-meters.ts'

const LABELS = { tm_id: 'tm-1', host: 'a' }
const ERROR = errorToData(new EngineError('TSK1002', 'gone'))

function launchOf(slot: number): SlotLaunch {
  return {
    allocation: allocationId(`a-${slot}`),
    spec: { job: jobId('j'), name: 'orders', artifact: artifactHash(''), params: {}, layers: [] },
    slot: slotIndex(slot),
    epoch: leaderEpoch(1),
    artifactPath: undefined,
  }
}

function reportOf(vertex: string, recordsIn: number): TaskReport {
  return {
    vertex: vertexId(vertex),
    subtask: subtaskIndex(0),
    recordsIn,
    recordsOut: 0,
    watermark: 1000,
    busyRatio: 0.5,
    backPressuredRatio: 0,
    counters: { [`${vertex}/seen`]: recordsIn },
    pauseMaxMs: 2,
  }
}

function reported(attempt: number, ...tasks: readonly TaskReport[]): Exclude<FromSlot, { kind: 'ready' }> {
  return { kind: 'report', attempt: attemptNumber(attempt), tasks }
}

function world() {
  const inner = new ScriptedLauncher()
  const meters = new SlotMeters(createManualEnv().clock, LABELS)
  const launcher = meters.measured(inner)
  const heard: string[] = []
  const listener: SlotListener = {
    onReady: ({ layoutHash }) => void heard.push(`ready ${layoutHash}`),
    onMessage: ({ kind }) => void heard.push(kind),
    onLost: ({ code }) => void heard.push(`lost ${code}`),
  }
  const values = (metric: string): Readonly<Record<string, number>> => {
    const family = parseMetrics(prometheusText(meters.samples())).find(({ name }) => name === metric)
    return Object.fromEntries((family?.samples ?? []).map(({ labels, value }) => [labels['vertex'], value]))
  }
  return { inner, meters, launcher, listener, heard, values }
}

const IN = 'flink_taskmanager_job_task_numRecordsIn'

describe('what passes by between slots and the JobManager', () => {
  test('passes unchanged in both directions', async () => {
    const { inner, launcher, listener, heard } = world()
    const slot = launcher.launch(launchOf(0), listener)
    launcher.leaseUntil(5)
    const { listener: fromSlot, received } = inner.slot(0)
    fromSlot.onReady({ layoutHash: 'h' })
    fromSlot.onMessage(reported(0, reportOf('source', 1)))
    slot.send({ kind: 'start', attempt: attemptNumber(0) })
    fromSlot.onLost(ERROR)
    expect(await slot.end()).toBe('ended')
    expect([heard, received.length, inner.lease]).toEqual([['ready h', 'report', 'lost TSK1002'], 1, 5])
  })

  test('the newest report and snapshot of each task is shown with the labels of its row', () => {
    const { inner, meters, launcher, listener, values } = world()
    launcher.launch(launchOf(0), listener)
    const slot = inner.slot(0).listener
    slot.onMessage(reported(0, reportOf('source', 1), reportOf('sum', 2)))
    slot.onMessage(reported(0, reportOf('source', 5)))
    slot.onMessage({
      kind: 'ack',
      attempt: attemptNumber(0),
      checkpoint: checkpointId(1),
      snapshot: {
        vertex: vertexId('sum'),
        subtask: subtaskIndex(0),
        operators: [],
        stats: { alignmentMs: 3, syncMs: 1, asyncMs: 9, stateBytes: 77 },
      },
    })
    expect(values(IN)).toEqual({ source: 5, sum: 2 })
    expect(values('sluice_task_snapshot_bytes')).toEqual({ sum: 77 })
    for (const { metric, labels } of meters.samples())
      expect([metric, Object.keys(labels).sort()]).toEqual([metric, [...metricRow(metric).labels].sort()])
  })

  test('parts of a job restart by themselves: each task is of the attempt that reported last', () => {
    const { inner, launcher, listener, values } = world()
    launcher.launch(launchOf(0), listener)
    const slot = inner.slot(0).listener
    slot.onMessage(reported(0, reportOf('a', 1)))
    slot.onMessage(reported(3, reportOf('b', 1)))
    slot.onMessage(reported(0, reportOf('a', 2)))
    expect(values(IN)).toEqual({ a: 2, b: 1 })
    slot.onMessage({ kind: 'stopped', attempt: attemptNumber(0) })
    expect(values(IN)).toEqual({ b: 1 })
    slot.onMessage(reported(4, reportOf('a', 7)))
    expect(values(IN)).toEqual({ a: 7, b: 1 })
  })

  test('nothing is left of a slot that was lost or given back', async () => {
    const { inner, meters, launcher, listener } = world()
    const slots = [0, 1].map((slot) => launcher.launch(launchOf(slot), listener))
    for (const { listener: fromSlot } of inner.slots) fromSlot.onMessage(reported(0, reportOf('a', 1)))
    inner.slot(0).listener.onLost(ERROR)
    await slots[1]?.end()
    expect(meters.samples()).toEqual([])
  })
})
