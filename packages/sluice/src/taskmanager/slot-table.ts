/**
 * The slots of one TaskManager that are given to jobs now.
 *
 * Owns: which allocation has which slot, from `start-slot` to its last word. Does not own: what runs them (the launcher), bundles, the connection.
 *
 * B1 At most `slotCount` allocations; a slot that was given back is started anew only when the one before it has ended.
 * B2 `slot-lost` is the last word about an allocation, and the only one after a failure; nothing is said after `release` or `endAll`.
 * B3 What comes for an allocation that is not there is dropped and counted (W2).
 */
import { errorFromData, EngineError, asEngineError, errorToData, type ErrorData } from '../base/errors.ts'
import type { AllocationId, LeaderEpoch } from '../base/ids.ts'
import type { FromTaskManager, ToTaskManager } from '../control/cluster-messages.ts'
import type { ToSlot } from '../control/messages.ts'
import type { ArtifactCache } from './artifact-cache.ts'
import type { LaunchedSlot, SlotEnd, SlotLauncher, SlotListener } from './slot-launcher.ts'
import type { TaskManagerEvent } from './task-manager-events.ts'

export interface SlotTableOptions {
  readonly slotCount: number
  readonly launcher: SlotLauncher
  readonly artifacts: Pick<ArtifactCache, 'path'>
  /** The error when a message cannot be sent. */
  readonly send: (message: FromTaskManager) => EngineError | undefined
  readonly listener: (event: TaskManagerEvent) => void
  /** A slot goes on that was told to end. */
  readonly onStuck: (error: ErrorData) => void
}

type StartSlot = Extract<ToTaskManager, { kind: 'start-slot' }>

/** One allocation; `launched` is undefined while its bundle is fetched. */
interface Held {
  readonly start: StartSlot
  launched: LaunchedSlot | undefined
}

export class SlotTable {
  readonly #options: SlotTableOptions
  readonly #held = new Map<AllocationId, Held>()
  readonly #ending = new Set<Promise<SlotEnd>>()
  #stuck: ErrorData | undefined
  #droppedCount = 0

  constructor(options: SlotTableOptions) {
    this.#options = options
  }

  get inUse(): number {
    return this.#held.size
  }

  start(start: StartSlot, epoch: LeaderEpoch): void {
    if (this.#held.has(start.allocation)) return this.#drop('a second start of an allocation')
    const { slotCount } = this.#options
    if (this.#held.size >= slotCount) return this.#say(start, noFreeSlot(slotCount))
    const held: Held = { start, launched: undefined }
    this.#held.set(start.allocation, held)
    this.#launch(held, epoch).catch((thrown: unknown) => {
      const error = asEngineError(thrown, 'TSK1002', `slot ${start.slot} could not be started`)
      this.#lose(held, errorToData(error))
    })
  }

  /** An allocation belongs to one leader. The epoch in a deployment is that of the job's checkpoints, not the leader's. */
  send(allocation: AllocationId, message: ToSlot): void {
    const launched = this.#held.get(allocation)?.launched
    if (launched === undefined) return this.#drop('a message to a slot that is not there')
    launched.send(message)
  }

  kill(allocation: AllocationId): void {
    const held = this.#held.get(allocation)
    if (held === undefined) return this.#drop('the kill of a slot that is not there')
    const error = killed(held.start)
    if (held.launched === undefined) this.#lose(held, errorToData(error))
    else held.launched.kill(error)
  }

  release(allocation: AllocationId): void {
    const held = this.#held.get(allocation)
    if (held === undefined) return this.#drop('the release of a slot that is not there')
    this.#end(held)
    const { slot, spec } = held.start
    this.#options.listener({ kind: 'slot-ended', allocation, job: spec.name, slot })
  }

