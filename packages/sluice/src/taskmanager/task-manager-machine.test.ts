import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NetworkAddress } from '../base/env.ts'
import { EngineError, errorToData, type ErrorData } from '../base/errors.ts'
import { allocationId, leaderEpoch } from '../base/ids.ts'
import type { ToTaskManager } from '../control/cluster-messages.ts'
import { createTaskManagerState, stepTaskManager } from './task-manager-machine.ts'
import type { Effect, MachineEvent, TaskManagerState, TimerName } from './task-manager-state.ts'
import { TASK_MANAGER_SETTINGS } from './task-manager.ts'

const A: NetworkAddress = { host: 'a', port: 1 }
const B: NetworkAddress = { host: 'b', port: 1 }
const LEASE_MS = 4000

function registered(epoch: number): ToTaskManager {
  return { kind: 'registered', epoch: leaderEpoch(epoch), heartbeatIntervalMs: 1000, leaseMs: LEASE_MS }
}

const ERROR: ErrorData = errorToData(new EngineError('NET1002', 'it is gone'))
const KILL: ToTaskManager = { kind: 'kill-slot', allocation: allocationId('a') }

/** A machine with a clock that the test moves; effects are kept, timers too. */
class Bench {
  state: TaskManagerState = createTaskManagerState([A, B], TASK_MANAGER_SETTINGS.connection)
  nowMs = 0
  fraction = 0.5
  readonly timers = new Set<TimerName>()

  get phase(): TaskManagerState['phase'] {
    return this.state.phase
  }

  get connection(): number {
    return this.state.core.connection
  }

  give(event: MachineEvent): readonly Effect[] {
    const { state, effects } = stepTaskManager(this.state, event, { nowMs: this.nowMs, fraction: this.fraction })
    this.state = state
    for (const effect of effects) {
      if (effect.kind === 'cancel-timers') this.timers.clear()
      if (effect.kind === 'set-timer') this.timers.add(effect.timer)
    }
    return effects
  }

  message(message: ToTaskManager): readonly Effect[] {
    return this.give({ kind: 'message', connection: this.connection, message })
  }

  serve(epoch = 1): void {
    this.give({ kind: 'start' })
    this.give({ kind: 'connected', connection: this.connection })
    this.give({ kind: 'welcomed', connection: this.connection, epoch: leaderEpoch(epoch) })
    this.message(registered(epoch))
  }
}

const kindsOf = (effects: readonly Effect[]): readonly string[] => effects.map(({ kind }) => kind)

describe('looking for a leader', () => {
  const targetOf = ({ phase }: Bench): NetworkAddress | undefined =>
    'target' in phase ? phase.target.address : undefined

  test('tries each address once a round: one that hangs is not tried again because others still name it', () => {
    const bench = new Bench()
    bench.give({ kind: 'start' })
    bench.give({ kind: 'connected', connection: 1 })
    bench.give({ kind: 'timer', timer: 'limit' })
    expect(targetOf(bench)).toBe(B)
    bench.give({ kind: 'connected', connection: 2 })
    bench.give({ kind: 'refused', connection: 2, error: ERROR, leader: A })
    expect(bench.phase.name).toBe('waiting')
    bench.give({ kind: 'timer', timer: 'retry' })
    expect(targetOf(bench)).toBe(A)
  })

  test('skips an address of the list that was tried because it was named', () => {
    const bench = new Bench()
    bench.give({ kind: 'start' })
    bench.give({ kind: 'connected', connection: 1 })
    bench.give({ kind: 'refused', connection: 1, error: ERROR, leader: B })
    expect(targetOf(bench)).toBe(B)
    bench.give({ kind: 'refused', connection: 2, error: ERROR, leader: undefined })
    expect(bench.phase.name).toBe('waiting')
  })
})

describe('the lease', () => {
  test('counts from when the registration was sent', () => {
    const bench = new Bench()
    bench.give({ kind: 'start' })
    bench.give({ kind: 'connected', connection: 1 })
    bench.nowMs = 100
    bench.give({ kind: 'welcomed', connection: 1, epoch: leaderEpoch(1) })
    bench.nowMs = 900
    const effects = bench.message(registered(1))
    expect(effects).toContainEqual({ kind: 'lease-until', untilMs: 100 + LEASE_MS })
    expect(effects).toContainEqual({ kind: 'set-timer', timer: 'lease', delayMs: LEASE_MS - 800 })
  })

  test.each<readonly [string, MachineEvent]>([
    ['a message', { kind: 'message', connection: 1, message: KILL }],
    ['an acknowledgement', { kind: 'message', connection: 1, message: { kind: 'heartbeat-ack', seq: 1 } }],
    ['the heartbeat timer', { kind: 'timer', timer: 'heartbeat' }],
  ])('after a pause longer than the lease, %s comes too late: slots end', (_, event) => {
    const bench = new Bench()
    bench.serve()
    bench.give({ kind: 'timer', timer: 'heartbeat' })
    bench.nowMs = LEASE_MS
    const effects = bench.give(event)
    expect(kindsOf(effects)).toEqual(['destroy', 'cancel-timers', 'end-slots', 'set-timer'])
    expect(bench.phase.name).toBe('clearing')
  })

  test('that was extended sets its timer anew', () => {
    const bench = new Bench()
    bench.serve()
    bench.nowMs = 1000
    bench.give({ kind: 'timer', timer: 'heartbeat' })
    bench.nowMs = 1500
    bench.message({ kind: 'heartbeat-ack', seq: 1 })
    bench.nowMs = LEASE_MS
    expect(bench.give({ kind: 'timer', timer: 'lease' })).toEqual([
      { kind: 'set-timer', timer: 'lease', delayMs: 1000 },
    ])
  })
})

