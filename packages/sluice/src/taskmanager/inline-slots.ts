/**
 * A pool of slots that all run in this thread: for jobs given as objects, for tests and for the simulator.
 *
 * Owns: the slots' runners, their links, their lives. Does not own: deployments and restarts (jobmanager/), the world given as `env`.
 *
 * I1 Messages of one slot in one direction and frames of one link are delivered in order, each in a later turn than it was sent.
 * I2 Links belong to one attempt: the first `deploy` of an attempt makes new ones for every pair of slots that take part in it.
 * I3 A killed slot never runs again; the next `acquire` makes a new one in its place. Its loss is told behind the messages it sent, but never
 *    once it was replaced: it would be taken for the loss of the new one.
 * I4 Nothing is told after `release`, until the next `acquire`.
 */
import { assert, present } from '../base/assert.ts'
import type { Env } from '../base/env.ts'
import { EngineError, asEngineError, errorToData } from '../base/errors.ts'
import { slotIndex, type SlotIndex } from '../base/ids.ts'
import type { SnapshotStorage } from '../checkpoint/checkpoint-store.ts'
import type { FromSlot, SlotDeployment, SlotEvents, SlotGateway, SlotPool, ToSlot } from '../control/messages.ts'
import type { DataLink } from '../exchange/data-link.ts'
import { LOOP_LIMITS, type LoopLimits, type LoopProgress } from '../task/task-loop.ts'
import { inlineLink, type LinkShape } from './inline-links.ts'
import { Mailbox } from './mailbox.ts'
import { mortalEnv, type MortalEnv } from './mortal-env.ts'
import type { SlotLinks, SlotRunnerOptions, SlotSettings } from './slot-environment.ts'
import { SlotRunner } from './slot-runner.ts'

export interface InlineSlotsOptions {
  readonly env: Env
  readonly graph: SlotRunnerOptions['graph']
  readonly settings: SlotSettings
  readonly slotCount: number
  /** Called once for each life of a slot, with an `Env` that ends with the slot; undefined when checkpointing is off. */
  storage(env: Env): SnapshotStorage | undefined
  readonly limits?: LoopLimits
  readonly progress?: LoopProgress
  /** Messages handled by a slot, or by the listener, in one turn. Default: all that wait. */
  readonly messagesPerTurn?: number
  /** Frames delivered by one link in one turn. Default: all that wait. */
  readonly framesPerTurn?: number
  /** Milliseconds that the next frame of a link takes; undefined for the next turn. */
  linkDelay?(from: SlotIndex, to: SlotIndex): number | undefined
}

export interface InlineSlotPool extends SlotPool {
  /** Ends a slot as if its thread had crashed; its loss is told. Fine when it is dead already. */
  lose(slot: SlotIndex, error?: EngineError): void
  /** Slots that live now. */
  alive(): readonly SlotIndex[]
}

export function createInlineSlots(options: InlineSlotsOptions): InlineSlotPool {
  return new InlineSlots(options)
}

const NO_PROGRESS: LoopProgress = { enter: () => {}, leave: () => {} }

class InlineSlots implements InlineSlotPool {
  readonly slotCount: number
  readonly #options: InlineSlotsOptions
  readonly #slots = new Map<SlotIndex, InlineSlot>()
  #events: SlotEvents | undefined
  /** Ends of links that were not handed out yet, by attempt. */
  readonly #links = new Map<string, Map<SlotIndex, SlotLinks>>()

  constructor(options: InlineSlotsOptions) {
    assert(options.slotCount > 0, 'a pool has no slots')
    this.slotCount = options.slotCount
    this.#options = options
  }

