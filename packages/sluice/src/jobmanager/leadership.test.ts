import { describe, expect, test } from 'vitest'
import { DiskError } from '../base/disk-error.ts'
import type { Disk } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import { leaderEpoch } from '../base/ids.ts'
import { type ManualEnv, createManualEnv } from '../testing/manual-env.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { createLeadershipState, stepLeadership } from './leadership-machine.ts'
import type { LeadershipEffect, LeadershipEvent, LeadershipState } from './leadership-state.ts'
import { type Leadership, createLeadership } from './leadership.ts'

const SETTINGS = { renewIntervalMs: 1_000, leaseMs: 3_500, leaseTimeoutMs: 5_000 }
const ROOT = '/shared'

class Candidate {
  readonly env: ManualEnv
  readonly leadership: Leadership
  readonly log: string[] = []

  constructor(id: string, disk: Disk) {
    this.env = createManualEnv({ disk, seed: id.charCodeAt(0) })
    this.leadership = createLeadership({
      env: this.env,
      root: ROOT,
      candidate: { id, control: { host: '10.0.0.1', port: 6123 }, restUrl: `http://${id}:8081` },
      settings: SETTINGS,
      listener: {
        onGained: (epoch) => this.log.push(`gained ${epoch}`),
        onLost: (reason) => this.log.push(`lost: ${reason}`),
        onLeader: (leader) => this.log.push(`leader ${leader?.id}`),
        onTrouble: (error) => this.log.push(`trouble ${error.code}`),
      },
    })
  }

  async start(): Promise<void> {
    this.leadership.start()
    await this.env.settle()
  }
}

async function pass(ms: number, ...candidates: Candidate[]): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) for (const { env } of candidates) await env.advanceAndSettle(250)
}

/** A disk that can be made to fail, or never to answer. */
function troubled(disk: MemoryDisk): { readonly disk: Disk; set(trouble: 'none' | 'fails' | 'hangs'): void } {
  let trouble: 'none' | 'fails' | 'hangs' = 'none'
  const proxy = new Proxy<Disk>(disk, {
    get: (target, name: keyof Disk) => {
      const method = target[name].bind(target) as (...args: unknown[]) => Promise<unknown> // all methods of a Disk are async
      return (...args: unknown[]) => {
        if (trouble === 'fails') return Promise.reject(new DiskError('io', name, String(args[0])))
        return trouble === 'hangs' ? new Promise(() => {}) : method(...args)
      }
    },
  })
  return { disk: proxy, set: (next) => void (trouble = next) }
}

