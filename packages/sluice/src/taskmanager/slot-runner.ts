/**
 * What runs inside one slot: takes the JobManager's messages, builds the tasks of an attempt and their channels, and reports.
 *
 * Owns: the tasks of the slot. The same in a slot thread, inline and in the simulator. Does not own: the thread, the links, restarts.
 *
 * R1 One attempt at a time. A message of another attempt is counted and dropped (control M1).
 * R2 Messages are handled in the order they came; a deployment is finished before the next message is looked at.
 * R3 After `failed` the other tasks go on until `cancel` comes.
 */
import { assert, present, unreachable } from '../base/assert.ts'
import { EngineError, asEngineError, errorToData } from '../base/errors.ts'
import type { SlotDeployment, ToSlot } from '../control/messages.ts'
import { bytesToValue } from '../serde/value-codec.ts'
import type { StreamTask } from '../task/stream-task.ts'
import { TaskLoop } from '../task/task-loop.ts'
import type { SlotLinks, SlotRunnerOptions } from './slot-environment.ts'
import { buildTasks } from './task-builder.ts'

type SlotState =
  | { readonly kind: 'idle' }
  | {
      readonly kind: 'deployed' | 'running' | 'cancelling'
      readonly deployment: SlotDeployment
      readonly tasks: readonly StreamTask[]
      readonly links: SlotLinks
    }

interface Queued {
  readonly message: ToSlot
  readonly links: SlotLinks
}

const NO_LINKS: SlotLinks = new Map()

export class SlotRunner {
  readonly #options: SlotRunnerOptions
  readonly #loop: TaskLoop
  readonly #inbox: Queued[] = []
  #state: SlotState = { kind: 'idle' }
  #isHandling = false
  /** Messages of other attempts. */
  staleMessages = 0

  constructor(options: SlotRunnerOptions) {
    this.#options = options
    this.#loop = new TaskLoop(options.env, options.limits, options.progress)
    this.#scheduleReport()
  }

  /** Says that the slot can take a deployment. */
  ready(): void {
    this.#options.send({ kind: 'ready', layoutHash: this.#options.graph.layoutHash })
  }

