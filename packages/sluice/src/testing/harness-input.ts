/**
 * An input of a job under test: what a test pushes instead of what a source reads.
 *
 * H1 A record, a watermark or the end is with the job when the call that pushed it resolves.
 * H2 Nothing is kept across a restore: what was pushed behind a snapshot is pushed again by the test, or not.
 */
import { EngineError } from '../base/errors.ts'
import type { PollResult, ReaderContext, ReaderOutput, Source, SourceReader, SourceSplit } from '../connector/source.ts'
import type { SourceNode } from '../graph/logical-graph.ts'
import { MIN_WATERMARK, NO_TIMESTAMP } from '../stream/element.ts'
import { WatermarkStrategy } from '../time/watermark-strategy.ts'

/** The one split of an input. */
const SPLIT = 'input'

interface PushedRecord {
  readonly value: unknown
  readonly timestamp: number
}

/** What a test does with one input. */
export interface HarnessInput<T> {
  /**
   * One record.
   *
   * @param timestampMs event time in milliseconds; default none. Where the job's source has `withTimestamp`, that decides.
   */
  push(value: T, timestampMs?: number): Promise<void>
  /** Event time of this input reaches `timestampMs`. It never goes back. */
  watermark(timestampMs: number): Promise<void>
  /** No record will come any more. */
  end(): Promise<void>
}

export class TestInput implements HarnessInput<unknown> {
  readonly name: string
  readonly #settle: () => Promise<void>
  readonly #queue: PushedRecord[] = []
  #watermark = MIN_WATERMARK
  #end: 'open' | 'ended' = 'open'
  #wake: () => void = () => {}

  constructor(name: string, settle: () => Promise<void>) {
    this.name = name
    this.#settle = settle
  }

  async push(value: unknown, timestampMs = NO_TIMESTAMP): Promise<void> {
    if (this.#end === 'ended') throw this.#isOver()
    this.#queue.push({ value, timestamp: timestampMs })
    this.#wake()
    await this.#settle()
  }

  async watermark(timestampMs: number): Promise<void> {
    this.#watermark = Math.max(this.#watermark, timestampMs)
    this.#wake()
    await this.#settle()
  }

  async end(): Promise<void> {
    this.#end = 'ended'
    this.#wake()
    await this.#settle()
  }

  get currentWatermark(): number {
    return this.#watermark
  }

  get hasEnded(): boolean {
    return this.#end === 'ended'
  }

  /** The input as it was: for a job that is restored. */
  reset(watermark: number, end: 'open' | 'ended'): void {
    this.#queue.length = 0
    this.#watermark = watermark
    this.#end = end
  }

  /** The source node of the job with this input in its place. Timestamps stay the job's own. */
  inPlaceOf(node: SourceNode): SourceNode {
    const { rateLimit: _rateLimit, ...rest } = node
    const manual = WatermarkStrategy.forGenerator(() => ({ onEvent() {}, current: () => this.#watermark }))
    const { timestampOf } = node.watermarks
    const watermarks = (timestampOf === undefined ? manual : manual.withTimestamp(timestampOf)).withIdleness('off')
    return { ...rest, source: this.#source(), watermarks, parallelism: 1 }
  }

  #source(): Source<unknown> {
    return Object.freeze<Source<unknown>>({
      kind: 'test',
      identity: this.name,
      boundedness: 'continuous',
      createEnumerator: () => ({
        start: async () => {},
        onSplitRequest() {},
        addSplitsBack() {},
        snapshot: () => null,
        close: async () => {},
      }),
      createReader: (context) => this.#reader(context),
    })
  }

  #reader(context: ReaderContext): SourceReader<unknown, SourceSplit> {
    this.#wake = () => context.wake()
    return {
      start() {},
      addSplits() {},
      noMoreSplits() {},
      poll: (output, recordsMax) => this.#poll(output, recordsMax),
      snapshot: () => [],
      position: () => `input "${this.name}"`,
      close: async () => {},
    }
  }

  #poll(output: ReaderOutput<unknown>, recordsMax: number): PollResult {
    const split = output.split(SPLIT)
    for (let left = recordsMax; left > 0 && !output.isFull(); left--) {
      const next = this.#queue.shift()
      if (next === undefined) return this.#end === 'ended' ? 'end' : 'nothing'
      split.emit(next.value, next.timestamp)
    }
    return 'more'
  }

  #isOver(): EngineError {
    return new EngineError(
      'SIM1001',
      `a record was pushed to input "${this.name}" behind its end. It was not processed. Push before end(), or restore a snapshot from before it.`,
    )
  }
}