test('messages that come while the storage marker is read are obeyed behind it', () => {
  const bench = new Bench()
  bench.give({ kind: 'start' })
  bench.give({ kind: 'connected', connection: 1 })
  bench.give({ kind: 'welcomed', connection: 1, epoch: leaderEpoch(1) })
  bench.message({ ...registered(1), marker: { path: '/m', content: 'x' } } as ToTaskManager) // with the optional field
  expect(bench.message(KILL)).toEqual([])
  const effects = bench.give({ kind: 'marker-checked', connection: 1, error: undefined })
  expect(kindsOf(effects)).toEqual(['cancel-timers', 'tell', 'serve'].slice(1))
})

test('a storage that does not answer is given up, and slots cannot have been started', () => {
  const bench = new Bench()
  bench.give({ kind: 'start' })
  bench.give({ kind: 'connected', connection: 1 })
  bench.give({ kind: 'welcomed', connection: 1, epoch: leaderEpoch(1) })
  bench.message({ ...registered(1), marker: { path: '/m', content: 'x' } } as ToTaskManager) // with the optional field
  const effects = bench.give({ kind: 'timer', timer: 'limit' })
  expect(effects).toContainEqual(
    expect.objectContaining({ kind: 'end-slots', error: expect.objectContaining({ code: 'CLU1003' }) }),
  )
})

test('events of an earlier connection are dropped and counted', () => {
  const bench = new Bench()
  bench.serve()
  expect(bench.give({ kind: 'closed', connection: 0, error: ERROR })).toEqual([])
  expect(bench.state.core.staleEventCount).toBe(1)
  expect(bench.phase.name).toBe('serving')
})

describe('whatever happens', () => {
  /** What the world may do in the phase that the machine is in. */
  function eventsIn(bench: Bench): readonly MachineEvent[] {
    const { connection } = bench
    const timers = [...bench.timers].map((timer): MachineEvent => ({ kind: 'timer', timer }))
    const refused = (leader?: NetworkAddress): MachineEvent => ({ kind: 'refused', connection, error: ERROR, leader })
    const closed: MachineEvent = { kind: 'closed', connection, error: ERROR }
    const message = (sent: ToTaskManager): MachineEvent => ({ kind: 'message', connection, message: sent })
    const stuck: MachineEvent = { kind: 'stuck', error: ERROR }
    const welcomed = (epoch: number): MachineEvent => ({ kind: 'welcomed', connection, epoch: leaderEpoch(epoch) })
    switch (bench.phase.name) {
      case 'created':
        return [{ kind: 'start' }]
      case 'connecting':
        return [...timers, { kind: 'connected', connection }, { kind: 'connected', connection }, refused()]
      case 'handshaking':
        return [...timers, welcomed(1), welcomed(2), welcomed(3), refused(A), refused(B)]
      case 'registering':
        return [...timers, message(registered(bench.phase.epoch)), message(registered(bench.phase.epoch)), closed]
      case 'serving':
        return [
          ...timers,
          ...timers,
          message(KILL),
          message({ kind: 'heartbeat-ack', seq: bench.phase.lease.seq }),
          closed,
          stuck,
        ]
      case 'clearing':
      case 'leaving':
        return [...timers, { kind: 'cleared' }, { kind: 'cleared' }, { kind: 'cleared' }, stuck, closed, message(KILL)]
      default:
        return [...timers, closed, message(KILL), { kind: 'cleared' }]
    }
  }

  test('slots live only under a lease, no connection is made beside them, epochs do not fall, every wait has a timer', () => {
    const choice = fc.record({
      pick: fc.nat(1000),
      waitMs: fc.constantFrom(0, 1, 500, 1000, 5000),
      stops: fc.integer({ min: 0, max: 60 }).map((draw) => draw === 0),
    })
    fc.assert(
      fc.property(fc.array(choice, { maxLength: 120 }), (choices) => {
        const bench = new Bench()
        let mayHaveSlots = false
        let epoch = 0
        for (const { pick, waitMs, stops } of choices) {
          bench.nowMs += waitMs
          const events = eventsIn(bench)
          if (events.length === 0) break
          const event = stops ? ({ kind: 'stop' } as const) : (events[pick % events.length] ?? { kind: 'stop' })
          if (event.kind === 'cleared') mayHaveSlots = false
          const before = bench.phase
          for (const effect of bench.give(event)) {
            if (effect.kind === 'serve') {
              expect(before.name === 'serving' && bench.nowMs < before.lease.untilMs).toBe(true)
              mayHaveSlots = true
            }
            if (effect.kind === 'connect') expect(mayHaveSlots).toBe(false)
            if (effect.kind === 'tell' && effect.event.kind === 'registered') {
              expect(effect.event.epoch).toBeGreaterThanOrEqual(epoch)
              epoch = effect.event.epoch
            }
          }
          if (before.name === 'serving' && bench.phase.name !== 'serving')
            expect(['clearing', 'leaving']).toContain(bench.phase.name)
          if (bench.phase.name !== 'created' && bench.phase.name !== 'ended')
            expect(bench.timers.size).toBeGreaterThan(0)
          if (bench.phase.name === 'ended') expect(bench.timers.size).toBe(0)
        }
      }),
      { numRuns: 300 },
    )
  })
})
