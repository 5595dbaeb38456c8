/**
 * What runs inside one slot: takes the JobManager's messages, hands them to the attempts they are for, and reports.
 *
 * Owns: which attempts there are. The same in a slot thread, inline and in the simulator. Does not own: their tasks (attempt-tasks.ts), the
 * thread, the links, restarts.
 *
 * R1 One deployment per attempt; attempts of different failover regions live beside each other and never wait for each other. A message of an
 *    attempt that is not here is counted and dropped (control M1), and a cancel is answered, for there is nothing to wait for.
 */
import { assert } from '../base/assert.ts'
import type { AttemptNumber } from '../base/ids.ts'
import type { SlotDeployment, ToSlot } from '../control/messages.ts'
import { AttemptTasks } from './attempt-tasks.ts'
import type { SlotLinks, SlotRunnerOptions } from './slot-environment.ts'

const NO_LINKS: SlotLinks = new Map()

export class SlotRunner {
  readonly #options: SlotRunnerOptions
  readonly #attempts = new Map<AttemptNumber, AttemptTasks>()
  /** Messages of other attempts. */
  staleMessages = 0

  constructor(options: SlotRunnerOptions) {
    this.#options = options
    this.#scheduleReport()
  }

  /** Says that the slot can take a deployment. */
  ready(): void {
    this.#options.send({ kind: 'ready', layoutHash: this.#options.graph.layoutHash })
  }

  /** Sends what the tasks have counted until now. */
  report(): void {
    for (const tasks of this.#attempts.values()) tasks.report()
  }

  /** `links` go with `deploy` only. */
  onMessage(message: ToSlot, links: SlotLinks = NO_LINKS): void {
    if (message.kind === 'deploy') return this.#deploy(message.deployment, links)
    const tasks = this.#attempts.get(message.attempt)
    if (tasks !== undefined) return tasks.onMessage(message)
    this.staleMessages++
    if (message.kind === 'cancel') this.#options.send({ kind: 'stopped', attempt: message.attempt })
  }

  // R1
  #deploy(deployment: SlotDeployment, links: SlotLinks): void {
    const { attempt } = deployment
    assert(!this.#attempts.has(attempt), 'an attempt was deployed twice in a slot', { attempt })
    const owner = {
      onStopped: (): void => void this.#attempts.delete(attempt),
      onBroken: (error: unknown): void => this.#breakDown(error),
    }
    this.#attempts.set(attempt, new AttemptTasks(this.#options, deployment, links, owner))
  }

  /** A bug of ours: the slot ends as by any uncaught error, and its owner tells. */
  #breakDown(error: unknown): void {
    this.#options.env.turns.next(() => {
      throw error
    })
  }

  #scheduleReport(): void {
    const { env, settings } = this.#options
    env.timers.after(settings.reportIntervalMs, () => {
      this.report()
      this.#scheduleReport()
    })
  }
}
