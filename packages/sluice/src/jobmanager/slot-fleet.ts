/**
 * The slots of a job: acquiring them, talking to them, hearing them.
 *
 * Owns: the gateways of the current acquisition, and the table of what to send where. Does not own: when (job-machine.ts).
 *
 * F1 Acquisitions never overlap: one waits until the one before has come to an end or all slots were released.
 * F2 What a slot says is passed on in order, with what kind of message it is; after a release nothing is, until the next acquisition.
 */
import { asEngineError, errorToData } from '../base/errors.ts'
import type { AttemptNumber, CheckpointId, LeaderEpoch, SlotIndex, VertexId } from '../base/ids.ts'
import type { ErrorData } from '../base/errors.ts'
import type { TaskRestore } from '../checkpoint/handles.ts'
import type {
  FromSlot,
  SlotDeployment,
  SlotEvents,
  SlotGateway,
  SlotPool,
  TaskDeployment,
  ToReader,
  ToSlot,
} from '../control/messages.ts'
import type { CheckpointMode } from '../stream/element.ts'
import type { JobRegion, JobScale } from './job-scale.ts'
import { tasksOf } from './placement.ts'

/** What the fleet needs of its owner. */
interface FleetListener {
  onMessage(slot: SlotIndex, message: FromSlot): void
  onSlotLost(slot: SlotIndex, error: ErrorData): void
  onCapacity(slots: number): void
  onWaiting(message: string): void
}

export interface SlotFleetOptions {
  readonly pool: SlotPool
  readonly epoch: LeaderEpoch
  readonly listener: FleetListener
}

/** What an acquisition gave. */
export interface AcquiredSlots {
  /** Those that are to be used. */
  readonly slots: number
  /** Those that there are. */
  readonly available: number
}

export class SlotFleet {
  readonly #options: SlotFleetOptions
  #scale: JobScale
  #gateways: ReadonlyMap<SlotIndex, SlotGateway> = new Map()
  /** Grows with each release. */
  #tenure = 0
  #acquisition = 0
  #pending: Promise<unknown> = Promise.resolve()

  constructor(options: SlotFleetOptions, scale: JobScale) {
    this.#options = options
    this.#scale = scale
  }

  /** Resolves when every slot can take a deployment; undefined: not wanted any more. Rejects with an EngineError. */
  async acquire(slotsMax: number): Promise<AcquiredSlots | undefined> {
    const acquisition = ++this.#acquisition
    await this.#pending.catch(alreadyAnswered) // F1
    if (acquisition !== this.#acquisition) return undefined // released meanwhile: no thread may start any more
    const acquiring = this.#options.pool.acquire(this.#listenerFor(this.#tenure))
    this.#pending = acquiring
    const gateways = await acquiring.catch((error: unknown) => {
      throw asEngineError(error, 'TSK1002', 'the slots could not be started. The job restarts and tries again')
    })
    if (acquisition !== this.#acquisition) return undefined
    const used = gateways.slice(0, slotsMax)
    this.#gateways = new Map(used.map((gateway) => [gateway.slot, gateway]))
    return { slots: used.length, available: gateways.length }
  }

  /** How the job is laid out over the slots from now on. */
  rescale(scale: JobScale): void {
    this.#scale = scale
  }

  /** To the slots that run tasks of the region. */
  deploy(region: JobRegion, attempt: AttemptNumber, restores: ReadonlyMap<VertexId, readonly TaskRestore[]>): void {
    for (const slot of region.slots) {
      this.send(slot, { kind: 'deploy', deployment: this.#deploymentOf(slot, region, attempt, restores) })
    }
  }

  sendAll(slots: readonly SlotIndex[], message: ToSlot): void {
    for (const slot of slots) this.send(slot, message)
  }

  /** To the slots that run sources of the region. */
  trigger({ sourceSlots }: JobRegion, attempt: AttemptNumber, checkpoint: CheckpointId, mode: CheckpointMode): void {
    this.sendAll(sourceSlots, { kind: 'trigger', attempt, checkpoint, mode })
  }

  tellReader(attempt: AttemptNumber, vertex: VertexId, message: ToReader): void {
    const slot = this.#scale.placement.slotOf({ vertex, subtask: message.subtask })
    this.send(slot, { ...message, attempt })
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
    this.#tenure++
    this.#gateways = new Map()
    const releasing = this.#options.pool.release()
    this.#pending = releasing
    await releasing
  }

  // F2
  #listenerFor(tenure: number): SlotEvents {
    const { listener } = this.#options
    const tell = (news: () => void): void => {
      if (tenure === this.#tenure) news()
    }
    return {
      onMessage: (slot, message) => tell(() => listener.onMessage(slot, message)),
      onSlotLost: (slot, error) => tell(() => listener.onSlotLost(slot, this.#withOperators(slot, error))),
      onCapacity: (slots) => tell(() => listener.onCapacity(slots)),
      onWaiting: (message) => tell(() => listener.onWaiting(message)),
    }
  }

  /** Which of them it was nobody knows; the one that did it is among them. */
  #withOperators(slot: SlotIndex, error: ErrorData): ErrorData {
    const { placement, graph } = this.#scale
    const ran = new Set(tasksOf(placement, slot).map(({ vertex }) => vertex))
    if (ran.size === 0) return error
    const names = graph.vertices.filter(({ id }) => ran.has(id)).map(({ name }) => `"${name}"`)
    const more = names.length > OPERATORS_NAMED_MAX ? ' and more' : ''
    const ranText = `Slot ${slot} ran ${names.slice(0, OPERATORS_NAMED_MAX).join(', ')}${more}.`
    return { ...error, message: `${error.message.replace(/\.$/, '')}. ${ranText}` }
  }

  #deploymentOf(
    slot: SlotIndex,
    region: JobRegion,
    attempt: AttemptNumber,
    restores: ReadonlyMap<VertexId, readonly TaskRestore[]>,
  ): SlotDeployment {
    const { slotCount, graph } = this.#scale
    const tasks = (region.tasksBySlot.get(slot) ?? []).map(({ vertex, subtask }): TaskDeployment => {
      const restore = restores.get(vertex)?.[subtask]
      return { vertex, subtask, ...(restore === undefined ? {} : { restore }) }
    })
    return {
      epoch: this.#options.epoch,
      attempt,
      slot,
      slotCount,
      layoutHash: graph.layoutHash,
      tasks,
      placement: region.placement,
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
