/**
 * The slots of a job: acquiring them, talking to them, hearing them.
 *
 * Owns: the gateways of the current acquisition, and the table of what to send where. Does not own: when (job-machine.ts).
 *
 * F1 Acquisitions never overlap: one waits until the one before has come to an end or all slots were released.
 * F2 What a slot says is passed on in order, with what kind of message it is; what slots of an older acquisition say is dropped.
 */
import { asEngineError, errorToData } from '../base/errors.ts'
import type { AttemptNumber, CheckpointId, LeaderEpoch, SlotIndex, VertexId } from '../base/ids.ts'
import { assert } from '../base/assert.ts'
import type { ErrorData } from '../base/errors.ts'
import type { TaskRestore } from '../checkpoint/handles.ts'
import type { FromSlot, SlotDeployment, SlotGateway, SlotPool, TaskDeployment, ToSlot } from '../control/messages.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { CheckpointMode } from '../stream/element.ts'
import { type Placement, slotsOf, tasksOf } from './placement.ts'
import type { SplitAssignment } from './source-coordinator.ts'

/** What the fleet needs of its owner. */
export interface FleetListener {
  onMessage(slot: SlotIndex, message: FromSlot): void
  onSlotLost(slot: SlotIndex, error: ErrorData): void
}

export interface SlotFleetOptions {
  readonly pool: SlotPool
  readonly graph: JobGraph
  readonly placement: Placement
  readonly epoch: LeaderEpoch
  readonly listener: FleetListener
}

export class SlotFleet {
  readonly #options: SlotFleetOptions
  readonly #sourceSlots: readonly SlotIndex[]
  #gateways: ReadonlyMap<SlotIndex, SlotGateway> = new Map()
  #acquisition = 0
  #pending: Promise<unknown> = Promise.resolve()

  constructor(options: SlotFleetOptions) {
    const { pool, placement, graph } = options
    assert(pool.slotCount >= placement.slots.length, 'the pool has too few slots for the job', {
      has: pool.slotCount,
      needs: placement.slots.length,
    })
    this.#options = options
    const sources = graph.vertices.filter((vertex) => vertex.inputs.length === 0).map((vertex) => vertex.id)
    this.#sourceSlots = slotsOf(placement, sources)
  }

  /** Resolves when every slot can take a deployment. Rejects with an EngineError. */
  async acquire(): Promise<void> {
    const acquisition = ++this.#acquisition
    await this.#pending.catch(alreadyAnswered) // F1
    if (acquisition !== this.#acquisition) return // released meanwhile: no thread may start any more
    const acquiring = this.#options.pool.acquire(this.#listenerFor(acquisition))
    this.#pending = acquiring
    const gateways = await acquiring.catch((error: unknown) => {
      throw asEngineError(error, 'TSK1002', 'the slots could not be started. The job restarts and tries again')
    })
    if (acquisition === this.#acquisition) this.#gateways = new Map(gateways.map((gateway) => [gateway.slot, gateway]))
  }

  deploy(attempt: AttemptNumber, restores: ReadonlyMap<VertexId, readonly TaskRestore[]>): void {
    for (const slot of this.#options.placement.slots) {
      this.send(slot, { kind: 'deploy', deployment: this.#deploymentOf(slot, attempt, restores) })
    }
  }

  /** To every slot of the job. */
  broadcast(message: ToSlot): void {
    for (const slot of this.#options.placement.slots) this.send(slot, message)
  }

  /** To the slots that run sources. */
  trigger(attempt: AttemptNumber, checkpoint: CheckpointId, mode: CheckpointMode): void {
    for (const slot of this.#sourceSlots) this.send(slot, { kind: 'trigger', attempt, checkpoint, mode })
  }

  assign(attempt: AttemptNumber, vertex: VertexId, assignment: SplitAssignment): void {
    const slot = this.#options.placement.slotOf({ vertex, subtask: assignment.subtask })
    this.send(slot, { kind: 'assign-splits', attempt, ...assignment })
  }

  send(slot: SlotIndex, message: ToSlot): void {
    this.#gateways.get(slot)?.send(message)
  }

  kill(slots: readonly SlotIndex[]): void {
    for (const slot of slots) this.#gateways.get(slot)?.kill()
  }

  /** Ends all threads. What they still say is dropped. */
  async release(): Promise<void> {
    this.#acquisition++
    this.#gateways = new Map()
    const releasing = this.#options.pool.release()
    this.#pending = releasing
    await releasing
  }

  // F2
  #listenerFor(acquisition: number): FleetListener {
    const { listener } = this.#options
    return {
      onMessage: (slot, message) => {
        if (acquisition === this.#acquisition) listener.onMessage(slot, message)
      },
      onSlotLost: (slot, error) => {
        if (acquisition === this.#acquisition) listener.onSlotLost(slot, this.#withOperators(slot, error))
      },
    }
  }

  /** Which of them it was nobody knows; the one that did it is among them. */
  #withOperators(slot: SlotIndex, error: ErrorData): ErrorData {
    const { placement, graph } = this.#options
    const ran = new Set(tasksOf(placement, slot).map(({ vertex }) => vertex))
    const names = graph.vertices.filter(({ id }) => ran.has(id)).map(({ name }) => `"${name}"`)
    const more = names.length > OPERATORS_NAMED_MAX ? ' and more' : ''
    const ranText = `Slot ${slot} ran ${names.slice(0, OPERATORS_NAMED_MAX).join(', ')}${more}.`
    return { ...error, message: `${error.message.replace(/\.$/, '')}. ${ranText}` }
  }

  #deploymentOf(
    slot: SlotIndex,
    attempt: AttemptNumber,
    restores: ReadonlyMap<VertexId, readonly TaskRestore[]>,
  ): SlotDeployment {
    const { placement, graph, epoch } = this.#options
    const tasks = tasksOf(placement, slot).map(({ vertex, subtask }): TaskDeployment => {
      const restore = restores.get(vertex)?.[subtask]
      return { vertex, subtask, ...(restore === undefined ? {} : { restore }) }
    })
    return {
      epoch,
      attempt,
      slot,
      slotCount: placement.slots.length,
      layoutHash: graph.layoutHash,
      tasks,
      placement: placement.table,
    }
  }
}

/** Of a lost slot, in its message. */
const OPERATORS_NAMED_MAX = 8

/** Whoever asked for it was told; here only its end matters. */
function alreadyAnswered(): void {}

/** An error of any kind as it travels in events. */
export function asErrorData(error: unknown): ErrorData {
  return errorToData(asEngineError(error, 'INT1001', 'an unexpected error'))
}
