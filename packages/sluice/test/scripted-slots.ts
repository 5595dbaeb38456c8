/**
 * A pool of slots without tasks, for tests of the job master: they say what well-behaved tasks would say, and fail, hang or get lost
 * when the test tells them to.
 */
import { present } from '../src/base/assert.ts'
import type { Turns } from '../src/base/env.ts'
import { type ErrorData, EngineError, errorToData } from '../src/base/errors.ts'
import { type AttemptNumber, type CheckpointId, type SlotIndex, operatorUid, slotIndex } from '../src/base/ids.ts'
import type { TaskAddress } from '../src/checkpoint/handles.ts'
import type { FromSlot, SlotDeployment, SlotEvents, SlotGateway, SlotPool, ToSlot } from '../src/control/messages.ts'
import { valueToBytes } from '../src/serde/value-codec.ts'

/** What a slot answers by itself; each can be switched off. */
export type ScriptedAnswer = 'deployed' | 'ack' | 'committed' | 'finished' | 'stopped'

export interface ScriptedSlotsOptions {
  readonly turns: Turns
  readonly slotCount: number
  readonly layoutHash: string
  /** Operator state that each task acknowledges, by uid of the operator. */
  readonly stateOf?: (task: TaskAddress) => readonly { readonly uid: string; readonly items: unknown }[]
}

export class ScriptedSlots implements SlotPool {
  readonly slotCount: number
  readonly slots: readonly ScriptedSlot[]
  /** What to throw at the next acquisitions, one each. */
  readonly acquireErrors: EngineError[] = []
  readonly silent = new Set<ScriptedAnswer>()
  acquireCount = 0
  releaseCount = 0
  /** Slots that the pool has; the others do not exist yet. */
  availableCount: number
  readonly options: ScriptedSlotsOptions
  #events: SlotEvents | undefined

  constructor(options: ScriptedSlotsOptions) {
    this.options = options
    this.slotCount = options.slotCount
    this.availableCount = options.slotCount
    this.slots = Array.from({ length: options.slotCount }, (_, index) => new ScriptedSlot(this, slotIndex(index)))
  }

  async acquire(events: SlotEvents): Promise<readonly SlotGateway[]> {
    this.acquireCount++
    this.#events = events
    const error = this.acquireErrors.shift()
    if (error !== undefined) throw error
    for (const slot of this.slots) slot.revive()
    return this.slots.slice(0, this.availableCount)
  }

