/** Builds the tasks of one slot and wires their channels: by reference inside the slot, over links to other slots. */
import { present } from '../base/assert.ts'
import { errorToData, type EngineError } from '../base/errors.ts'
import { subtaskIndex, type SlotIndex, type SubtaskIndex } from '../base/ids.ts'
import type { FromSlot, SlotDeployment } from '../control/messages.ts'
import { BatchWriter } from '../exchange/batch-writer.ts'
import { OutputPressure } from '../exchange/blocking.ts'
import type { InputChannel, OutputChannel } from '../exchange/channel.ts'
import type { DataLink } from '../exchange/data-link.ts'
import type { Debloating } from '../exchange/debloater.ts'
import { InputGate } from '../exchange/input-gate.ts'
import { LinkRouter } from '../exchange/link-router.ts'
import { LocalChannel } from '../exchange/local-channel.ts'
import type { EdgeOutput } from '../exchange/partitioner.ts'
import { RemoteInputChannel, RemoteOutputChannel } from '../exchange/remote-channel.ts'
import { consumersOf, producersOf, type EdgeEnds } from '../graph/connections.ts'
import type { JobEdge, JobGraph, JobVertex } from '../graph/job-graph.ts'
import { StreamTask } from '../task/stream-task.ts'
import type { TaskEnvironment, TaskReports } from '../task/task-environment.ts'
import { edgeOutput } from './edge-output.ts'
import type { SlotLinks, SlotRunnerOptions } from './slot-environment.ts'

export interface BuildOptions extends SlotRunnerOptions {
  readonly deployment: SlotDeployment
  readonly links: SlotLinks
  /** Makes the task with this index of the result ready. */
  wake(index: number): void
}

/** Both ends are in one thread and take turns: batches that wait gain nothing, and push what the consumer needs out of the processor's caches. */
const LOCAL_BATCHES_MAX = 2

/** Tasks in the order of the deployment. */
export function buildTasks(options: BuildOptions): readonly StreamTask[] {
  const wiring = new Wiring(options)
  const tasks = options.deployment.tasks.map((_, index) => wiring.task(index))
  wiring.start()
  return tasks
}

class Wiring {
  readonly #options: BuildOptions
  readonly #graph: JobGraph
  readonly #locals = new Map<number, LocalChannel>()
  readonly #routers = new Map<SlotIndex, LinkRouter>()
  readonly #pressures: readonly OutputPressure[]
  /** Number of the first channel of each edge. */
  readonly #channelBase: readonly number[]
  readonly #debloating: Debloating

