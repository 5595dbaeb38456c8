/**
 * Runs the slots of a TaskManager in this thread: for the simulator and for tests. What a slot thread does, without the thread: docs/spec/slot-threads.md.
 *
 * Owns: the slots' runners, data servers, links between slots of one job, their lives. Does not own: which slots there are (slot-table.ts).
 *
 * I1 Messages of one slot in one direction are delivered in order, each in a later turn than it was sent.
 * I2 A slot that was ended or lost never runs again; its listeners and connections end with it.
 */
import { asEngineError, EngineError, errorToData } from '../base/errors.ts'
import type { Env } from '../base/env.ts'
import type { JobId, SlotIndex } from '../base/ids.ts'
import type { Secret } from '../base/secret.ts'
import type { SnapshotStorage } from '../checkpoint/checkpoint-store.ts'
import type { JobSpec } from '../control/cluster-messages.ts'
import type { FromSlot, ToSlot } from '../control/messages.ts'
import type { DataLink } from '../exchange/data-link.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import { LOOP_LIMITS, type LoopLimits } from '../task/task-loop.ts'
import { AttemptPairs } from './attempt-pairs.ts'
import { createDataServer, type DataLimits, type DataServer } from './data-server.ts'
import { inlineLink, type LinkShape } from './inline-links.ts'
import { Mailbox } from './mailbox.ts'
import { mortalEnv, type MortalEnv } from './mortal-env.ts'
import type { SlotLinks, SlotSettings } from './slot-environment.ts'
import type { LaunchedSlot, SlotEnd, SlotLaunch, SlotLauncher, SlotListener } from './slot-launcher.ts'
import { SlotRunner } from './slot-runner.ts'

interface InlineJob {
  readonly graph: JobGraph
  readonly settings: SlotSettings
}

export interface InlineLauncherOptions {
  readonly env: Env
  /** May reject with an EngineError: then the slot is lost with it. */
  loadJob(spec: JobSpec): Promise<InlineJob>
  /** Called once for each slot, with an `Env` that ends with it; undefined when checkpointing is off. */
  storage(env: Env, spec: JobSpec): SnapshotStorage | undefined
  /** Where slots take data connections. */
  readonly host: string
  readonly secret: Secret | undefined
  readonly dataLimits: DataLimits
  /** `needed` (the default): bundles are fetched, and not looked at. */
  readonly bundles?: 'needed' | 'none'
  readonly limits?: LoopLimits
  readonly links?: LinkShape
  /** Messages handled by a slot, or by its listener, in one turn. Default: all that wait. */
  readonly messagesPerTurn?: number
}

export interface InlineSlotLauncher extends SlotLauncher {
  /** Slots that live now. */
  living(): readonly SlotLaunch[]
  /** Ends one as if its thread had crashed. */
  lose(launch: SlotLaunch, error?: EngineError): void
}

export function inlineSlotLauncher(options: InlineLauncherOptions): InlineSlotLauncher {
  return new InlineLauncher(options)
}

const ALL_THAT_WAIT: LinkShape = { framesPerTurn: Infinity }

interface InlineJobSlots {
  readonly slots: Map<SlotIndex, InlineSlot>
  readonly pairs: AttemptPairs<DataLink>
}

class InlineLauncher implements InlineSlotLauncher {
  readonly bundles: 'needed' | 'none'
  readonly #options: InlineLauncherOptions
  readonly #jobs = new Map<JobId, InlineJobSlots>()
  #leaseUntilMs = -Infinity

  constructor(options: InlineLauncherOptions) {
    this.#options = options
    this.bundles = options.bundles ?? 'needed'
  }

  launch(launch: SlotLaunch, listener: SlotListener): LaunchedSlot {
    const job = this.#job(launch.spec.job)
    const slot = new InlineSlot(launch, {
      options: this.#options,
      listener,
      pairs: job.pairs,
      mayCommit: () => this.#options.env.clock.monotonicMs() < this.#leaseUntilMs,
      onDead: () => this.#forget(launch.spec.job, slot),
    })
    job.slots.set(launch.slot, slot)
    return slot
  }

  leaseUntil(untilMs: number | 'over'): void {
    this.#leaseUntilMs = untilMs === 'over' ? -Infinity : untilMs
  }

