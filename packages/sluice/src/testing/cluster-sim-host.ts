/**
 * One machine of a simulated cluster and the process that runs there, life after life.
 *
 * Owns: starts and ends of the process. Does not own: when (cluster-sim-faults.ts), what it is made of (cluster-sim-process.ts).
 *
 * H1 A process that ended, however, has another id and an `Env` of its own when it is started again.
 */
import type { Env } from '../base/env.ts'
import { type EngineError, asEngineError } from '../base/errors.ts'
import type { ClusterEvent } from '../jobmanager/cluster-events.ts'
import type { JobManager } from '../jobmanager/job-manager.ts'
import type { TaskManagerEvent } from '../taskmanager/task-manager-events.ts'
import { type ClusterParts, type SimTaskManager, simJobManager, simTaskManager } from './cluster-sim-process.ts'
import type { SimDrift } from './sim-env.ts'
import type { SimNetwork } from './sim-network.ts'
import { SimLife, type SimScheduler } from './sim-scheduler.ts'

/** What a machine needs of the world. */
export interface HostWorld {
  readonly scheduler: SimScheduler
  readonly network: SimNetwork
  readonly parts: ClusterParts
  /** Lives as long as the run. */
  readonly life: SimLife
  nextLifeIndex(): number
  envOf(life: SimLife, drift: SimDrift): Env
  onClusterEvent(host: SimHost, event: ClusterEvent): void
  onTaskManagerEvent(host: SimHost, event: TaskManagerEvent): void
  /** The process ended by itself. */
  onSelfEnd(host: SimHost, error: EngineError): void
}

export type SimProcessOfHost =
  | { readonly kind: 'jm'; readonly manager: JobManager }
  | ({ readonly kind: 'tm' } & SimTaskManager)

/** Until a process that ended by itself is started again. */
const SUPERVISOR_MS = 200

export class SimHost {
  readonly name: string
  readonly kind: 'jm' | 'tm'
  readonly drift: SimDrift
  slots: number
  /** It left for good. */
  isGone = false
  life: SimLife | undefined
  process: SimProcessOfHost | undefined
  id = ''
  starts = 0
  readonly #world: HostWorld

  constructor(world: HostWorld, name: string, place: { readonly kind: 'jm' | 'tm'; readonly slots: number }) {
    this.#world = world
    this.name = name
    this.kind = place.kind
    this.slots = place.slots
    this.drift = { rate: world.parts.shape.rates[name] ?? 1, wallOffsetMs: 0 }
  }

  get isUp(): boolean {
    return this.life !== undefined
  }

  /** It would answer now. */
  get isAwake(): boolean {
    return this.life !== undefined && this.life.resumesAtMs <= this.#world.scheduler.nowMs
  }

  /** H1 */
  start(): void {
    if (this.life !== undefined || this.isGone) return
    const { scheduler, network } = this.#world
    const life = new SimLife(this.#world.nextLifeIndex(), scheduler.nowMs)
    network.place(life, this.name)
    this.life = life
    this.id = `${this.name}-${++this.starts}`
    const env = this.#world.envOf(life, this.drift)
    if (this.kind === 'jm') this.#startJobManager(env)
    else this.#startTaskManager(env)
  }

  startIn(delayMs: number): void {
    this.#world.scheduler.after(this.#world.life, delayMs, `start of ${this.name}`, () => this.start())
  }

  /** @param what `machine`: its peers are not told */
  end(what: 'process' | 'machine'): void {
    const life = this.life
    if (life === undefined) return
    this.life = undefined
    this.process = undefined
    life.end()
    this.#world.network.endLife(life, what)
  }

  /** As a signal asks it to. `then` is called when it has ended, unless something else ended it before. */
  stop(then: () => void): void {
    const { life, process } = this
    if (life === undefined || process === undefined) return
    void process.manager.stop().then(() => {
      if (this.life !== life) return
      this.end('process')
      then()
    })
  }

  pause(ms: number): void {
    this.life?.pauseUntil(this.#world.scheduler.nowMs + ms)
  }

  #startJobManager(env: Env): void {
    const { parts } = this.#world
    const { id } = this
    const onEvent = (event: ClusterEvent): void => this.#world.onClusterEvent(this, event)
    const manager = simJobManager(parts, { host: this.name, id, env, onEvent })
    this.process = { kind: 'jm', manager }
    manager.start().catch((thrown: unknown) => {
      if (this.id === id && this.isUp) this.#endBySelf(asEngineError(thrown, 'INT1001', 'a JobManager could not start'))
    })
  }

  #startTaskManager(env: Env): void {
    const { parts } = this.#world
    const { name, id, slots } = this
    const onEvent = (event: TaskManagerEvent): void => this.#world.onTaskManagerEvent(this, event)
    const onFatal = (error: EngineError): void => {
      if (this.id === id && this.isUp) this.#endBySelf(error)
    }
    const made = simTaskManager(parts, { host: name, id, slots, env, onEvent, onFatal })
    this.process = { kind: 'tm', ...made }
    made.manager.start()
  }

  #endBySelf(error: EngineError): void {
    this.#world.onSelfEnd(this, error)
    // not inside its own call
    this.#world.scheduler.after(this.#world.life, 0, `end of ${this.id}`, () => {
      this.end('process')
      this.startIn(SUPERVISOR_MS)
    })
  }
}