describe('leadership', () => {
  test('is claimed at once where nobody has led, and is seen by a standby', async () => {
    const disk = new MemoryDisk()
    const [a, b] = [new Candidate('a', disk), new Candidate('b', disk)]
    await a.start()
    await b.start()
    expect(a.log).toEqual(['leader a', 'gained 1'])
    expect(b.log).toEqual(['leader a'])
    expect([a.leadership.epoch(), b.leadership.epoch()]).toEqual([1, undefined])
    expect(b.leadership.leader()).toEqual({
      epoch: 1,
      id: 'a',
      control: { host: '10.0.0.1', port: 6123 },
      restUrl: 'http://a:8081',
    })
  })

  test('stays where it is as long as it is renewed', async () => {
    const disk = new MemoryDisk()
    const [a, b] = [new Candidate('a', disk), new Candidate('b', disk)]
    await a.start()
    await b.start()
    await pass(60_000, a, b)
    expect([a.leadership.isHeld(), b.leadership.isHeld()]).toEqual([true, false])
    expect(b.log).toEqual(['leader a'])
  })

  test('goes over when the leader is silent for the lease timeout, and what wakes up then has lost it', async () => {
    const disk = new MemoryDisk()
    const [a, b] = [new Candidate('a', disk), new Candidate('b', disk)]
    await a.start()
    await b.start()
    await pass(4_750, b)
    expect(b.leadership.isHeld()).toBe(false)
    await pass(2_000, b)
    expect(b.log).toEqual(['leader a', 'leader undefined', 'leader b', 'gained 2'])
    a.env.advance(10_000)
    expect(a.leadership.isHeld()).toBe(false)
    await a.env.settle()
    expect(a.log.slice(2)).toEqual([
      'leader undefined',
      'lost: Leader epoch 1 is over: the shared storage did not take a renewal in time.',
      'leader b',
    ])
  })

  test('goes over at once when the leader stops', async () => {
    const disk = new MemoryDisk()
    const [a, b] = [new Candidate('a', disk), new Candidate('b', disk)]
    await a.start()
    await b.start()
    const stopped = a.leadership.stop()
    expect(a.leadership.isHeld()).toBe(false)
    await stopped
    await pass(1_000, b)
    expect(b.leadership.epoch()).toBe(2)
    expect(a.log).toEqual(['leader a', 'gained 1', 'leader undefined'])
    await a.leadership.stop()
  })

  test.for(['fails', 'hangs'] as const)('is lost in time when the disk %s, and comes back with it', async (trouble) => {
    const shared = new MemoryDisk()
    const own = troubled(shared)
    const a = new Candidate('a', own.disk)
    await a.start()
    await pass(2_000, a)
    own.set(trouble)
    await pass(2_000, a)
    expect(a.leadership.isHeld()).toBe(true)
    await pass(1_750, a)
    expect(a.leadership.isHeld()).toBe(false)
    expect(a.log).toContain('lost: Leader epoch 1 is over: the shared storage did not take a renewal in time.')
    expect(a.log.filter((line) => line.startsWith('trouble'))).toEqual(trouble === 'fails' ? ['trouble CLU1003'] : [])
    if (trouble === 'hangs') return
    own.set('none')
    await pass(8_000, a)
    expect(a.leadership.epoch()).toBe(2)
  })

  test('a stop does not wait for ever for a disk that hangs', async () => {
    const own = troubled(new MemoryDisk())
    const a = new Candidate('a', own.disk)
    await a.start()
    own.set('hangs')
    const stopped = a.leadership.stop()
    await pass(4_000, a)
    await stopped
    expect(a.env.timerCount()).toBe(0)
  })

  test('is lost to whoever claims a higher epoch by force', async () => {
    const disk = new MemoryDisk()
    const a = new Candidate('a', disk)
    await a.start()
    await (await disk.openWrite(`${ROOT}/leader/epochs/000007`, 'create')).close()
    await pass(1_000, a)
    expect(a.log.at(-1)).toBe('lost: Leader epoch 1 is over: another JobManager has claimed a higher one.')
    expect(a.leadership.leader()).toBeUndefined()
    await pass(7_000, a)
    expect(a.leadership.epoch()).toBe(8)
  })

  test('jumps of the wall clock change nothing', async () => {
    const disk = new MemoryDisk()
    const [a, b] = [new Candidate('a', disk), new Candidate('b', disk)]
    await a.start()
    await b.start()
    a.env.jumpWall(3_600_000)
    b.env.jumpWall(-3_600_000)
    await pass(10_000, a, b)
    expect([a.leadership.isHeld(), b.leadership.isHeld()]).toEqual([true, false])
  })
})

const ERROR = new EngineError('CLU1003', 'the disk failed.')

/** Applies one event after the other, `[moment, event]`; gives the effects as lines. */
function transcript(...events: readonly (readonly [number, LeadershipEvent])[]): readonly string[] {
  let state: LeadershipState = createLeadershipState(SETTINGS)
  return events.flatMap(([nowMs, event]) => {
    const step = stepLeadership(state, event, nowMs)
    state = step.state
    return [`${nowMs} ${event.kind}`, ...step.effects.map((effect) => `  ${lineOf(effect)}`)]
  })
}

function lineOf(effect: LeadershipEffect): string {
  switch (effect.kind) {
    case 'start-timer':
      return `start-timer ${effect.timer} at ${effect.atMs}`
    case 'cancel-timer':
      return `cancel-timer ${effect.timer}`
    case 'leader':
      return `leader ${effect.leader?.id}`
    case 'lost':
      return `lost ${effect.epoch}: ${effect.reason}`
    case 'claim':
    case 'renew':
    case 'release':
    case 'gained':
      return `${effect.kind} ${effect.epoch}`
    default:
      return effect.kind
  }
}

