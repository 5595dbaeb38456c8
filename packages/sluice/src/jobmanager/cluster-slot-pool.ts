/**
 * The slots of one job on the TaskManagers of the cluster. Spec: docs/spec/scheduling.md.
 *
 * Owns: which slots the job holds, their numbers, the start of each, what is told to the job. Does not own: which slots it gets
 * (slot-policy.ts), allocations and messages of all jobs (slot-manager.ts), deployments (job-master.ts).
 *
 * Q1 `acquire` resolves when every slot it gives is ready; their numbers are 0 to n - 1, and a slot that lives keeps its number unless it
 *    would be n or more.
 * Q2 The loss of a slot that was handed out is told once, and never after the slot was replaced. One that was not handed out yet is replaced
 *    in silence when its TaskManager is gone, and fails `acquire` when it could not start.
 * Q3 Nothing is told after `release`, until the next `acquire`.
 * Q4 A slot that is started becomes ready, is lost, or is ended after `startTimeoutMs`.
 */
import { type Deferred, deferred } from '../base/deferred.ts'
import type { Env, NetworkAddress, Timer } from '../base/env.ts'
import { type EngineError, type ErrorData, errorFromData, errorToData } from '../base/errors.ts'
import { type AllocationId, type SlotIndex, type TaskManagerId, slotIndex } from '../base/ids.ts'
import type { JobSpec } from '../control/cluster-messages.ts'
import type {
  FromSlot,
  SlotDeployment,
  SlotEvents,
  SlotGateway,
  SlotPeer,
  SlotPool,
  ToSlot,
} from '../control/messages.ts'
import type { SlotClaim, SlotSettings, SlotWish } from './slot-policy.ts'
import { slotGivenAway, slotNotReady } from './slot-words.ts'

export interface PoolSettings extends SlotSettings {
  readonly startTimeoutMs: number
}

export interface PooledJob {
  readonly spec: JobSpec
  /** As many as the job wants. */
  readonly slotCount: number
  /** Numbers of slots that it can use, ascending; undefined: every one from 1 on. */
  readonly slotSteps?: readonly number[] | undefined
  readonly settings: PoolSettings
}

export interface ClusterSlotPool extends SlotPool {
  want(slots: number): void
  /** Where the slot of this number is, or was last. */
  placeOf(slot: SlotIndex): TaskManagerId | undefined
}

/** What a pool needs of the owner of all slots. */
export interface SlotBroker {
  /** The pool takes part in plans from now on; an error: it never will again. */
  enter(pool: Pool): EngineError | undefined
  leave(pool: Pool): void
  /** What the pool waits or wishes for has changed: a new plan is due. */
  replan(): void
  /** Starts a slot. */
  start(pool: Pool, host: TaskManagerId, slot: SlotIndex): AllocationId
  send(allocation: AllocationId, message: ToSlot): void
  /** The slot is lost when its TaskManager says so. */
  kill(allocation: AllocationId): void
  /** Gives it back; nothing follows. */
  free(allocation: AllocationId): void
  countStale(): void
}

export interface PoolOptions extends PooledJob {
  /** Jobs are served in this order. */
  readonly order: number
  readonly env: Env
  readonly broker: SlotBroker
}

interface PoolSlot {
  readonly allocation: AllocationId
  readonly host: TaskManagerId
  index: SlotIndex
  state: 'starting' | 'ready' | 'handed-out' | 'killed'
  layoutHash: string
  data: NetworkAddress | undefined
  startTimer: Timer | undefined
}

type Answer = Deferred<readonly SlotGateway[]>

type PoolPhase =
  | { readonly name: 'idle' }
  | { readonly name: 'waiting'; readonly claim: Omit<SlotClaim, 'held' | 'wanted' | 'steps'>; readonly answer: Answer }
  | { readonly name: 'starting'; readonly answer: Answer }
  | { readonly name: 'given'; readonly count: number; readonly told: number }

export class Pool implements ClusterSlotPool {
  readonly spec: JobSpec
  readonly order: number
  readonly #options: PoolOptions
  readonly #slots = new Map<AllocationId, PoolSlot>()
  readonly #places = new Map<SlotIndex, TaskManagerId>()
  readonly #avoid = new Set<TaskManagerId>()
  #phase: PoolPhase = { name: 'idle' }
  #events: SlotEvents | undefined
  #wanted: number
  #hasRun = false
  #toldWaiting = ''
  /** Slots of the placement that was looked at last. */
  #taking: { readonly placement: SlotDeployment['placement']; readonly slots: ReadonlySet<SlotIndex> } | undefined

  constructor(options: PoolOptions) {
    this.#options = options
    this.spec = options.spec
    this.order = options.order
    this.#wanted = options.slotCount
  }

  get slotCount(): number {
    return this.#wanted
  }

  acquire(events: SlotEvents): Promise<readonly SlotGateway[]> {
    const refused = this.#options.broker.enter(this)
    if (refused !== undefined) return Promise.reject(refused)
    this.#answer()?.resolve([]) // whoever asked before does not wait any more
    this.#events = events
    const answer: Answer = deferred()
    this.#forgetKilled()
    this.#giveSurplusBack()
    this.#claim(answer, this.#hasRun ? this.#options.settings.restartSlotWaitMs : this.#options.settings.slotWaitMs)
    return answer.promise
  }

