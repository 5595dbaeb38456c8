/** One slot on a manual clock, driven message by message as a JobManager would. */
import { attemptNumber, checkpointId, leaderEpoch, slotIndex, subtaskIndex } from '../src/base/ids.ts'
import type { StreamExecutionEnvironment } from '../src/api/stream-execution-environment.ts'
import { defineJob } from '../src/api/define-job.ts'
import { MemoryStore } from '../src/checkpoint/stores/memory-store.ts'
import type { TaskSnapshot } from '../src/checkpoint/handles.ts'
import type {
  PollResult,
  ReaderContext,
  ReaderOutput,
  Source,
  SourceReader,
  SourceSplit,
} from '../src/connector/source.ts'
import type { FromSlot } from '../src/control/messages.ts'
import { planJob } from '../src/graph/planner.ts'
import { valueToBytes } from '../src/serde/value-codec.ts'
import type { SlotSettings } from '../src/taskmanager/slot-environment.ts'
import { SlotRunner } from '../src/taskmanager/slot-runner.ts'
import { createManualEnv } from '../src/testing/manual-env.ts'

interface FeedSplit extends SourceSplit {
  readonly next: number
}

/** A source that gives what the test put in, in order. */
export class Feed<T> {
  readonly items: { readonly value: T; readonly timestamp: number }[] = []
  isEnded = false
  wake: () => void = () => {}

  push(value: T, timestamp: number): void {
    this.items.push({ value, timestamp })
    this.wake()
  }

  end(): void {
    this.isEnded = true
    this.wake()
  }

  source(): Source<T, FeedSplit, null> {
    return {
      kind: 'feed',
      identity: null,
      boundedness: 'bounded',
      createEnumerator: () => ({
        start: async () => {},
        onSplitRequest: () => {},
        addSplitsBack: () => {},
        snapshot: () => null,
        close: async () => {},
      }),
      createReader: (context) => new FeedReader(this, context),
    }
  }
}

class FeedReader<T> implements SourceReader<T, FeedSplit> {
  readonly #feed: Feed<T>
  #next = 0
  #hasSplit = false

  constructor(feed: Feed<T>, context: ReaderContext) {
    this.#feed = feed
    feed.wake = () => context.wake()
  }

  start(): void {}

  addSplits([split]: readonly FeedSplit[]): void {
    this.#next = split?.next ?? 0
    this.#hasSplit = true
  }

  noMoreSplits(): void {}

  poll(output: ReaderOutput<T>, recordsMax: number): PollResult {
    if (!this.#hasSplit) return 'nothing'
    const to = output.split('feed')
    const end = this.#next + recordsMax
    for (
      let item = this.#feed.items[this.#next];
      item !== undefined && this.#next < end && !output.isFull();
      item = this.#feed.items[this.#next]
    ) {
      this.#next++
      to.emit(item.value, item.timestamp)
    }
    if (this.#next < this.#feed.items.length) return 'more'
    return this.#feed.isEnded ? 'end' : 'nothing'
  }

  snapshot(): readonly FeedSplit[] {
    return [{ id: 'feed', next: this.#next }]
  }

  position(): string | undefined {
    return `feed record ${this.#next - 1}`
  }

  async close(): Promise<void> {}
}

const SETTINGS: SlotSettings = {
  bufferTimeoutMs: 100,
  watermarkIntervalMs: 200,
  delivery: 'exactly-once',
  reportIntervalMs: 500,
  channelCredits: 8,
  batchRecordsMax: 512,
}

export interface SlotBenchOptions {
  readonly settings?: Partial<SlotSettings>
  readonly store?: MemoryStore
  readonly restore?: readonly TaskSnapshot[]
  /** Default 1. */
  readonly restoredCheckpoint?: number
}

export function slotBench(build: (env: StreamExecutionEnvironment) => void, options: SlotBenchOptions = {}) {
  const env = createManualEnv()
  const store = options.store ?? new MemoryStore()
  const { graph } = planJob(defineJob('bench', build).build({}), { parallelism: 1, maxParallelism: 128 })
  const sent: FromSlot[] = []
  const runner = new SlotRunner({
    env,
    graph,
    settings: { ...SETTINGS, ...options.settings },
    storage: store,
    progress: { enter: () => {}, leave: () => {} },
    limits: { turnMs: 1000, stepsMax: 100 },
    send: (message) => void sent.push(message),
  })
  const attempt = attemptNumber(0)
  const bench = {
    env,
    store,
    graph,
    runner,
    sent,
    kinds: () => sent.map(({ kind }) => kind).filter((kind) => kind !== 'report'),
    async deploy(): Promise<void> {
      const zero = subtaskIndex(0)
      const tasks = graph.vertices.map(({ id }) => {
        const snapshot = options.restore?.find(({ vertex }) => vertex === id)
        const operators = (snapshot?.operators ?? []).map(({ keyed, ...rest }) => ({
          ...rest,
          keyed: keyed === undefined ? [] : [keyed],
        }))
        return {
          vertex: id,
          subtask: zero,
          ...(snapshot === undefined
            ? {}
            : { restore: { checkpoint: checkpointId(options.restoredCheckpoint ?? 1), operators } }),
        }
      })
      const placement = Object.fromEntries(graph.vertices.map(({ id }) => [id, [slotIndex(0)]]))
      runner.onMessage({
        kind: 'deploy',
        deployment: {
          epoch: leaderEpoch(1),
          attempt,
          slot: slotIndex(0),
          slotCount: 1,
          layoutHash: graph.layoutHash,
          tasks,
          placement,
        },
      })
      await env.settle()
      runner.onMessage({ kind: 'start', attempt })
      await env.settle()
    },
    async assign(next = 0): Promise<void> {
      const [vertex] = graph.vertices
      const source = vertex?.operators[0]?.uid
      if (source === undefined) throw new TypeError('the graph has no source')
      runner.onMessage({
        kind: 'assign-splits',
        attempt,
        source,
        subtask: subtaskIndex(0),
        splits: valueToBytes([{ id: 'feed', next }]),
        noMore: true,
      })
      await env.settle()
    },
    async send(kind: 'trigger' | 'complete' | 'aborted', id: number): Promise<void> {
      const checkpoint = checkpointId(id)
      runner.onMessage(
        kind === 'trigger' ? { kind, attempt, checkpoint, mode: 'exactly-once' } : { kind, attempt, checkpoint },
      )
      await env.settle()
    },
    async sendPlain(kind: 'finish' | 'cancel'): Promise<void> {
      runner.onMessage({ kind, attempt })
      await env.settle()
    },
    snapshots: (id: number): TaskSnapshot[] =>
      sent.flatMap((message) => (message.kind === 'ack' && message.checkpoint === id ? [message.snapshot] : [])),
  }
  return bench
}
