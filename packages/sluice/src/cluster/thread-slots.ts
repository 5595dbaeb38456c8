/**
 * A pool of slots that are threads of this process; protocol and invariants: docs/spec/slot-threads.md.
 *
 * Owns: the threads' lives, the ports between them, the watchdog. Does not own: deployments and restarts (jobmanager/).
 */
import { MessageChannel } from 'node:worker_threads'
import { errorToData } from '../base/errors.ts'
import { slotIndex, type SlotIndex } from '../base/ids.ts'
import type { SlotEvents, SlotGateway, SlotPool, ToSlot } from '../control/messages.ts'
import { threadHangs, threadKilled, threadStuck, type ThreadLoss } from './slot-thread-errors.ts'
import {
  END_WAIT_MAX_MS,
  SlotThread,
  isSameLimit,
  type HeapLimit,
  type ThreadEnd,
  type ThreadOutput,
} from './slot-thread-handle.ts'
import type { JobOrigin, LinkPort } from './thread-messages.ts'
import { LOOKS_PER_TIMEOUT, StillnessWatch } from './watchdog.ts'

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
  readonly #watches = new Map<SlotThread, StillnessWatch>()
  readonly #early: Set<SlotThread>
  readonly #endWaitMaxMs: number
  /** Threads that could not be ended in time. */
  readonly #stuck = new Set<SlotThread>()
  #events: SlotEvents | undefined
  #links: AttemptPorts | undefined
  #watchdog: NodeJS.Timeout | undefined

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
    this.#startWatchdog()
    const threads = Array.from({ length: this.slotCount }, (_, index) => this.#living(slotIndex(index)))
    this.#dropEarly()
    await Promise.all(threads.map((thread) => thread.ready))
    return threads.map((thread) => this.#gateway(thread))
  }

  // S5
  async release(): Promise<void> {
    this.#events = undefined
    clearInterval(this.#watchdog)
    this.#watchdog = undefined
    this.#links?.close()
    this.#links = undefined
    const threads = [...this.#threads.values(), ...this.#early]
    this.#threads.clear()
    this.#early.clear()
    this.#watches.clear()
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
    if (known !== undefined) this.#watches.delete(known)
    const { origin, heapLimit, output, storageRoot } = this.#options
    const thread =
      this.#takeEarly(slot) ?? new SlotThread({ slot, origin, heapLimit, output, endWaitMaxMs: this.#endWaitMaxMs })
    this.#threads.set(slot, thread)
    thread.attach(
      {
        onMessage: (message) => this.#eventsOf(thread)?.onMessage(slot, message),
        onLost: (error) => this.#eventsOf(thread)?.onSlotLost(slot, errorToData(error)),
      },
      storageRoot,
    )
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
      send: (message) => this.#send(thread, message),
      kill: () => thread.kill(threadKilled(thread.slot)),
    }
  }

  #send(thread: SlotThread, message: ToSlot): void {
    const links = message.kind === 'deploy' ? this.#portsOf(message, thread.slot) : []
    thread.post(
      { kind: 'message', message, links },
      links.map(({ port }) => port),
    )
  }

  // S4
  #portsOf({ deployment }: Extract<ToSlot, { kind: 'deploy' }>, slot: SlotIndex): readonly LinkPort[] {
    const attempt = `${deployment.epoch}-${deployment.attempt}`
    if (this.#links?.attempt !== attempt) {
      this.#links?.close()
      this.#links = new AttemptPorts(attempt, this.slotCount)
    }
    return this.#links.take(slot)
  }

  #startWatchdog(): void {
    const { watchdogTimeoutMs } = this.#options
    if (watchdogTimeoutMs === 'off' || this.#watchdog !== undefined) return
    const limits = { timeoutMs: watchdogTimeoutMs, lookIntervalMs: watchdogTimeoutMs / LOOKS_PER_TIMEOUT }
    this.#watchdog = setInterval(() => {
      for (const thread of this.#threads.values()) {
        if (!thread.isReady) continue
        const watch = this.#watches.get(thread) ?? new StillnessWatch(limits)
        this.#watches.set(thread, watch)
        const stillMs = watch.look(thread.vitals.pulse(), performance.now())
        if (stillMs !== undefined) thread.kill(hangOf(thread, stillMs))
      }
    }, limits.lookIntervalMs)
    this.#watchdog.unref()
  }
}

function hangOf(thread: SlotThread, stillMs: number): ThreadLoss {
  return threadHangs(thread.slot, stillMs, thread.vitals.isBusy() ? 'task loop' : 'elsewhere')
}

/** The ports of one attempt that were not handed out yet: one channel for each pair of slots. */
class AttemptPorts {
  readonly attempt: string
  readonly #bySlot = new Map<SlotIndex, LinkPort[]>()

  constructor(attempt: string, slotCount: number) {
    this.attempt = attempt
    for (let a = 0; a < slotCount; a++) {
      for (let b = a + 1; b < slotCount; b++) {
        const { port1, port2 } = new MessageChannel()
        this.#add(slotIndex(a), { slot: slotIndex(b), port: port1 })
        this.#add(slotIndex(b), { slot: slotIndex(a), port: port2 })
      }
    }
  }

  take(slot: SlotIndex): readonly LinkPort[] {
    const ports = this.#bySlot.get(slot) ?? []
    this.#bySlot.delete(slot)
    return ports
  }

  close(): void {
    for (const { port } of [...this.#bySlot.values()].flat()) port.close()
    this.#bySlot.clear()
  }

  #add(slot: SlotIndex, port: LinkPort): void {
    const ports = this.#bySlot.get(slot)
    if (ports === undefined) this.#bySlot.set(slot, [port])
    else ports.push(port)
  }
}