  /** Ends all in silence. Resolves with the reason when one cannot be ended. */
  async endAll(): Promise<ErrorData | undefined> {
    for (const held of this.#held.values()) this.#end(held)
    while (this.#ending.size > 0) await Promise.all(this.#ending)
    return this.#stuck
  }

  async #launch(held: Held, epoch: LeaderEpoch): Promise<void> {
    const { artifacts, launcher, listener } = this.#options
    const { allocation, spec, slot } = held.start
    const artifactPath = launcher.bundles === 'none' ? undefined : await artifacts.path(spec.artifact)
    await this.#endingAreGone() // B1
    if (!this.#isHeld(held)) return
    held.launched = launcher.launch({ allocation, spec, slot, epoch, artifactPath }, this.#listenerOf(held))
    listener({ kind: 'slot-started', allocation, job: spec.name, slot })
  }

  async #endingAreGone(): Promise<void> {
    while (this.#held.size + this.#ending.size > this.#options.slotCount) await Promise.race(this.#ending)
    if (this.#stuck !== undefined) throw errorFromData(this.#stuck)
  }

  #listenerOf(held: Held): SlotListener {
    const { allocation } = held.start
    const send = (message: FromTaskManager): void => {
      const error = this.#isHeld(held) ? this.#options.send(message) : undefined
      if (error !== undefined) held.launched?.kill(error) // what it had to say is needed: without it the job would wait
    }
    return {
      onReady: ({ layoutHash, data }) =>
        send({ kind: 'slot-ready', allocation, layoutHash, ...(data === undefined ? {} : { data }) }),
      onMessage: (message) => send({ kind: 'from-slot', allocation, message }),
      onLost: (error) => this.#lose(held, error),
    }
  }

  #lose(held: Held, error: ErrorData): void {
    if (!this.#isHeld(held)) return
    this.#held.delete(held.start.allocation)
    this.#say(held.start, error)
    if (error.code === 'TSK1006') this.#noteStuck(error)
  }

  // B2
  #say({ allocation, slot, spec }: StartSlot, error: ErrorData): void {
    this.#options.send({ kind: 'slot-lost', allocation, error })
    this.#options.listener({ kind: 'slot-lost', allocation, job: spec.name, slot, error })
  }

  #end(held: Held): void {
    this.#held.delete(held.start.allocation)
    if (held.launched === undefined) return
    const ending = held.launched.end()
    this.#ending.add(ending)
    void ending.then((end) => {
      this.#ending.delete(ending)
      if (end === 'stuck') this.#noteStuck(stuck(held.start))
    })
  }

  #noteStuck(error: ErrorData): void {
    this.#stuck ??= error
    this.#options.onStuck(error)
  }

  #isHeld(held: Held): boolean {
    return this.#held.get(held.start.allocation) === held
  }

  // B3
  #drop(what: string): void {
    this.#droppedCount++
    if (this.#droppedCount === 1 || this.#droppedCount % DROPS_PER_LINE === 0)
      this.#options.listener({ kind: 'dropped', what, count: this.#droppedCount })
  }
}

const DROPS_PER_LINE = 1000

function noFreeSlot(slotCount: number): ErrorData {
  return errorToData(
    new EngineError(
      'CLU1005',
      `all ${slotCount} slots of this TaskManager are taken. The slot was not started; the job waits for another one. Nothing needs to be done if that happens rarely; else start more TaskManagers`,
    ),
  )
}

function killed({ slot }: StartSlot): EngineError {
  return new EngineError(
    'TSK1002',
    `slot ${slot} was ended because its tasks did not stop in time. They are gone; the job restarts from the last completed checkpoint, if its restart strategy allows. Look for long synchronous work in user functions, or raise task.cancellation.timeout`,
  )
}

function stuck({ slot, spec }: StartSlot): ErrorData {
  return errorToData(
    new EngineError(
      'TSK1006',
      `slot ${slot} of job "${spec.name}" was told to end and still runs. What it runs may go on, and write, as long as this process lives: the TaskManager ends. Look for a blocking system call, for native code, or for an endless loop in the job; start another TaskManager`,
    ),
  )
}
