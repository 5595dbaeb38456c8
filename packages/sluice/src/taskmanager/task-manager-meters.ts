/**
 * What a TaskManager counts as things happen, and whether it is registered: for metrics and its health, nothing is decided by it.
 */
import type { Clock } from '../base/env.ts'
import type { Counter, Registry } from '../metrics/registry.ts'
import { type Labels, type Sample, samplesOf } from '../metrics/sample.ts'
import type { TaskManagerEvent } from './task-manager-events.ts'

export interface TaskManagerMetersOptions {
  readonly registry: Registry
  readonly clock: Clock
  /** Of this TaskManager: `tm_id` and `host`. */
  readonly labels: Labels
  readonly slotCount: number
  readonly memoryBytes: number
}

export type Registration =
  | { readonly kind: 'registered' }
  | { readonly kind: 'searching'; readonly sinceMs: number; readonly reason: string | undefined }
  | { readonly kind: 'ended' }

export class TaskManagerMeters {
  readonly #options: TaskManagerMetersOptions
  readonly #disconnects: Counter
  readonly #starts: Counter
  readonly #losses: Counter
  readonly #drops: Counter
  #dropCount = 0
  #registration: Registration

  constructor(options: TaskManagerMetersOptions) {
    const { registry, labels, clock } = options
    this.#options = options
    this.#disconnects = registry.counter('sluice_taskmanager_disconnects_total', labels)
    this.#starts = registry.counter('sluice_taskmanager_slot_starts_total', labels)
    this.#losses = registry.counter('sluice_taskmanager_slot_losses_total', labels)
    this.#drops = registry.counter('sluice_taskmanager_messages_dropped_total', labels)
    this.#registration = { kind: 'searching', sinceMs: clock.monotonicMs(), reason: undefined }
  }

  get registration(): Registration {
    return this.#registration
  }

  note(event: TaskManagerEvent): void {
    switch (event.kind) {
      case 'registered':
        this.#registration = { kind: 'registered' }
        return
      case 'waiting':
      case 'refused':
        return this.#search(event.error.message)
      case 'disconnected':
        this.#disconnects.add()
        return this.#search(event.error.message)
      case 'slot-started':
        return this.#starts.add()
      case 'slot-lost':
        return this.#losses.add()
      case 'dropped':
        this.#drops.add(Math.max(0, event.count - this.#dropCount))
        this.#dropCount = event.count
        return
      case 'ended':
        this.#registration = { kind: 'ended' }
        return
      case 'artifact-fetched':
      case 'slot-ended':
      case 'not-sent':
        return
    }
  }

  samples(slotsInUse: number): readonly Sample[] {
    const { labels, slotCount, memoryBytes } = this.#options
    return samplesOf(labels, {
      sluice_taskmanager_memory_bytes: memoryBytes,
      sluice_taskmanager_slots: slotCount,
      sluice_taskmanager_slots_free: slotCount - slotsInUse,
      sluice_taskmanager_registered: this.#registration.kind === 'registered' ? 1 : 0,
    })
  }

  /** The newest reason counts, and the time since it was registered last. */
  #search(reason: string): void {
    const before = this.#registration
    const sinceMs = before.kind === 'searching' ? before.sinceMs : this.#options.clock.monotonicMs()
    this.#registration = { kind: 'searching', sinceMs, reason }
  }
}
