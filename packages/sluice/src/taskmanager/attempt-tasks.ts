/**
 * The tasks of one attempt in one slot: built, run, ended.
 *
 * Owns: the tasks, their loop, their links. Does not own: which attempts there are (slot-runner.ts), the thread.
 *
 * R2 Messages are handled in the order they came; the deployment is finished before the next message is looked at.
 * R3 After `failed` the other tasks go on until `cancel` comes.
 */
import { assert, present, unreachable } from '../base/assert.ts'
import { EngineError, type ErrorData, asEngineError, errorToData } from '../base/errors.ts'
import type { AttemptNumber, SubtaskIndex, VertexId } from '../base/ids.ts'
import type { SlotDeployment, ToReader, ToSlot } from '../control/messages.ts'
import { scaleGraph } from '../graph/scale-graph.ts'
import { bytesToValue } from '../serde/value-codec.ts'
import type { StreamTask } from '../task/stream-task.ts'
import { TaskLoop } from '../task/task-loop.ts'
import type { Mail } from '../task/task-step.ts'
import type { SlotLinks, SlotRunnerOptions } from './slot-environment.ts'
import { buildTasks } from './task-builder.ts'

export type ToAttempt = Exclude<ToSlot, { kind: 'deploy' }>

/** What the tasks need of the slot. */
export interface AttemptOwner {
  /** All tasks are closed: the last word about the attempt has been said. */
  onStopped(attempt: AttemptNumber): void
  /** A bug of ours: the slot ends as by any uncaught error. */
  onBroken(error: unknown): void
}

type AttemptState = 'deploying' | 'deployed' | 'running' | 'cancelling' | 'stopped'

export class AttemptTasks {
  readonly #options: SlotRunnerOptions
  readonly #deployment: SlotDeployment
  readonly #links: SlotLinks
  readonly #owner: AttemptOwner
  readonly #loop: TaskLoop
  readonly #inbox: ToAttempt[] = []
  #tasks: readonly StreamTask[] = []
  #state: AttemptState = 'deploying'
  #isHandling = true

  /** Starts to build at once. */
  constructor(options: SlotRunnerOptions, deployment: SlotDeployment, links: SlotLinks, owner: AttemptOwner) {
    this.#options = options
    this.#deployment = deployment
    this.#links = links
    this.#owner = owner
    this.#loop = new TaskLoop(options.env, options.limits, options.progress)
    this.#handleInbox(this.#deploy()).catch((error: unknown) => owner.onBroken(error))
  }

  onMessage(message: ToAttempt): void {
    this.#inbox.push(message)
    if (!this.#isHandling) this.#handleInbox(undefined).catch((error: unknown) => this.#owner.onBroken(error))
  }

  /** Also the last thing before the tasks are closed: short jobs would end uncounted. */
  report(): void {
    if (this.#state !== 'running') return
    const { attempt } = this.#deployment
    this.#options.send({ kind: 'report', attempt, tasks: this.#tasks.map((task) => task.report()) })
  }

  // R2
  async #handleInbox(first: Promise<void> | undefined): Promise<void> {
    this.#isHandling = true
    if (first !== undefined) await first
    for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
      const pending = this.#handle(next)
      if (pending !== undefined) await pending
    }
    this.#isHandling = false
  }

  #handle(message: ToAttempt): Promise<void> | undefined {
    if (this.#state === 'stopped') return undefined
    switch (message.kind) {
      case 'cancel':
        return this.#stop()
      case 'start':
        this.#start()
        return undefined
      case 'trigger':
        for (const task of this.#tasks) if (task.environment.gate === undefined) task.post(message)
        return undefined
      case 'complete':
      case 'aborted':
      case 'finish':
        for (const task of this.#tasks) task.post(message)
        return undefined
      case 'assign-splits':
      case 'source-event':
      case 'align-source':
        this.#tellReader(message)
        return undefined
      default:
        return unreachable('a message to a slot', message)
    }
  }

  #start(): void {
    this.#state = 'running'
    this.#loop.run(this.#tasks)
    for (const task of this.#tasks) task.start()
  }

  #tellReader(message: ToReader): void {
    const task = this.#tasks.find(
      ({ environment }) =>
        environment.vertex.operators[0]?.uid === message.source && environment.subtask === message.subtask,
    )
    present(task, `the source ${message.source}`).post(readerMail(message))
  }

  async #deploy(): Promise<void> {
    const deployment = this.#deployment
    const { graph, send } = this.#options
    if (deployment.layoutHash !== graph.layoutHash) return this.#fail(errorToData(graphsDiffer(deployment.slot)))
    const tasks = this.#build()
    this.#state = 'deployed'
    if (tasks === undefined) return
    this.#tasks = tasks
    for (const task of tasks) {
      const { vertex, subtask } = task.environment
      try {
        await task.prepare()
      } catch (error) {
        const failure = asEngineError(error, 'TSK1001', `${vertex.name} could not be opened`)
        return this.#fail(errorToData(failure), vertex.id, subtask)
      }
    }
    send({ kind: 'deployed', attempt: deployment.attempt })
  }

  /** Undefined when an operator could not be made, which is told. */
  #build(): readonly StreamTask[] | undefined {
    const deployment = this.#deployment
    const graph = scaleGraph(this.#options.graph, deployment.slotCount)
    const wake = (index: number): void => this.#loop.wake(index)
    try {
      return buildTasks({ ...this.#options, graph, deployment, links: this.#links, wake })
    } catch (error) {
      const failure = asEngineError(error, 'TSK1001', `the tasks of slot ${deployment.slot} could not be made`)
      this.#fail(errorToData(failure))
      return undefined
    }
  }

  async #stop(): Promise<void> {
    const { attempt } = this.#deployment
    this.report()
    this.#state = 'cancelling'
    this.#loop.run([])
    for (const task of this.#tasks) {
      try {
        await task.close()
      } catch (error) {
        const { vertex, subtask } = task.environment
        const failure = asEngineError(error, 'TSK1001', `${vertex.name} could not be closed`)
        this.#fail(errorToData(failure), vertex.id, subtask)
      }
    }
    for (const link of this.#links.values()) link.close()
    this.#state = 'stopped'
    this.#owner.onStopped(attempt)
    this.#options.send({ kind: 'stopped', attempt })
  }

  #fail(error: ErrorData, vertex?: VertexId, subtask?: SubtaskIndex): void {
    this.#options.send({ kind: 'failed', attempt: this.#deployment.attempt, vertex, subtask, error })
  }
}

function readerMail(message: ToReader): Mail {
  switch (message.kind) {
    case 'assign-splits': {
      const splits = bytesToValue(message.splits)
      assert(Array.isArray(splits), 'assigned splits are no list')
      return { kind: 'splits', splits, noMore: message.noMore }
    }
    case 'source-event':
      return { kind: 'source-event', event: bytesToValue(message.event) }
    case 'align-source':
      return message
  }
}

function graphsDiffer(slot: number): EngineError {
  return new EngineError(
    'JOB1007',
    `the job graph built by slot ${slot} differs from the one the JobManager built. Nothing was started. Building a job must give the same graph every time: no random names, no clock, no environment in the function given to defineJob`,
  )
}