describe('the leadership machine', () => {
  test('counts the lease from the start of the renewal, and drops answers that come late', () => {
    const looked = { startedMs: 0, epoch: leaderEpoch(0), mark: '', state: 'held', leader: undefined } as const
    expect(
      transcript(
        [0, { kind: 'start' }],
        [10, { kind: 'looked', operation: 1, look: looked }],
        [200, { kind: 'claimed', operation: 2, startedMs: 10, outcome: 'claimed' }],
        [900, { kind: 'renewed', operation: 3, startedMs: 200, newestEpoch: leaderEpoch(1) }],
        [1_200, { kind: 'next' }],
        [1_300, { kind: 'renew-failed', operation: 4, error: ERROR }],
        [1_550, { kind: 'next' }],
        [3_700, { kind: 'lease' }],
        [3_800, { kind: 'renewed', operation: 5, startedMs: 1_550, newestEpoch: leaderEpoch(1) }],
        [3_900, { kind: 'stop' }],
        [4_000, { kind: 'look-failed', operation: 6, error: ERROR }],
      ),
    ).toMatchInlineSnapshot(`
      [
        "0 start",
        "  look",
        "10 looked",
        "  leader undefined",
        "  claim 1",
        "200 claimed",
        "  start-timer lease at 3510",
        "  gained 1",
        "  renew 1",
        "900 renewed",
        "  start-timer lease at 3700",
        "  start-timer next at 1200",
        "1200 next",
        "  renew 1",
        "1300 renew-failed",
        "  trouble",
        "  start-timer next at 1550",
        "1550 next",
        "  renew 1",
        "3700 lease",
        "  cancel-timer next",
        "  cancel-timer lease",
        "  lost 1: lease-over",
        "  look",
        "3800 renewed",
        "3900 stop",
        "  stopped",
        "4000 look-failed",
      ]
    `)
  })

  test('a claim whose answer comes behind its lease is no leadership', () => {
    const looked = { startedMs: 0, epoch: leaderEpoch(4), mark: 'x', state: 'released', leader: undefined } as const
    expect(
      transcript(
        [0, { kind: 'start' }],
        [10, { kind: 'looked', operation: 1, look: looked }],
        [3_510, { kind: 'claimed', operation: 2, startedMs: 10, outcome: 'claimed' }],
      ).slice(-2),
    ).toEqual(['3510 claimed', '  look'])
  })

  test('a renewal whose answer comes behind the lease is none, even before the timer fires', () => {
    const looked = { startedMs: 0, epoch: leaderEpoch(0), mark: '', state: 'held', leader: undefined } as const
    expect(
      transcript(
        [0, { kind: 'start' }],
        [0, { kind: 'looked', operation: 1, look: looked }],
        [0, { kind: 'claimed', operation: 2, startedMs: 0, outcome: 'claimed' }],
        [9_000, { kind: 'renewed', operation: 3, startedMs: 10, newestEpoch: leaderEpoch(1) }],
      ).slice(-5),
    ).toEqual(['9000 renewed', '  cancel-timer next', '  cancel-timer lease', '  lost 1: lease-over', '  look'])
  })

  test('the released mark waits for the renewal before it', () => {
    const looked = { startedMs: 0, epoch: leaderEpoch(0), mark: '', state: 'held', leader: undefined } as const
    expect(
      transcript(
        [0, { kind: 'start' }],
        [0, { kind: 'looked', operation: 1, look: looked }],
        [0, { kind: 'claimed', operation: 2, startedMs: 0, outcome: 'claimed' }],
        [100, { kind: 'stop' }],
        [200, { kind: 'renewed', operation: 3, startedMs: 0, newestEpoch: leaderEpoch(1) }],
        [300, { kind: 'released', operation: 4 }],
      ).slice(-8),
    ).toMatchInlineSnapshot(`
      [
        "  cancel-timer lease",
        "  start-timer limit at 3600",
        "200 renewed",
        "  start-timer limit at 3700",
        "  release 1",
        "300 released",
        "  cancel-timer limit",
        "  stopped",
      ]
    `)
  })
})