  async release(): Promise<void> {
    this.#events = undefined
    this.#answer()?.resolve([])
    this.#phase = { name: 'idle' }
    for (const slot of this.#slots.values()) this.#free(slot)
    this.#avoid.clear()
    this.#options.broker.leave(this)
  }

  want(slots: number): void {
    this.#wanted = slots
    this.#options.broker.replan()
  }

  placeOf(slot: SlotIndex): TaskManagerId | undefined {
    return this.#places.get(slot)
  }

  // What the owner of all slots asks and tells.

  claim(): SlotClaim | undefined {
    if (this.#phase.name !== 'waiting') return undefined
    const { slotSteps: steps } = this.#options
    return { ...this.#phase.claim, held: this.#living().length, wanted: this.#wanted, steps }
  }

  wish(): SlotWish | undefined {
    const held = this.#living().length
    if (this.#phase.name !== 'given') return undefined
    return { job: this.spec.job, held, wanted: Math.max(held, this.#wanted), steps: this.#options.slotSteps }
  }

  waitsOn(claim: SlotClaim, words: string): void {
    if (this.#phase.name !== 'waiting') return
    this.#phase = { ...this.#phase, claim }
    if (words === this.#toldWaiting) return
    this.#toldWaiting = words
    this.#events?.onWaiting?.(words)
  }

  granted(hosts: readonly TaskManagerId[]): void {
    if (this.#phase.name !== 'waiting') return
    this.#phase = { name: 'starting', answer: this.#phase.answer }
    const indexes = this.#unusedIndexes()
    for (const host of hosts) this.#start(host, indexes.next().value)
    this.#handOut()
  }

  offered(slots: number): void {
    if (this.#phase.name !== 'given') return
    const { count, told } = this.#phase
    const capacity = Math.max(count, slots)
    if (capacity === told) return
    this.#phase = { name: 'given', count, told: capacity }
    this.#events?.onCapacity?.(capacity)
  }

  /** A4 of the policy: another job can run with what this one holds in vain. */
  giveAllBack(): void {
    const error = errorToData(slotGivenAway(this.spec.name))
    for (const slot of this.#living()) {
      this.#free(slot)
      if (slot.state === 'handed-out') this.#tellLoss(slot, error)
    }
  }

  onReady(allocation: AllocationId, layoutHash: string, data: NetworkAddress | undefined): void {
    const slot = this.#slots.get(allocation)
    if (slot?.state !== 'starting') return this.#options.broker.countStale()
    slot.startTimer?.cancel()
    slot.state = 'ready'
    slot.layoutHash = layoutHash
    slot.data = data
    this.#handOut()
  }

  onMessage(allocation: AllocationId, message: FromSlot): void {
    const slot = this.#slots.get(allocation)
    if (slot === undefined || slot.state === 'starting') return this.#options.broker.countStale()
    this.#events?.onMessage(slot.index, message)
  }

  /** @param cause whether the slot alone is lost, or the whole TaskManager */
  onLost(allocation: AllocationId, error: ErrorData, cause: 'slot' | 'task-manager'): void {
    const slot = this.#slots.get(allocation)
    if (slot === undefined) return
    const { state } = slot
    this.#forget(slot)
    if (cause === 'slot') this.#avoid.add(slot.host)
    if (state === 'handed-out' || state === 'killed') this.#tellLoss(slot, error)
    else if (cause === 'slot') this.#fail(errorFromData(error))
    this.#replace()
  }

  /** The leader of now is another one. */
  close(error: EngineError): void {
    this.#events = undefined
    this.#answer()?.reject(error)
    this.#phase = { name: 'idle' }
    for (const slot of this.#slots.values()) this.#forget(slot)
  }

  #answer(): Answer | undefined {
    return this.#phase.name === 'waiting' || this.#phase.name === 'starting' ? this.#phase.answer : undefined
  }

  #living(): readonly PoolSlot[] {
    return [...this.#slots.values()].filter(({ state }) => state !== 'killed')
  }

  #claim(answer: Answer, waitMs: number): void {
    const nowMs = this.#options.env.clock.monotonicMs()
    const { job, artifact } = this.spec
    const { settings, broker } = this.#options
    const claim = {
      job,
      artifact,
      settings,
      sinceMs: nowMs,
      waitMs,
      seen: { slots: 0, sinceMs: nowMs },
      avoid: this.#avoid,
    }
    this.#phase = { name: 'waiting', claim, answer }
    this.#toldWaiting = ''
    broker.replan()
  }

  /** A slot that was about to be handed out is gone. */
  #replace(): void {
    if (this.#phase.name === 'starting') {
      this.#claim(this.#phase.answer, this.#options.settings.restartSlotWaitMs)
    } else this.#options.broker.replan()
  }

  #start(host: TaskManagerId, index: SlotIndex): void {
    const { broker, env, settings } = this.#options
    const allocation = broker.start(this, host, index)
    const startTimer = env.timers.after(settings.startTimeoutMs, () => this.#startTookTooLong(allocation))
    const slot: PoolSlot = { allocation, host, index, state: 'starting', layoutHash: '', data: undefined, startTimer }
    this.#slots.set(allocation, slot)
    this.#places.set(index, host)
  }

  // Q4
  #startTookTooLong(allocation: AllocationId): void {
    const slot = this.#slots.get(allocation)
    if (slot?.state !== 'starting') return
    this.#forget(slot)
    this.#avoid.add(slot.host)
    this.#options.broker.kill(allocation)
    this.#fail(slotNotReady(this.spec.name, slot.host, this.#options.settings.startTimeoutMs))
  }

  #fail(error: EngineError): void {
    const answer = this.#answer()
    if (answer === undefined) return
    this.#phase = { name: 'idle' }
    answer.reject(error)
  }

  // Q1
  #handOut(): void {
    if (this.#phase.name !== 'starting') return
    const living = this.#living()
    if (living.length === 0 || living.some(({ state }) => state === 'starting')) return
    const { answer } = this.#phase
    this.#closeGaps(living)
    const fresh = living.filter(({ state }) => state === 'ready')
    this.#phase = { name: 'given', count: living.length, told: living.length }
    this.#hasRun = true
    this.#avoid.clear()
    this.#toldWaiting = ''
    for (const slot of living) slot.state = 'handed-out'
    for (const { index, layoutHash } of fresh) this.#events?.onMessage(index, { kind: 'ready', layoutHash })
    answer.resolve(living.toSorted((a, b) => a.index - b.index).map((slot) => this.#gateway(slot)))
    this.#options.broker.replan()
  }

  /** Slots with a number beyond the last take the numbers that are free. */
  #closeGaps(living: readonly PoolSlot[]): void {
    const indexes = this.#unusedIndexes()
    for (const slot of living) if (slot.index >= living.length) slot.index = indexes.next().value
    this.#places.clear()
    for (const { index, host } of living) this.#places.set(index, host)
  }

  /** From the lowest on, without end. */
  *#unusedIndexes(): Generator<SlotIndex, never> {
    const used = new Set(this.#living().map(({ index }) => index))
    for (let index = 0; ; index++) if (!used.has(slotIndex(index))) yield slotIndex(index)
  }

  #gateway(slot: PoolSlot): SlotGateway {
    return {
      slot: slot.index,
      send: (message) => this.#send(slot, message),
      kill: () => this.#kill(slot),
    }
  }

  #send(slot: PoolSlot, message: ToSlot): void {
    if (this.#slots.get(slot.allocation) !== slot) return this.#options.broker.countStale()
    this.#options.broker.send(slot.allocation, message.kind === 'deploy' ? this.#withPeers(slot, message) : message)
  }

  #withPeers(self: PoolSlot, { deployment }: Extract<ToSlot, { kind: 'deploy' }>): ToSlot {
    // Others get no deployment of this attempt: nobody would answer there.
    const taking = this.#slotsIn(deployment.placement)
    const peers = this.#living()
      .filter((slot) => slot.host !== self.host && taking.has(slot.index))
      .flatMap(({ index, allocation, data }): readonly SlotPeer[] =>
        data === undefined ? [] : [{ slot: index, allocation, address: data }],
      )
    return { kind: 'deploy', deployment: { ...deployment, peers } }
  }

  /** The deployments of one attempt share their placement. */
  #slotsIn(placement: SlotDeployment['placement']): ReadonlySet<SlotIndex> {
    if (this.#taking?.placement !== placement)
      this.#taking = { placement, slots: new Set(Object.values(placement).flat()) }
    return this.#taking.slots
  }

  #kill(slot: PoolSlot): void {
    if (this.#slots.get(slot.allocation) !== slot || slot.state === 'killed') return
    slot.state = 'killed'
    this.#options.broker.kill(slot.allocation)
  }

  // Q2: their numbers are taken by others from now on.
  #forgetKilled(): void {
    for (const slot of this.#slots.values()) if (slot.state === 'killed') this.#forget(slot)
  }

  #giveSurplusBack(): void {
    while (this.#living().length > this.#wanted) {
      const slot = surplusOf(this.#living())
      if (slot !== undefined) this.#free(slot)
    }
  }

  #free(slot: PoolSlot): void {
    this.#forget(slot)
    this.#options.broker.free(slot.allocation)
  }

  #forget(slot: PoolSlot): void {
    slot.startTimer?.cancel()
    this.#slots.delete(slot.allocation)
  }

  // Q2
  #tellLoss(slot: PoolSlot, error: ErrorData): void {
    this.#events?.onSlotLost(slot.index, error)
  }
}

/** The one that is missed least: where most slots of the job are, and there the one with the highest number. */
function surplusOf(slots: readonly PoolSlot[]): PoolSlot | undefined {
  const onHost = (slot: PoolSlot): number => slots.filter(({ host }) => host === slot.host).length
  return slots.toSorted((a, b) => onHost(b) - onHost(a) || b.index - a.index)[0]
}