  async acquire(events: SlotEvents): Promise<readonly SlotGateway[]> {
    this.#events = events
    const slots = Array.from({ length: this.slotCount }, (_, index) => this.#living(slotIndex(index)))
    await Promise.all(slots.map((slot) => slot.ready))
    return slots.map((slot) => this.#gateway(slot))
  }

  async release(): Promise<void> {
    this.#events = undefined
    this.#links.clear()
    for (const slot of this.#slots.values()) slot.die()
    this.#slots.clear()
  }

  lose(slot: SlotIndex, error: EngineError = killed(slot)): void {
    this.#slots.get(slot)?.lose(error)
  }

  alive(): readonly SlotIndex[] {
    return [...this.#slots.values()].filter((slot) => !slot.isDead).map(({ slot }) => slot)
  }

  // I3
  #living(slot: SlotIndex): InlineSlot {
    const known = this.#slots.get(slot)
    if (known !== undefined && !known.isDead) return known
    const made: InlineSlot = new InlineSlot(slot, this.#options, (event) => {
      if (this.#slots.get(slot) === made) this.#tell(slot, event)
    })
    this.#slots.set(slot, made)
    return made
  }

  // I4
  #tell(slot: SlotIndex, event: SlotEvent): void {
    if (event.kind === 'message') this.#events?.onMessage(slot, event.message)
    else this.#events?.onSlotLost(slot, errorToData(event.error))
  }

  #gateway(slot: InlineSlot): SlotGateway {
    return {
      slot: slot.slot,
      send: (message) => slot.send(message, message.kind === 'deploy' ? this.#linksOf(message, slot.slot) : undefined),
      kill: () => slot.lose(killed(slot.slot)),
    }
  }

  // I2
  #linksOf({ deployment }: Extract<ToSlot, { kind: 'deploy' }>, slot: SlotIndex): SlotLinks {
    const attempt = `${deployment.epoch}-${deployment.attempt}`
    const ends = this.#links.get(attempt) ?? this.#linkAll(deployment)
    this.#links.set(attempt, ends)
    const links = present(ends.get(slot), `the links of slot ${slot}`)
    ends.delete(slot)
    if (ends.size === 0) this.#links.delete(attempt)
    return links
  }

  #linkAll({ placement }: SlotDeployment): Map<SlotIndex, SlotLinks> {
    const taking = new Set(Object.values(placement).flat())
    return linkAll(
      [...this.#slots.values()].filter(({ slot }) => taking.has(slot)),
      this.#options,
    )
  }
}

function linkAll(slots: readonly InlineSlot[], options: InlineSlotsOptions): Map<SlotIndex, SlotLinks> {
  const shape: LinkShape = {
    framesPerTurn: options.framesPerTurn ?? Infinity,
    delayMs: (from, to) => options.linkDelay?.(from, to),
  }
  const bySlot = new Map(slots.map(({ slot }) => [slot, new Map<SlotIndex, DataLink>()]))
  for (const [index, a] of slots.entries()) {
    for (const b of slots.slice(index + 1)) {
      const [ofA, ofB] = inlineLink(a, b, shape)
      bySlot.get(a.slot)?.set(b.slot, ofA)
      bySlot.get(b.slot)?.set(a.slot, ofB)
    }
  }
  return new Map<SlotIndex, SlotLinks>(bySlot)
}

type SlotEvent =
  | { readonly kind: 'message'; readonly message: FromSlot }
  | { readonly kind: 'lost'; readonly error: EngineError }

/** One life of one slot. */
class InlineSlot {
  readonly slot: SlotIndex
  readonly env: MortalEnv
  readonly ready: Promise<void>
  readonly #inbox: Mailbox<{ readonly message: ToSlot; readonly links: SlotLinks | undefined }>
  readonly #outbox: Mailbox<SlotEvent>
  #isReady: () => void = () => {}

  constructor(slot: SlotIndex, options: InlineSlotsOptions, tell: (event: SlotEvent) => void) {
    this.slot = slot
    this.ready = new Promise((resolve) => void (this.#isReady = resolve))
    this.env = mortalEnv(options.env, (thrown) =>
      this.lose(asEngineError(thrown, 'TSK1002', `slot ${slot} ended by an uncaught error`)),
    )
    const itemsPerTurn = options.messagesPerTurn ?? Infinity
    // The way out is the world's: what a slot said before it died is still heard.
    this.#outbox = new Mailbox<SlotEvent>({ env: options.env, itemsPerTurn, deliver: tell })
    this.#outbox.open()
    const runner = new SlotRunner(this.#runnerOptions(options))
    this.#inbox = new Mailbox({
      env: this.env,
      itemsPerTurn,
      deliver: ({ message, links }) => runner.onMessage(message, links),
    })
    this.#inbox.open()
    runner.ready()
  }

  get isDead(): boolean {
    return this.env.isDead()
  }

  send(message: ToSlot, links: SlotLinks | undefined): void {
    this.#inbox.push({ message, links })
  }

  /** Dies and says so. Idempotent. */
  lose(error: EngineError): void {
    if (this.isDead) return
    this.env.die()
    this.#outbox.push({ kind: 'lost', error })
  }

  /** Dies in silence. Idempotent. */
  die(): void {
    this.env.die()
    this.#outbox.close()
  }

  #runnerOptions(options: InlineSlotsOptions): SlotRunnerOptions {
    return {
      env: this.env,
      graph: options.graph,
      settings: options.settings,
      storage: options.storage(this.env),
      progress: options.progress ?? NO_PROGRESS,
      limits: options.limits ?? LOOP_LIMITS,
      send: (message) => this.#onSent(message),
    }
  }

  #onSent(message: FromSlot): void {
    if (this.isDead) return
    if (message.kind === 'ready') this.#isReady()
    this.#outbox.push({ kind: 'message', message })
  }
}

function killed(slot: SlotIndex): EngineError {
  return new EngineError(
    'TSK1002',
    `slot ${slot} was ended. Its tasks are gone and the job restarts from the last completed checkpoint. Nothing needs to be done.`,
  )
}
