/**
 * A pool of slots that are threads of this process; protocol and invariants: docs/spec/slot-threads.md.
 *
 * Owns: the threads' lives, the ports between them. Does not own: deployments and restarts (jobmanager/).
 */
import { errorToData } from '../base/errors.ts'
import { slotIndex, type SlotIndex } from '../base/ids.ts'
import type { SlotEvents, SlotGateway, SlotPool } from '../control/messages.ts'
import { createPortPairs, postToSlot } from './port-pairs.ts'
import { threadKilled, threadStuck } from './slot-thread-errors.ts'
import {
  END_WAIT_MAX_MS,
  SlotThread,
  isSameLimit,
  type HeapLimit,
  type ThreadEnd,
  type ThreadOutput,
} from './slot-thread-handle.ts'
import type { JobOrigin } from './thread-messages.ts'
import { watchThread } from './thread-watch.ts'

export interface ThreadSlotsOptions {
  readonly origin: JobOrigin
  readonly slotCount: number
  /** Where checkpoints are kept; undefined when checkpointing is off. */
  readonly storageRoot: string | undefined
  readonly heapLimit: HeapLimit
  /** `off` under a debugger. */
  readonly watchdogTimeoutMs: number | 'off'
  readonly output: ThreadOutput
  /** Threads that were started before the rest was known, by slot. */
  readonly early: readonly SlotThread[]
  /** How long a thread may take to end; default: END_WAIT_MAX_MS. */
  readonly endWaitMaxMs?: number
}

export interface ThreadSlotPool extends SlotPool {
  /** Slots with a thread that could not be ended and still runs. */
  stuckSlots(): readonly SlotIndex[]
}

export function createThreadSlotPool(options: ThreadSlotsOptions): ThreadSlotPool {
  return new ThreadSlots(options)
}

class ThreadSlots implements ThreadSlotPool {
  readonly slotCount: number
  readonly #options: ThreadSlotsOptions
  readonly #threads = new Map<SlotIndex, SlotThread>()
  readonly #pairs = createPortPairs()
  readonly #early: Set<SlotThread>
  readonly #endWaitMaxMs: number
  /** Threads that could not be ended in time. */
  readonly #stuck = new Set<SlotThread>()
  #events: SlotEvents | undefined

  constructor(options: ThreadSlotsOptions) {
    this.slotCount = options.slotCount
    this.#options = options
    this.#early = new Set(options.early)
    this.#endWaitMaxMs = options.endWaitMaxMs ?? END_WAIT_MAX_MS
  }

  async acquire(events: SlotEvents): Promise<readonly SlotGateway[]> {
    this.#events = events
    await this.#endingAreGone()
    if (this.#events !== events) return [] // released meanwhile
    const threads = Array.from({ length: this.slotCount }, (_, index) => this.#living(slotIndex(index)))
    this.#dropEarly()
    await Promise.all(threads.map((thread) => thread.ready))
    return threads.map((thread) => this.#gateway(thread))
  }

  // S5
  async release(): Promise<void> {
    this.#events = undefined
    this.#pairs.close()
    const threads = [...this.#threads.values(), ...this.#early]
    this.#threads.clear()
    this.#early.clear()
    await Promise.all(threads.map(async (thread) => this.#noteEnd(thread, await thread.end())))
  }

  stuckSlots(): readonly SlotIndex[] {
    return [...this.#stuck].filter((thread) => thread.isStuck).map(({ slot }) => slot)
  }

  /** S1, S7: no new thread beside one that may still run user code. */
  async #endingAreGone(): Promise<void> {
    const ending = [...this.#threads.values()].filter((thread) => !thread.isAlive)
    await Promise.all(ending.map(async (thread) => this.#noteEnd(thread, await thread.gone)))
    const [slot] = this.stuckSlots()
    if (slot !== undefined) throw threadStuck(slot, this.#endWaitMaxMs, undefined)
  }

  #noteEnd(thread: SlotThread, end: ThreadEnd): void {
    if (end === 'stuck') this.#stuck.add(thread)
  }

  // S1
  #living(slot: SlotIndex): SlotThread {
    const known = this.#threads.get(slot)
    if (known?.isAlive === true) return known
    const { origin, heapLimit, output, storageRoot, watchdogTimeoutMs } = this.#options
    const thread =
      this.#takeEarly(slot) ?? new SlotThread({ slot, origin, heapLimit, output, endWaitMaxMs: this.#endWaitMaxMs })
    this.#threads.set(slot, thread)
    thread.attach(
      {
        onMessage: (message) => this.#eventsOf(thread)?.onMessage(slot, message),
        onLost: (error) => this.#eventsOf(thread)?.onSlotLost(slot, errorToData(error)),
      },
      { storageRoot },
    )
    watchThread(thread, watchdogTimeoutMs)
    return thread
  }

  /** A thread that was replaced is not heard any more: its loss would be taken for that of the new one. */
  #eventsOf(thread: SlotThread): SlotEvents | undefined {
    return this.#threads.get(thread.slot) === thread ? this.#events : undefined
  }

  // S6
  #takeEarly(slot: SlotIndex): SlotThread | undefined {
    const fits = (thread: SlotThread): boolean =>
      thread.slot === slot && isSameLimit(thread.heapLimit, this.#options.heapLimit)
    const thread = [...this.#early].find(fits)
    if (thread !== undefined) this.#early.delete(thread)
    return thread
  }

  #dropEarly(): void {
    for (const thread of this.#early) void thread.end()
    this.#early.clear()
  }

  #gateway(thread: SlotThread): SlotGateway {
    return {
      slot: thread.slot,
      send: (message) => postToSlot(thread, message, this.#pairs),
      kill: () => thread.kill(threadKilled(thread.slot)),
    }
  }
}