  constructor(options: BuildOptions) {
    this.#options = options
    this.#graph = options.graph
    const { debloatTargetMs, batchRecordsMax } = options.settings
    this.#debloating = {
      settings: { targetMs: debloatTargetMs, recordsMax: batchRecordsMax },
      clock: options.env.clock,
    }
    for (const [slot, link] of options.links) this.#routers.set(slot, new LinkRouter(link))
    this.#pressures = options.deployment.tasks.map((_, index) => new OutputPressure(() => options.wake(index)))
    let next = 0
    this.#channelBase = this.#graph.edges.map((edge) => {
      const base = next
      next += this.#vertex(edge.from).parallelism * this.#vertex(edge.to).parallelism
      return base
    })
  }

  task(index: number): StreamTask {
    const { deployment, env, settings, storage } = this.#options
    const { vertex: vertexId, subtask, restore } = present(deployment.tasks[index], 'a task of the deployment')
    const vertex = this.#vertex(vertexId)
    const pressure = present(this.#pressures[index], 'the pressure of a task')
    const wake = (): void => this.#options.wake(index)
    const environment: TaskEnvironment = {
      vertex,
      subtask,
      attempt: deployment.attempt,
      incarnation: `${deployment.epoch}-${deployment.attempt}`,
      env,
      settings,
      storage,
      restore,
      gate: vertex.inputs.length === 0 ? undefined : new InputGate(this.#inputs(vertex, subtask), wake),
      gatePorts: this.#gatePorts(vertex, subtask),
      outputs: vertex.outputs.map((output) => this.#output(this.#edge(output), subtask, pressure)),
      outputTags: vertex.outputs.map((output) => this.#edge(output).sideTag),
      pressure,
      reports: reportsOf(vertex, subtask, deployment, this.#options.send),
      mayCommit: this.#options.mayCommit,
      wake,
    }
    return new StreamTask(environment)
  }

  start(): void {
    for (const router of this.#routers.values()) router.start()
    for (const link of this.#options.links.values()) link.onBroken?.((error) => this.#onBroken(error))
  }

  /** Every task of the attempt waits for data, or for barriers, that may not come any more. */
  #onBroken(error: EngineError): void {
    const { deployment, send } = this.#options
    const noTask = { vertex: undefined, subtask: undefined }
    send({ kind: 'failed', attempt: deployment.attempt, ...noTask, error: errorToData(error) })
  }

  #inputs(vertex: JobVertex, subtask: SubtaskIndex): readonly InputChannel[] {
    return vertex.inputs.flatMap((input) => {
      const edge = this.#edge(input)
      return this.#producers(edge, subtask).map((producer) => this.#input(edge, producer, subtask))
    })
  }

  #gatePorts(vertex: JobVertex, subtask: SubtaskIndex): readonly number[] {
    return vertex.inputs.flatMap((input) => {
      const edge = this.#edge(input)
      return this.#producers(edge, subtask).map(() => edge.port)
    })
  }

  #output(edge: JobEdge, subtask: SubtaskIndex, pressure: OutputPressure): EdgeOutput {
    const writers = this.#consumers(edge, subtask).map((target) =>
      this.#writer(this.#outputChannel(edge, subtask, target, pressure)),
    )
    const consumer = this.#vertex(edge.to)
    const { maxParallelism } = consumer
    const { attempt } = this.#options.deployment
    return edgeOutput({ edge, writers, maxParallelism, onBadKey: onBadKeyOf(consumer), subtask, attempt })
  }

  #writer(channel: OutputChannel): BatchWriter {
    return new BatchWriter(channel, this.#options.settings.batchRecordsMax)
  }

  #consumers(edge: JobEdge, producer: SubtaskIndex): readonly SubtaskIndex[] {
    return consumersOf(this.#ends(edge), producer).map(subtaskIndex)
  }

  #producers(edge: JobEdge, consumer: SubtaskIndex): readonly SubtaskIndex[] {
    return producersOf(this.#ends(edge), consumer).map(subtaskIndex)
  }

  #ends({ from, to, partitioning }: JobEdge): EdgeEnds {
    const [producer, consumer] = [this.#vertex(from), this.#vertex(to)]
    return { kind: partitioning.kind, producerCount: producer.parallelism, consumerCount: consumer.parallelism }
  }

  #input(edge: JobEdge, producer: SubtaskIndex, consumer: SubtaskIndex): InputChannel {
    const slot = this.#slotOf(edge.from, producer)
    const channel = this.#channel(edge, producer, consumer)
    if (slot === this.#options.deployment.slot) return this.#local(channel, edge.from, producer)
    const { channelCredits } = this.#options.settings
    const input = new RemoteInputChannel(channel, this.#link(slot), channelCredits, this.#debloating)
    present(this.#routers.get(slot), 'a link').addInput(channel, input)
    return input
  }

  #outputChannel(
    edge: JobEdge,
    producer: SubtaskIndex,
    consumer: SubtaskIndex,
    pressure: OutputPressure,
  ): OutputChannel {
    const slot = this.#slotOf(edge.to, consumer)
    const channel = this.#channel(edge, producer, consumer)
    if (slot === this.#options.deployment.slot) return this.#local(channel, edge.from, producer)
    const output = new RemoteOutputChannel(
      channel,
      this.#link(slot),
      this.#options.settings.channelCredits,
      pressure,
      edge.fromOperator,
    )
    present(this.#routers.get(slot), 'a link').addOutput(channel, output)
    return output
  }

  /** Whoever of the two ends is built first makes it; the pressure is the producer's. */
  #local(channel: number, vertex: string, producer: SubtaskIndex): LocalChannel {
    const known = this.#locals.get(channel)
    if (known !== undefined) return known
    const index = this.#options.deployment.tasks.findIndex(
      (task) => task.vertex === vertex && task.subtask === producer,
    )
    const local = new LocalChannel(
      Math.min(LOCAL_BATCHES_MAX, this.#options.settings.channelCredits),
      present(this.#pressures[index], 'the producer of a local channel'),
      this.#debloating,
    )
    this.#locals.set(channel, local)
    return local
  }

  #channel(edge: JobEdge, producer: SubtaskIndex, consumer: SubtaskIndex): number {
    return present(this.#channelBase[edge.index], 'an edge') + producer * this.#vertex(edge.to).parallelism + consumer
  }

  #slotOf(vertex: string, subtask: SubtaskIndex): SlotIndex {
    return present(this.#options.deployment.placement[vertex]?.[subtask], `the slot of ${vertex} ${subtask}`)
  }

  #link(slot: SlotIndex): DataLink {
    return present(this.#options.links.get(slot), `the link to slot ${slot}`)
  }

  #vertex(id: string): JobVertex {
    return present(
      this.#graph.vertices.find((vertex) => vertex.id === id),
      `vertex ${id}`,
    )
  }

  #edge(index: number): JobEdge {
    return present(this.#graph.edges[index], `edge ${index}`)
  }
}

/** The policy of a keyed operator is applied where it runs: it looks at the key of each record again. */
function onBadKeyOf({ operators }: JobVertex): 'fail' | 'send' {
  const node = present(operators[0], 'the head of a vertex').node
  const isHandled = (node.errorPolicy ?? { kind: 'fail' }).kind !== 'fail'
  return isHandled && node.kind === 'operator' && node.operator.keyed ? 'send' : 'fail'
}

function reportsOf(
  vertex: JobVertex,
  subtask: SubtaskIndex,
  deployment: SlotDeployment,
  send: (message: FromSlot) => void,
): TaskReports {
  const task = { attempt: deployment.attempt, vertex: vertex.id, subtask }
  return {
    acknowledge: (checkpoint, snapshot) => send({ kind: 'ack', attempt: task.attempt, checkpoint, snapshot }),
    decline: (checkpoint, error) => send({ kind: 'decline', ...task, checkpoint, error }),
    committed: (checkpoint) => send({ kind: 'committed', ...task, checkpoint }),
    drained: () => send({ kind: 'drained', ...task }),
    finished: () => send({ kind: 'finished', ...task }),
    failed: (error) => send({ kind: 'failed', ...task, error }),
    requestSplit: (source) => send({ kind: 'request-split', attempt: task.attempt, source, subtask }),
    sourceEvent: (source, event) => send({ kind: 'source-event', attempt: task.attempt, source, subtask, event }),
    sourceWatermark: (source, progress) =>
      send({ kind: 'source-watermark', attempt: task.attempt, source, subtask, progress }),
  }
}