  living(): readonly SlotLaunch[] {
    return [...this.#jobs.values()].flatMap(({ slots }) => [...slots.values()].map(({ launch }) => launch))
  }

  lose({ spec, slot }: SlotLaunch, error: EngineError = crashed(slot)): void {
    this.#jobs.get(spec.job)?.slots.get(slot)?.kill(error)
  }

  #job(id: JobId): InlineJobSlots {
    const known = this.#jobs.get(id)
    if (known !== undefined) return known
    const slots = new Map<SlotIndex, InlineSlot>()
    const endOf = (slot: SlotIndex) => ({ slot, env: slots.get(slot)?.env ?? this.#options.env })
    const pairs = new AttemptPairs<DataLink>({
      make: (a, b) => inlineLink(endOf(a), endOf(b), this.#options.links ?? ALL_THAT_WAIT),
      close: (link) => link.close(),
    })
    const job = { slots, pairs }
    this.#jobs.set(id, job)
    return job
  }

  #forget(id: JobId, slot: InlineSlot): void {
    const job = this.#jobs.get(id)
    if (job?.slots.get(slot.launch.slot) !== slot) return
    job.slots.delete(slot.launch.slot)
    if (job.slots.size > 0) return
    job.pairs.close()
    this.#jobs.delete(id)
  }
}

interface InlineSlotParts {
  readonly options: InlineLauncherOptions
  readonly listener: SlotListener
  readonly pairs: AttemptPairs<DataLink>
  readonly mayCommit: () => boolean
  readonly onDead: () => void
}

type SlotEvent =
  | { readonly kind: 'message'; readonly message: Exclude<FromSlot, { kind: 'ready' }> }
  | { readonly kind: 'ready'; readonly layoutHash: string }
  | { readonly kind: 'lost'; readonly error: EngineError }

interface Incoming {
  readonly message: ToSlot
  /** With `deploy` only. */
  readonly links: SlotLinks
}

const NO_LINKS: SlotLinks = new Map()

class InlineSlot implements LaunchedSlot {
  readonly launch: SlotLaunch
  readonly env: MortalEnv
  readonly #parts: InlineSlotParts
  readonly #inbox: Mailbox<Incoming>
  readonly #outbox: Mailbox<SlotEvent>
  readonly #data: DataServer
  #runner: SlotRunner | undefined
  #address: Awaited<ReturnType<DataServer['start']>> | undefined

  constructor(launch: SlotLaunch, parts: InlineSlotParts) {
    const { options } = parts
    this.launch = launch
    this.#parts = parts
    this.env = mortalEnv(options.env, (thrown) => this.#fail(thrown, 'ended by an uncaught error'))
    const itemsPerTurn = options.messagesPerTurn ?? Infinity
    // The way out is the world's: what a slot said before it died is still heard.
    this.#outbox = new Mailbox<SlotEvent>({ env: options.env, itemsPerTurn, deliver: (event) => this.#tell(event) })
    this.#inbox = new Mailbox<Incoming>({ env: this.env, itemsPerTurn, deliver: (incoming) => this.#receive(incoming) })
    const { host, secret, dataLimits: limits } = options
    this.#data = createDataServer({
      env: this.env,
      secret,
      self: launch.allocation,
      listen: { host, port: 0 },
      limits,
    })
    this.#outbox.open()
    this.#start().catch((thrown: unknown) => this.#fail(thrown, 'could not be started'))
  }

  send(message: ToSlot): void {
    if (this.env.isDead()) return
    const links = message.kind === 'deploy' ? this.#parts.pairs.take(message.deployment) : NO_LINKS
    this.#inbox.push({ message, links })
  }

  // K2 of slot-launcher.ts
  kill(error: EngineError): void {
    if (this.env.isDead()) return
    this.#die()
    this.#outbox.push({ kind: 'lost', error })
  }

  async end(): Promise<SlotEnd> {
    this.#die()
    this.#outbox.close()
    return 'ended'
  }

  async #start(): Promise<void> {
    const { options, mayCommit } = this.#parts
    const { spec } = this.launch
    const { graph, settings } = await options.loadJob(spec)
    if (this.env.isDead()) return
    this.#address = await this.#data.start()
    this.#runner = new SlotRunner({
      env: this.env,
      graph,
      settings,
      storage: options.storage(this.env, spec),
      progress: { enter: () => {}, leave: () => {} },
      limits: options.limits ?? LOOP_LIMITS,
      send: (message) => this.#onSent(message),
      mayCommit,
    })
    this.#inbox.open()
    this.#runner.ready()
  }

  #receive({ message, links }: Incoming): void {
    if (message.kind !== 'deploy') return this.#runner?.onMessage(message)
    this.#runner?.onMessage(message, new Map([...links, ...this.#data.linksFor(message.deployment)]))
  }

  #onSent(message: FromSlot): void {
    if (this.env.isDead()) return
    if (message.kind === 'ready') this.#outbox.push({ kind: 'ready', layoutHash: message.layoutHash })
    else this.#outbox.push({ kind: 'message', message })
  }

  #tell(event: SlotEvent): void {
    const { listener } = this.#parts
    switch (event.kind) {
      case 'ready':
        return listener.onReady({
          layoutHash: event.layoutHash,
          ...(this.#address === undefined ? {} : { data: this.#address }),
        })
      case 'message':
        return listener.onMessage(event.message)
      case 'lost':
        return listener.onLost(errorToData(event.error))
    }
  }

  #fail(thrown: unknown, what: string): void {
    this.kill(asEngineError(thrown, 'TSK1002', `slot ${this.launch.slot} ${what}`))
  }

  // I2
  #die(): void {
    this.env.die()
    this.#parts.onDead()
  }
}

function crashed(slot: SlotIndex): EngineError {
  return new EngineError(
    'TSK1002',
    `slot ${slot} crashed. Its tasks are gone; the job restarts from the last completed checkpoint. Nothing needs to be done`,
  )
}
