/**
 * Lets the faults of a schedule happen, and counts what really happened.
 *
 * Owns: triggers, the time for which a fault lasts, faults of the disk. Does not own: the draws (cluster-sim-schedule.ts), processes.
 */
import { EngineError } from '../base/errors.ts'
import type { Random } from '../base/env.ts'
import { below } from '../base/random.ts'
import { recordOf } from '../base/record-of.ts'
import {
  type ClusterFault,
  type FaultKind,
  FAULT_KINDS,
  LEADER,
  WORKER,
  type Schedule,
  type ScheduledFault,
  type TriggerKind,
} from './cluster-sim-schedule.ts'
import type { SimClient } from './cluster-sim-client.ts'
import type { SimHost } from './cluster-sim-host.ts'
import type { DiskFault, DiskFaults, DiskOperation, SimDisk } from './sim-disk.ts'
import { type FaultCounts, drawCrash, noFaultCounts } from './sim-faults.ts'
import type { SimNetwork } from './sim-network.ts'
import type { SimLife, SimScheduler } from './sim-scheduler.ts'

export type ClusterFaultCounts = Record<FaultKind | 'leaderCrash' | 'longPause' | 'diskFailure', number>

export interface ClusterFaultsOptions {
  readonly schedule: Schedule
  readonly scheduler: SimScheduler
  readonly network: SimNetwork
  readonly disk: SimDisk
  readonly random: Random
  /** Lives as long as the run. */
  readonly life: SimLife
  readonly hosts: () => readonly SimHost[]
  readonly client: () => SimClient
  readonly addTaskManager: (name: string, slots: number) => boolean
  /** Fewest slots with which the job can go on. */
  readonly slotsMin: number
  readonly reached: (of: TriggerKind) => number
  readonly beforePower: () => void
  readonly afterPower: () => void
}

interface DiskWindow {
  readonly how: 'slow' | 'fail' | 'hang'
  readonly host: SimHost | 'all'
  readonly untilMs: number
}

const PAUSE_LONG_MS = 600
const SLOW_DISK_MS = 40
const FAIL_SHARE = 0.5

export class ClusterFaults implements DiskFaults {
  readonly counts: ClusterFaultCounts
  /** What a power loss did to the disk. */
  readonly diskCounts: FaultCounts = noFaultCounts()
  readonly happened: string[] = []
  readonly #options: ClusterFaultsOptions
  #waiting: readonly ScheduledFault[]
  #windows: DiskWindow[] = []
  #throws = 0
  #untilMs = 0

  constructor(options: ClusterFaultsOptions) {
    this.#options = options
    this.#waiting = options.schedule
    const kinds = [...FAULT_KINDS, 'leaderCrash', 'longPause', 'diskFailure']
    this.counts = { ...recordOf<ClusterFaultCounts>(kinds.map((kind) => [kind, 0])) } // changed as they happen
  }

  /** Nothing is broken any more, as far as the world is concerned, since then. */
  get quietSinceMs(): number {
    return this.#untilMs
  }

  /** Faults that wait for a moment of virtual time. */
  get isOver(): boolean {
    return this.#waiting.every(({ at }) => at.of !== 't')
  }