  /** `links` go with `deploy` only. */
  onMessage(message: ToSlot, links: SlotLinks = NO_LINKS): void {
    this.#inbox.push({ message, links })
    if (!this.#isHandling) this.#handleInbox().catch((error: unknown) => this.#breakDown(error))
  }

  // R2
  async #handleInbox(): Promise<void> {
    this.#isHandling = true
    for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
      const pending = this.#handle(next)
      if (pending !== undefined) await pending
    }
    this.#isHandling = false
  }

  /** A bug of ours: the slot ends as by any uncaught error, and its owner tells. */
  #breakDown(error: unknown): void {
    this.#options.env.turns.next(() => {
      throw error
    })
  }

  #handle({ message, links }: Queued): Promise<void> | undefined {
    if (message.kind === 'deploy') return this.#deploy(message.deployment, links)
    const state = this.#state
    if (state.kind === 'idle' || state.deployment.attempt !== message.attempt) {
      this.staleMessages++
      if (message.kind === 'cancel') this.#options.send({ kind: 'stopped', attempt: message.attempt })
      return undefined
    }
    if (message.kind === 'cancel') return this.#stop()
    this.#tell(state, message)
    return undefined
  }

  #tell(state: Exclude<SlotState, { kind: 'idle' }>, message: Exclude<ToSlot, { kind: 'deploy' | 'cancel' }>): void {
    switch (message.kind) {
      case 'start':
        this.#state = { ...state, kind: 'running' }
        this.#loop.run(state.tasks)
        for (const task of state.tasks) task.start()
        return
      case 'trigger':
        for (const task of state.tasks) if (task.environment.gate === undefined) task.post(message)
        return
      case 'complete':
      case 'aborted':
      case 'finish':
        for (const task of state.tasks) task.post(message)
        return
      case 'assign-splits':
        return this.#assign(state.tasks, message)
      default:
        return unreachable('a message to a slot', message)
    }
  }

  #assign(tasks: readonly StreamTask[], message: Extract<ToSlot, { kind: 'assign-splits' }>): void {
    const task = tasks.find(
      ({ environment }) =>
        environment.vertex.operators[0]?.uid === message.source && environment.subtask === message.subtask,
    )
    const splits = bytesToValue(message.splits)
    assert(Array.isArray(splits), 'assigned splits are no list')
    present(task, `the source ${message.source}`).post({ kind: 'splits', splits, noMore: message.noMore })
  }

  async #deploy(deployment: SlotDeployment, links: SlotLinks): Promise<void> {
    assert(this.#state.kind === 'idle', 'a slot was deployed twice', { attempt: deployment.attempt })
    const { graph, send } = this.#options
    if (deployment.layoutHash !== graph.layoutHash) return this.#refuse(deployment)
    const tasks = this.#build(deployment, links)
    this.#state = { kind: 'deployed', deployment, tasks: tasks ?? [], links }
    if (tasks === undefined) return
    for (const task of tasks) {
      const { vertex, subtask } = task.environment
      try {
        await task.prepare()
      } catch (error) {
        const failure = asEngineError(error, 'TSK1001', `${vertex.name} could not be opened`)
        send({ kind: 'failed', attempt: deployment.attempt, vertex: vertex.id, subtask, error: errorToData(failure) })
        return
      }
    }
    send({ kind: 'deployed', attempt: deployment.attempt })
  }

  /** Undefined when an operator could not be made, which is told. */
  #build(deployment: SlotDeployment, links: SlotLinks): readonly StreamTask[] | undefined {
    try {
      return buildTasks({ ...this.#options, deployment, links, wake: (index) => this.#loop.wake(index) })
    } catch (error) {
      const failure = asEngineError(error, 'TSK1001', `the tasks of slot ${deployment.slot} could not be made`)
      this.#options.send({
        kind: 'failed',
        attempt: deployment.attempt,
        vertex: undefined,
        subtask: undefined,
        error: errorToData(failure),
      })
      return undefined
    }
  }

  #refuse(deployment: SlotDeployment): void {
    const error = new EngineError(
      'JOB1007',
      `the job graph built by slot ${deployment.slot} differs from the one the JobManager built. Nothing was started. Building a job must give the same graph every time: no random names, no clock, no environment in the function given to defineJob`,
    )
    this.#options.send({
      kind: 'failed',
      attempt: deployment.attempt,
      vertex: undefined,
      subtask: undefined,
      error: errorToData(error),
    })
  }

  async #stop(): Promise<void> {
    const state = this.#state
    if (state.kind === 'idle') return
    this.#report()
    this.#state = { ...state, kind: 'cancelling' }
    this.#loop.run([])
    for (const task of state.tasks) {
      try {
        await task.close()
      } catch (error) {
        const { vertex, subtask } = task.environment
        const failure = asEngineError(error, 'TSK1001', `${vertex.name} could not be closed`)
        this.#options.send({
          kind: 'failed',
          attempt: state.deployment.attempt,
          vertex: vertex.id,
          subtask,
          error: errorToData(failure),
        })
      }
    }
    for (const link of state.links.values()) link.close()
    this.#state = { kind: 'idle' }
    this.#options.send({ kind: 'stopped', attempt: state.deployment.attempt })
  }

  #scheduleReport(): void {
    const { env, settings } = this.#options
    env.timers.after(settings.reportIntervalMs, () => {
      this.#report()
      this.#scheduleReport()
    })
  }

  /** Also the last thing before the tasks are closed: short jobs would end uncounted. */
  #report(): void {
    if (this.#state.kind !== 'running') return
    const { deployment, tasks } = this.#state
    this.#options.send({ kind: 'report', attempt: deployment.attempt, tasks: tasks.map((task) => task.report()) })
  }
}