  /** More slots have come, or fewer are left of those that had. */
  offer(slots: number): void {
    this.availableCount = slots
    this.options.turns.next(() => this.#events?.onCapacity?.(slots))
  }

  sayWaiting(message: string): void {
    this.options.turns.next(() => this.#events?.onWaiting?.(message))
  }

  async release(): Promise<void> {
    this.releaseCount++
    this.#events = undefined
    for (const slot of this.slots) slot.die()
  }

  slot(index: number): ScriptedSlot {
    return present(this.slots[index], `slot ${index}`)
  }

  say(slot: SlotIndex, message: FromSlot): void {
    this.options.turns.next(() => this.#events?.onMessage(slot, message))
  }

  sayLost(slot: SlotIndex, error: ErrorData): void {
    this.options.turns.next(() => this.#events?.onSlotLost(slot, error))
  }

  /** Every task of every slot has handled its whole input. */
  drainAll(): void {
    for (const slot of this.slots) slot.drain()
  }

  /** Attempts that have tasks now. */
  liveAttempts(): ReadonlySet<AttemptNumber> {
    return new Set(this.slots.flatMap((slot) => slot.attempts()))
  }
}

export class ScriptedSlot implements SlotGateway {
  readonly slot: SlotIndex
  readonly received: ToSlot[] = []
  state: 'alive' | 'dead' = 'alive'
  killCount = 0
  readonly #pool: ScriptedSlots
  readonly #deployments = new Map<AttemptNumber, SlotDeployment>()
  #newest: SlotDeployment | undefined

  constructor(pool: ScriptedSlots, slot: SlotIndex) {
    this.#pool = pool
    this.slot = slot
  }

  /** The newest one. */
  get deployment(): SlotDeployment {
    return present(this.#newest, `the deployment of slot ${this.slot}`)
  }

  get attempt(): AttemptNumber {
    return this.deployment.attempt
  }

  /** Attempts with tasks here, oldest first. */
  attempts(): readonly AttemptNumber[] {
    return [...this.#deployments.keys()]
  }

  revive(): void {
    this.state = 'alive'
  }

  /** Its tasks are gone. */
  die(): void {
    this.state = 'dead'
    this.#deployments.clear()
  }

  send(message: ToSlot): void {
    if (this.state === 'dead') return
    this.received.push(message)
    this.#answer(message)
  }

  kill(): void {
    this.killCount++
    if (this.state !== 'dead') this.lose()
  }

  lose(): void {
    this.die()
    const error = new EngineError('TSK1002', `slot ${this.slot} ended`)
    this.#pool.sayLost(this.slot, errorToData(error))
  }

  fail(error: EngineError, attempt: AttemptNumber = this.attempt): void {
    const { vertex, subtask } = present(this.#tasksOf(attempt)[0], 'a task')
    this.#pool.say(this.slot, { kind: 'failed', attempt, vertex, subtask, error: errorToData(error) })
  }

  /** All tasks of all attempts that are here. */
  drain(): void {
    for (const attempt of this.attempts()) {
      for (const { vertex, subtask } of this.#tasksOf(attempt)) {
        this.#pool.say(this.slot, { kind: 'drained', attempt, vertex, subtask })
      }
    }
  }

  requestSplit(source: string): void {
    const { subtask } = present(this.deployment.tasks[0], 'a task')
    this.#pool.say(this.slot, { kind: 'request-split', attempt: this.attempt, source: operatorUid(source), subtask })
  }

  receivedKinds(): readonly string[] {
    return this.received.map(({ kind }) => kind)
  }

  #answer(message: ToSlot): void {
    switch (message.kind) {
      case 'deploy':
        this.#newest = message.deployment
        this.#deployments.set(message.deployment.attempt, message.deployment)
        return this.#say('deployed', [{ kind: 'deployed', attempt: message.deployment.attempt }])
      case 'trigger':
        return this.#say('ack', this.#acks(message.attempt, message.checkpoint))
      case 'complete':
        return this.#say(
          'committed',
          this.#ofTasks(message.attempt, { kind: 'committed', checkpoint: message.checkpoint }),
        )
      case 'finish':
        return this.#say('finished', this.#ofTasks(message.attempt, { kind: 'finished' }))
      case 'cancel':
        if (!this.#pool.silent.has('stopped')) this.#deployments.delete(message.attempt)
        return this.#say('stopped', [{ kind: 'stopped', attempt: message.attempt }])
      case 'start':
      case 'aborted':
      case 'assign-splits':
      case 'source-event':
      case 'align-source':
        return
    }
  }

  #say(answer: ScriptedAnswer, messages: readonly FromSlot[]): void {
    if (this.#pool.silent.has(answer)) return
    for (const message of messages) this.#pool.say(this.slot, message)
  }

  #tasksOf(attempt: AttemptNumber): SlotDeployment['tasks'] {
    return this.#deployments.get(attempt)?.tasks ?? []
  }

  #ofTasks(
    attempt: AttemptNumber,
    message: { readonly kind: 'finished' } | { readonly kind: 'committed'; readonly checkpoint: CheckpointId },
  ): FromSlot[] {
    return this.#tasksOf(attempt).map(({ vertex, subtask }) => ({ ...message, attempt, vertex, subtask }))
  }

  #acks(attempt: AttemptNumber, checkpoint: CheckpointId): FromSlot[] {
    return this.#tasksOf(attempt).map(({ vertex, subtask }) => {
      const states = this.#pool.options.stateOf?.({ vertex, subtask }) ?? []
      const operators = states.map(({ uid, items }) => ({ uid: operatorUid(uid), operatorState: valueToBytes(items) }))
      const stats = { alignmentMs: 0, syncMs: 0, asyncMs: 0, stateBytes: 0 }
      return { kind: 'ack', attempt, checkpoint, snapshot: { vertex, subtask, operators, stats } }
    })
  }
}
