import { describe, expect, test } from 'vitest'
import { EngineError, errorToData } from '../base/errors.ts'
import { allocationId, leaderEpoch, slotIndex } from '../base/ids.ts'
import { Registry } from '../metrics/registry.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { SEARCH_MAX_MS, taskManagerHealth } from './task-manager-health.ts'
import { TaskManagerMeters } from './task-manager-meters.ts'

const JOB_MANAGER = { host: 'jm', port: 6123 }
const LABELS = { tm_id: 'tm-1', host: 'a' }
const ERROR = errorToData(new EngineError('NET1002', 'jm:6123 does not answer. Start a JobManager.'))
const SLOT = { allocation: allocationId('a-1'), job: 'orders', slot: slotIndex(0) }

function world() {
  const env = createManualEnv()
  const registry = new Registry()
  const options = { registry, clock: env.clock, labels: LABELS, slotCount: 4, memoryBytes: 1e9 }
  const meters = new TaskManagerMeters(options)
  const health = () => taskManagerHealth(meters.registration, env.clock.monotonicMs())
  const value = (metric: string): unknown =>
    [...registry.samples(), ...meters.samples(1)].find((sample) => sample.metric === metric)?.value
  return { env, meters, health, value }
}

describe('the health of a TaskManager', () => {
  test('a young one may take its time, a late one is not well and says why', () => {
    const { env, meters, health } = world()
    env.advance(SEARCH_MAX_MS)
    expect(health()).toEqual({ state: 'searching', problem: undefined })
    meters.note({ kind: 'waiting', jobManagers: [JOB_MANAGER], error: ERROR })
    env.advance(1)
    expect(health().problem).toMatch(/for 10 s\..*The last attempt: jm:6123 does not answer\. Start a JobManager\. See/)
  })

  test('the time counts from when it was registered last, whatever is tried in between', () => {
    const { env, meters, health } = world()
    meters.note({ kind: 'registered', jobManager: JOB_MANAGER, epoch: leaderEpoch(1) })
    env.advance(60_000)
    expect(health()).toEqual({ state: 'registered', problem: undefined })
    meters.note({ kind: 'disconnected', jobManager: JOB_MANAGER, error: ERROR, slotCount: 1 })
    env.advance(SEARCH_MAX_MS)
    expect(health().problem).toBeUndefined()
    meters.note({ kind: 'refused', jobManager: JOB_MANAGER, error: ERROR })
    env.advance(1)
    expect(health().problem).toBeDefined()
    meters.note({ kind: 'registered', jobManager: JOB_MANAGER, epoch: leaderEpoch(2) })
    expect(health()).toEqual({ state: 'registered', problem: undefined })
  })

  test('one that has ended is not well', () => {
    const { meters, health } = world()
    meters.note({ kind: 'ended', error: undefined })
    expect(health()).toMatchObject({ state: 'ended', problem: expect.stringContaining('has ended') })
  })
})

describe('what a TaskManager counts', () => {
  test('slots, losses and messages dropped', () => {
    const { meters, value } = world()
    meters.note({ kind: 'registered', jobManager: JOB_MANAGER, epoch: leaderEpoch(1) })
    meters.note({ kind: 'slot-started', ...SLOT })
    meters.note({ kind: 'slot-lost', ...SLOT, error: ERROR })
    meters.note({ kind: 'dropped', what: 'a message', count: 1 })
    meters.note({ kind: 'dropped', what: 'a message', count: 1000 })
    meters.note({ kind: 'disconnected', jobManager: JOB_MANAGER, error: ERROR, slotCount: 0 })
    expect(value('sluice_taskmanager_slot_starts_total')).toBe(1)
    expect(value('sluice_taskmanager_slot_losses_total')).toBe(1)
    expect(value('sluice_taskmanager_messages_dropped_total')).toBe(1000)
    expect(value('sluice_taskmanager_disconnects_total')).toBe(1)
    expect(value('sluice_taskmanager_registered')).toBe(0)
    expect(value('sluice_taskmanager_slots_free')).toBe(3)
  })
})
