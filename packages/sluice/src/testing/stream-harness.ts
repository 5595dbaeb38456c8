/**
 * Runs a job, or a part of one, on a manual clock: a test pushes records and watermarks, moves time, cuts, restores, rescales and reads
 * what came out. What runs are the tasks that run everywhere else, in one thread, with every source and sink replaced.
 *
 * Owns: which inputs and outputs a job has, its snapshots, its attempts. Does not own: running tasks (harness-tasks.ts).
 *
 * S1 A snapshot holds the state of the job and the watermarks of its inputs; what came out is not taken back by a restore.
 * S2 Between two calls nothing happens: no clock runs, no thread works.
 */
import { assert, present } from '../base/assert.ts'
import { parseDuration } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'
import { attemptNumber, checkpointId, leaderEpoch } from '../base/ids.ts'
import { assembleManifest } from '../checkpoint/manifest-assembly.ts'
import type { CheckpointManifest } from '../checkpoint/manifest.ts'
import { MemoryStore } from '../checkpoint/stores/memory-store.ts'
import { DataStream } from '../api/data-stream.ts'
import { defineJob, type JobDefinition } from '../api/define-job.ts'
import type { RawParams } from '../config/param.ts'
import { collectionSource } from '../connector/collection-source.ts'
import { functionSink } from '../connector/function-sink.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { LogicalEdge, LogicalGraph, LogicalNode, NodeId } from '../graph/logical-graph.ts'
import { planJob } from '../graph/planner.ts'
import { assignRestore } from '../jobmanager/restore-assignment.ts'
import type { SlotSettings } from '../taskmanager/slot-environment.ts'
import { TestInput, type HarnessInput } from './harness-input.ts'
import { TestOutput, type HarnessOutput, type OutputPace } from './harness-output.ts'
import { HarnessTasks } from './harness-tasks.ts'
import { createManualEnv, type ManualEnv } from './manual-env.ts'
import type { OutputRecord } from './operator-script.ts'

/** How the job under test is started. */
export interface HarnessOptions {
  /** Subtasks of every operator that sets none of its own. Default 1. */
  readonly parallelism?: number
  /** Parameters of the job. */
  readonly params?: RawParams
  /** Where the clock starts, milliseconds since 1970. Default 0. */
  readonly startMs?: number
  /** `one-record-at-a-time`: outputs block behind each record, as a slow sink does. Default `free`. */
  readonly pace?: OutputPace
}

/** A cut of the whole job, to be given to `restore`. */
export interface HarnessSnapshot {
  readonly manifest: CheckpointManifest
  readonly inputs: readonly { readonly name: string; readonly watermark: number; readonly hasEnded: boolean }[]
}

/** Key groups of everything that sets none of its own: the same at every parallelism. */
const MAX_PARALLELISM = 128
/** Nobody waits for reports: they are asked for. */
const NEVER_MS = 2 ** 40
const SETTINGS: SlotSettings = {
  bufferTimeoutMs: 0,
  watermarkIntervalMs: 0,
  delivery: 'exactly-once',
  reportIntervalMs: NEVER_MS,
  channelCredits: 8,
  batchRecordsMax: 64,
}
/** One record at a time all the way. */
const NARROW_SETTINGS: SlotSettings = { ...SETTINGS, channelCredits: 1, batchRecordsMax: 1 }

/** A running job under test. */
export class JobHarness {
  readonly #logical: LogicalGraph
  readonly #env: ManualEnv
  readonly #store = new MemoryStore()
  readonly #settings: SlotSettings
  readonly #inputs: readonly TestInput[]
  readonly #outputs: readonly TestOutput[]
  #tasks: HarnessTasks | undefined
  #graph: JobGraph | undefined
  #parallelism = 1
  #attempt = 0
  #checkpoint = 0

