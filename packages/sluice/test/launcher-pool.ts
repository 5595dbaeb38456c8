/** Slots of several launchers as one pool: what the slot manager and the TaskManagers do together, without the connection in between. */
import { present } from '../src/base/assert.ts'
import { deferred } from '../src/base/deferred.ts'
import { errorFromData, type ErrorData } from '../src/base/errors.ts'
import { allocationId, slotIndex, type AllocationId, type LeaderEpoch, type SlotIndex } from '../src/base/ids.ts'
import type { JobSpec } from '../src/control/cluster-messages.ts'
import type { SlotEvents, SlotGateway, SlotPeer, SlotPool, ToSlot } from '../src/control/messages.ts'
import type { LaunchedSlot, SlotLauncher, SlotReady } from '../src/taskmanager/slot-launcher.ts'

export interface LauncherPoolOptions {
  /** Slot i is run by launcher i modulo their number. */
  readonly launchers: readonly SlotLauncher[]
  readonly spec: JobSpec
  readonly slotCount: number
  readonly epoch: LeaderEpoch
  readonly artifactPath?: string
}

interface PoolSlot {
  readonly slot: SlotIndex
  readonly allocation: AllocationId
  readonly launched: LaunchedSlot
  readonly ready: SlotReady
}

export class LauncherPool implements SlotPool {
  readonly slotCount: number
  readonly #options: LauncherPoolOptions
  readonly #slots = new Map<SlotIndex, PoolSlot>()
  #events: SlotEvents | undefined
  #allocations = 0

  constructor(options: LauncherPoolOptions) {
    this.#options = options
    this.slotCount = options.slotCount
  }

  async acquire(events: SlotEvents): Promise<readonly SlotGateway[]> {
    this.#events = events
    const indexes = Array.from({ length: this.slotCount }, (_, index) => slotIndex(index))
    const slots = await Promise.all(indexes.map(async (slot) => this.#slots.get(slot) ?? this.#start(slot)))
    return slots.map(({ slot, launched }) => ({
      slot,
      send: (message) => launched.send(this.#withPeers(message, slot)),
      kill: () => launched.kill(errorFromData({ code: 'TSK1002', message: 'killed', context: {} })),
    }))
  }

  async release(): Promise<void> {
    this.#events = undefined
    const slots = [...this.#slots.values()]
    this.#slots.clear()
    await Promise.all(slots.map(({ launched }) => launched.end()))
  }

  async #start(slot: SlotIndex): Promise<PoolSlot> {
    const { spec, epoch, artifactPath } = this.#options
    const ready = deferred<SlotReady>()
    const allocation = allocationId(`allocation-${this.#allocations++}`)
    const lost = (error: ErrorData): void => {
      ready.reject(errorFromData(error))
      if (this.#slots.get(slot)?.allocation !== allocation) return
      this.#slots.delete(slot)
      this.#events?.onSlotLost(slot, error)
    }
    const launched = this.#launcherOf(slot).launch(
      { allocation, spec, slot, epoch, artifactPath },
      {
        onReady: (told) => ready.resolve(told),
        onMessage: (message) => this.#events?.onMessage(slot, message),
        onLost: lost,
      },
    )
    const started: PoolSlot = { slot, allocation, launched, ready: await ready.promise }
    this.#slots.set(slot, started)
    return started
  }

  #withPeers(message: ToSlot, slot: SlotIndex): ToSlot {
    if (message.kind !== 'deploy') return message
    const peers = [...this.#slots.values()]
      .filter((other) => this.#launcherOf(other.slot) !== this.#launcherOf(slot))
      .map((other): SlotPeer => ({
        slot: other.slot,
        allocation: other.allocation,
        address: present(other.ready.data, 'a data address'),
      }))
    return { kind: 'deploy', deployment: { ...message.deployment, peers } }
  }

  #launcherOf(slot: SlotIndex): SlotLauncher {
    const { launchers } = this.#options
    return present(launchers[slot % launchers.length], 'a launcher')
  }
}