  beforeStep(): void {
    if (this.#waiting.length === 0) return
    const due = this.#waiting.filter(({ at }) => this.#options.reached(at.of) >= at.count)
    if (due.length === 0) return
    this.#waiting = this.#waiting.filter((fault) => !due.includes(fault))
    for (const { fault } of due) this.#apply(fault)
  }

  /** Nothing else is to happen. */
  end(): void {
    this.#waiting = []
  }

  /** Called before each record of each operator. */
  onRecord(operator: string): void {
    if (this.#throws === 0) return
    this.#throws--
    this.counts.throw++
    throw new EngineError(
      'TSK1001',
      `a simulated failure of operator "${operator}". The job restarts. Nothing needs to be done.`,
    )
  }

  faultOf(operation: DiskOperation, life: SimLife): DiskFault | undefined {
    if (this.#windows.length === 0 || operation.kind === 'close') return undefined
    const window = this.#windowOf(life, 'fail')
    if (window === undefined || this.#options.random.fraction() >= FAIL_SHARE) return undefined
    this.counts.diskFailure++
    const effect = (['none', 'part', 'whole'] as const)[below(this.#options.random, 3)] ?? 'none'
    return { failure: 'io', effect }
  }

  delayOf(_operation: DiskOperation, life: SimLife): number {
    if (this.#windows.length === 0) return 0
    const hanging = this.#windowOf(life, 'hang')
    if (hanging !== undefined) return hanging.untilMs - this.#options.scheduler.nowMs
    return this.#windowOf(life, 'slow') === undefined ? 0 : this.#options.random.fraction() * SLOW_DISK_MS
  }

  #windowOf(life: SimLife, how: DiskWindow['how']): DiskWindow | undefined {
    const { nowMs } = this.#options.scheduler
    return this.#windows.find(
      (window) => window.how === how && nowMs < window.untilMs && (window.host === 'all' || window.host.life === life),
    )
  }

  #apply(fault: ClusterFault): void {
    if (!this.#perform(fault)) return
    const { nowMs } = this.#options.scheduler
    this.counts[fault.kind] += fault.kind === 'throw' ? 0 : 1
    this.happened.push(`${nowMs.toFixed(0)} ms: ${JSON.stringify(fault)}`)
    this.#untilMs = Math.max(this.#untilMs, nowMs + ('ms' in fault && fault.kind !== 'clock' ? fault.ms : 0))
  }

  /** Whether there was something to break. */
  #perform(fault: ClusterFault): boolean {
    switch (fault.kind) {
      case 'crash':
        return this.#crash(fault.host, fault.ms, 'process')
      case 'off':
        return this.#crash(fault.host, fault.ms, 'machine')
      case 'pause':
        return this.#pause(fault)
      case 'cut':
        return this.#cut(fault)
      case 'break':
        return Array.from({ length: fault.count }, () => this.#options.network.breakOne()).includes(true)
      case 'lag':
        return this.#lag(fault)
      case 'disk':
        return this.#spoilDisk(fault)
      case 'power':
        return this.#power(fault.ms)
      case 'clock':
        return this.#jump(fault)
      case 'slot':
        return this.#loseSlot(fault.host)
      case 'throw':
        this.#throws++
        return true
      case 'join':
        return this.#options.addTaskManager(fault.host, fault.slots)
      case 'leave':
        return this.#leave(fault.host)
      case 'scale':
        return this.#scale(fault.slots)
    }
  }

  #host(name: string): SimHost | undefined {
    if (name === LEADER) return this.#options.client().leader()?.host
    if (name === WORKER) return this.#worker()
    return this.#options.hosts().find((host) => host.name === name)
  }

  #worker(): SimHost | undefined {
    const { hosts, random } = this.#options
    const working = hosts().filter(({ process }) => process?.kind === 'tm' && process.launcher.living().length > 0)
    return working[below(random, working.length)]
  }

  #crash(name: string, ms: number, what: 'process' | 'machine'): boolean {
    const host = this.#host(name)
    if (host === undefined || !host.isUp) return false
    if (this.#options.client().leader()?.host === host) this.counts.leaderCrash++
    host.end(what)
    host.startIn(ms)
    return true
  }

  #pause({ host: name, ms }: Extract<ClusterFault, { kind: 'pause' }>): boolean {
    const host = this.#host(name)
    if (host === undefined || !host.isUp) return false
    if (ms > PAUSE_LONG_MS) this.counts.longPause++
    host.pause(ms)
    return true
  }

  #cut({ a, b, direction, ms }: Extract<ClusterFault, { kind: 'cut' }>): boolean {
    const { network } = this.#options
    for (const from of a) for (const to of b) network.partition(from, to, direction)
    this.#later(ms, 'heal', () => {
      for (const from of a) for (const to of b) network.heal(from, to)
    })
    return true
  }

  #lag({ factor, ms }: Extract<ClusterFault, { kind: 'lag' }>): boolean {
    const { network } = this.#options
    network.slowFactor = factor
    this.#later(ms, 'end of the lag', () => void (network.slowFactor = 1))
    return true
  }

  #spoilDisk({ how, host: name, ms }: Extract<ClusterFault, { kind: 'disk' }>): boolean {
    const host = name === 'all' ? 'all' : this.#host(name)
    if (host === undefined) return false
    this.#windows.push({ how, host, untilMs: this.#options.scheduler.nowMs + ms })
    return true
  }

  #power(ms: number): boolean {
    const { disk, random, hosts, beforePower, afterPower } = this.#options
    const running = hosts().filter(({ isUp }) => isUp)
    for (const host of running) host.end('machine')
    beforePower()
    disk.crash(drawCrash(random, this.diskCounts))
    afterPower()
    for (const host of running) host.startIn(ms)
    return true
  }

  #jump({ host: name, ms }: Extract<ClusterFault, { kind: 'clock' }>): boolean {
    const host = this.#host(name)
    if (host === undefined) return false
    host.drift.wallOffsetMs += ms
    return true
  }

  #loseSlot(name: string): boolean {
    const process = this.#host(name)?.process
    if (process?.kind !== 'tm') return false
    const living = process.launcher.living()
    const slot = living[below(this.#options.random, living.length)]
    if (slot === undefined) return false
    process.launcher.lose(slot)
    return true
  }

  #leave(name: string): boolean {
    const host = this.#host(name)
    if (host === undefined || !host.isUp) return false
    if (host.kind === 'jm') host.stop(() => host.startIn(LEAVE_MS))
    else if (!this.#canSpare(host)) return false
    else {
      host.isGone = true
      host.stop(() => {})
    }
    return true
  }

  #canSpare(host: SimHost): boolean {
    const others = this.#options.hosts().filter((other) => other !== host && other.kind === 'tm' && !other.isGone)
    return others.reduce((sum, { slots }) => sum + slots, 0) >= this.#options.slotsMin
  }

  #scale(slots: number): boolean {
    const client = this.#options.client()
    const leader = client.leader()
    const job = client.job?.job
    if (leader === undefined || job === undefined || !leader.api.jobs().some((known) => known.job === job)) return false
    try {
      leader.api.setParallelism(job, { lower: 1, upper: slots }).catch(refused)
    } catch {
      return false // it has ended: nobody is there to scale
    }
    return true
  }

  #later(ms: number, label: string, run: () => void): void {
    this.#options.scheduler.after(this.#options.life, ms, label, run)
  }
}

const LEAVE_MS = 300

/** The job has ended, or the leader is another one by now. */
function refused(thrown: unknown): void {
  if (!(thrown instanceof EngineError)) throw thrown
}