  private constructor(logical: LogicalGraph, { startMs = 0, pace = 'free' }: HarnessOptions) {
    this.#env = createManualEnv({ wallMs: startMs })
    this.#settings = pace === 'free' ? SETTINGS : NARROW_SETTINGS
    const settle = async (): Promise<void> => this.#running().settle()
    this.#inputs = logical.nodes.filter(isSource).map((node) => new TestInput(nameOf(node), settle))
    this.#outputs = logical.nodes.filter(isSink).map((node) => new TestOutput(nameOf(node), pace))
    const isInput = new Set(logical.nodes.filter(isSource).map(({ id }) => id))
    this.#logical = { ...logical, nodes: logical.nodes.map((node) => behindInputs(this.#replaced(node), isInput)) }
  }

  /** @internal Use `jobHarness` or `streamHarness`. */
  static async start(logical: LogicalGraph, options: HarnessOptions): Promise<JobHarness> {
    const harness = new JobHarness(logical, options)
    await harness.#startTasks(options.parallelism ?? 1, undefined)
    return harness
  }

  /** The input in place of the source with this uid, or this name where it has none. */
  input<T = unknown>(name: string): HarnessInput<T> {
    return found(this.#inputs, name, 'source')
  }

  /** The output in place of the sink with this uid, or this name where it has none. */
  output<T = unknown>(name: string): HarnessOutput<T> {
    const output: HarnessOutput<unknown> = found(this.#outputs, name, 'sink')
    return output as HarnessOutput<T> // the sink's records are T in the job
  }

  /** Event time of all inputs reaches `timestampMs`. */
  async watermark(timestampMs: number): Promise<void> {
    for (const input of this.#inputs) await input.watermark(timestampMs)
  }

  /** All inputs end: the last watermark comes, then everything that is still held leaves. */
  async end(): Promise<void> {
    for (const input of this.#inputs) await input.end()
  }

  /** Processing time now, milliseconds since 1970. */
  get nowMs(): number {
    return this.#env.clock.wallMs()
  }

  /** Processing time goes on by a duration such as `'10s'`: timers fire, each at its moment. */
  async advance(duration: string): Promise<void> {
    await this.#running().advance(parseDuration(duration, 'time to advance'))
  }

  /** Processing time reaches `wallMs`; nothing happens when it has already. */
  async advanceTo(wallMs: number): Promise<void> {
    await this.#running().advance(Math.max(0, wallMs - this.nowMs))
  }

  /** Lets promises of asynchronous functions that have settled come in. */
  async settle(): Promise<void> {
    await this.#running().settle()
  }

  /** What the operators counted since the start or the last restore, by `uid/name`, e.g. `totals/lateRecords`. */
  counters(): Readonly<Record<string, number>> {
    return this.#running().counters()
  }

  /** A cut of the job as it is now, through the bytes of a real checkpoint. The job goes on. */
  async snapshot(): Promise<HarnessSnapshot> {
    const graph = present(this.#graph, 'the graph of a running job')
    const checkpoint = checkpointId(++this.#checkpoint)
    const snapshots = await this.#running().cut(checkpoint)
    const facts = {
      ...graph,
      epoch: leaderEpoch(1),
      attempt: attemptNumber(this.#attempt),
      parameters: {},
    }
    const nowMs = this.#env.clock.monotonicMs()
    const contents = { enumerators: [], snapshots, triggeredAtMs: nowMs }
    const manifest = assembleManifest(checkpoint, facts, contents, {
      triggeredWallMs: this.nowMs,
      completedWallMs: this.nowMs,
    })
    const inputs = this.#inputs.map(({ name, currentWatermark, hasEnded }) => ({
      name,
      watermark: currentWatermark,
      hasEnded,
    }))
    return { manifest, inputs }
  }

  /**
   * The job fails and comes back from a snapshot, with another parallelism if one is given. Inputs are where they were then; the clock goes on, and
   * outputs keep what they have.
   */
  async restore(snapshot: HarnessSnapshot, { parallelism }: { readonly parallelism?: number } = {}): Promise<void> {
    await this.#tasks?.stop()
    for (const { name, watermark, hasEnded } of snapshot.inputs)
      found(this.#inputs, name, 'source').reset(watermark, hasEnded ? 'ended' : 'open')
    await this.#startTasks(parallelism ?? this.#parallelism, snapshot.manifest)
  }

  /** Goes on with another parallelism, through a snapshot. */
  async rescale(parallelism: number): Promise<void> {
    await this.restore(await this.snapshot(), { parallelism })
  }

  /**
   * Ends the tasks. Idempotent.
   *
   * @throws a failure of the job that no call before has thrown, e.g. of a promise that was rejected behind the last one
   */
  async close(): Promise<void> {
    await this.#tasks?.close()
  }

  async #startTasks(parallelism: number, manifest: CheckpointManifest | undefined): Promise<void> {
    const { graph } = planJob(this.#logical, { parallelism, maxParallelism: MAX_PARALLELISM })
    this.#parallelism = parallelism
    this.#graph = graph
    this.#tasks = await HarnessTasks.start({
      env: this.#env,
      graph,
      storage: this.#store,
      attempt: this.#attempt++,
      settings: this.#settings,
      ...(manifest === undefined ? {} : { restores: assignRestore(manifest, graph) }),
    })
  }

  #running(): HarnessTasks {
    return present(this.#tasks, 'the tasks of a started job')
  }

  #replaced(node: LogicalNode): LogicalNode {
    if (node.kind === 'source') return found(this.#inputs, nameOf(node), 'source').inPlaceOf(node)
    if (node.kind === 'sink') return { ...node, sink: found(this.#outputs, nameOf(node), 'sink').sink() }
    return node
  }
}

/**
 * Runs a whole job with every source and sink replaced, so that a test decides what comes in, when, and what time it is. Sources give no
 * watermarks of their own: the test does.
 *
 * @throws what building the job throws; SIM1001 when two sources or sinks go by one name
 * @example
 * const harness = await jobHarness(job, { params: { input: 'unused' } })
 * await harness.input('payments').push({ card: 'a', amount: 1 }, 1000)
 * await harness.watermark(60_000)
 * expect(harness.output('alerts').values).toEqual([])
 */
export async function jobHarness(job: JobDefinition, options: HarnessOptions = {}): Promise<JobHarness> {
  return await JobHarness.start(job.build(options.params ?? {}), options)
}

type Streams<Inputs extends readonly unknown[]> = { readonly [Index in keyof Inputs]: DataStream<Inputs[Index]> }
type InputsOf<Inputs extends readonly unknown[]> = { readonly [Index in keyof Inputs]: HarnessInput<Inputs[Index]> }

/** Part of a job under test: what a function makes of one stream or several. */
export interface StreamHarness<Inputs extends readonly unknown[], Out> extends HarnessOutput<Out> {
  readonly job: JobHarness
  readonly inputs: InputsOf<Inputs>
  /** A record of the first input; see `HarnessInput.push`. */
  push(value: Inputs[0], timestampMs?: number): Promise<void>
  /** Event time of all inputs reaches `timestampMs`. */
  watermark(timestampMs: number): Promise<void>
  /** All inputs end: the last watermark comes, then everything that is still held leaves. */
  end(): Promise<void>
  /** Processing time goes on by a duration such as `'10s'`: timers fire, each at its moment. */
  advance(duration: string): Promise<void>
  /** Processing time reaches `wallMs`; nothing happens when it has already. */
  advanceTo(wallMs: number): Promise<void>
  /** A cut as things are now, through the bytes of a real checkpoint. Everything goes on. */
  snapshot(): Promise<HarnessSnapshot>
  /** A failure: everything comes back from a snapshot, with another parallelism if one is given. */
  restore(snapshot: HarnessSnapshot, change?: { readonly parallelism?: number }): Promise<void>
  /** Goes on with another parallelism, through a snapshot. */
  rescale(parallelism: number): Promise<void>
  /** What the operators counted since the start or the last restore, by `uid/name`. */
  counters(): Readonly<Record<string, number>>
  /** Another output, where the function gives several streams by name. */
  output<T = unknown>(name: string): HarnessOutput<T>
  /** Ends the tasks. Idempotent. */
  close(): Promise<void>
}

/** The stream under test, or several by name; the one named `main`, else the first, is the main output. */
type Built<Out> = DataStream<Out> | ({ readonly main: DataStream<Out> } & Readonly<Record<string, DataStream<unknown>>>)

/**
 * Runs what a function makes of its streams.
 *
 * @param build gets one stream per parameter; returns the stream to look at, or several: `{ main, late: main.getSideOutput(tag) }`
 * @throws what building throws, e.g. GRA1001 for a stateful operator without uid
 * @example
 * const harness = await streamHarness((words: DataStream<string>) => words.map((word) => word.length))
 * await harness.push('stream')
 * expect(harness.values).toEqual([6])
 */
export async function streamHarness<Inputs extends readonly unknown[], Out>(
  build: (...streams: Streams<Inputs>) => Built<Out>,
  options: HarnessOptions = {},
): Promise<StreamHarness<Inputs, Out>> {
  const job = await JobHarness.start(logicalOf(build).build({}), options)
  const inputs = Array.from({ length: build.length }, (_, index) => job.input(inputName(index)))
  const main = job.output<Out>('main')
  return {
    job,
    inputs: perParameter<InputsOf<Inputs>>(inputs),
    get records(): readonly OutputRecord<Out>[] {
      return main.records
    },
    get values(): readonly Out[] {
      return main.values
    },
    take: () => main.take(),
    push: (value, timestampMs) => present(inputs[0], 'the first input').push(value, timestampMs),
    watermark: (timestampMs) => job.watermark(timestampMs),
    end: () => job.end(),
    advance: (duration) => job.advance(duration),
    advanceTo: (wallMs) => job.advanceTo(wallMs),
    snapshot: () => job.snapshot(),
    restore: (snapshot, change) => job.restore(snapshot, change),
    rescale: (parallelism) => job.rescale(parallelism),
    counters: () => job.counters(),
    output: (name) => job.output(name),
    close: () => job.close(),
  }
}

function logicalOf<Inputs extends readonly unknown[], Out>(
  build: (...streams: Streams<Inputs>) => Built<Out>,
): JobDefinition {
  assert(build.length > 0, 'the function under test takes at least one stream')
  return defineJob('test', (env) => {
    const streams = Array.from({ length: build.length }, (_, index) =>
      env.fromSource(collectionSource<unknown>([]), undefined, { uid: inputName(index) }),
    )
    const built = build(...perParameter<Streams<Inputs>>(streams))
    const byName = built instanceof DataStream ? { main: built } : built
    for (const [name, stream] of Object.entries(byName)) stream.sinkTo(functionSink(() => {})).uid(name)
  })
}

/** One for each parameter of the function under test. */
function perParameter<T extends readonly unknown[]>(made: readonly unknown[]): T {
  return made as T // made by the length of the function
}

/** An input has one subtask whatever its source has, so that a `forward()` behind it cannot keep the subtask. */
function behindInputs(node: LogicalNode, isInput: ReadonlySet<NodeId>): LogicalNode {
  if (node.kind === 'source') return node
  const inputs = node.inputs.map((edge): LogicalEdge => {
    const isForward = edge.partitioning.kind === 'forward' && isInput.has(edge.from)
    return isForward ? { ...edge, partitioning: { kind: 'forward' } } : edge
  })
  return { ...node, inputs }
}

function inputName(index: number): string {
  return `input-${index}`
}

function nameOf(node: LogicalNode): string {
  return node.uid ?? node.name
}

function isSource(node: LogicalNode): boolean {
  return node.kind === 'source'
}

function isSink(node: LogicalNode): boolean {
  return node.kind === 'sink'
}

function found<T extends { readonly name: string }>(all: readonly T[], name: string, what: string): T {
  const matching = all.filter((one) => one.name === name)
  const [only, ...others] = matching
  if (only !== undefined && others.length === 0) return only
  const names = all.map((one) => `"${one.name}"`).join(', ') || 'none'
  const problem =
    only === undefined ? `the job under test has no ${what} "${name}"` : `several ${what}s go by "${name}"`
  throw new EngineError(
    'SIM1001',
    `${problem}; it has ${names}. The test cannot go on. A ${what} goes by its uid, without one by its name: give it one.`,
  )
}
