/** One attempt of the source of a job: its coordinator and its tasks, driven in any order, with checkpoints like those of a job. */
import { assert } from '../src/base/assert.ts'
import type { Random } from '../src/base/env.ts'
import { operatorUid, subtaskIndex } from '../src/base/ids.ts'
import { below } from '../src/base/random.ts'
import { redistributeOperatorState } from '../src/checkpoint/redistribute.ts'
import type { ReaderContext } from '../src/connector/source.ts'
import { lineSource, type LineSource, type LineSourceOptions } from '../src/connector/text-source.ts'
import type { ToReader } from '../src/control/messages.ts'
import { OutputPressure } from '../src/exchange/blocking.ts'
import { AlignmentDriver } from '../src/jobmanager/alignment-driver.ts'
import { SourceCoordinator } from '../src/jobmanager/source-coordinator.ts'
import { bytesToValue } from '../src/serde/value-codec.ts'
import type { OperatorStateItems } from '../src/state/operator-state.ts'
import { MIN_WATERMARK } from '../src/stream/element.ts'
import { SourceDriver } from '../src/task/source-driver.ts'
import type { ManualEnv } from '../src/testing/manual-env.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'

export const BOUND_MS = 10
/** Steps after which an attempt that has not ended is stuck. */
const STEPS_MAX = 1_000_000
/** Records after which the output of a task is full, for the rest of the step. */
const ROOM_MAX = 3

/** A line `file line timestamp`. */
export interface Entry {
  readonly file: number
  readonly line: number
  readonly timeMs: number
}

export function entrySource(folder: string, options: LineSourceOptions): LineSource<Entry> {
  return lineSource('entries', folder, options, (text) => {
    const [file = 0, line = 0, timeMs = 0] = text.split(' ').map(Number)
    return { file, line, timeMs }
  })
}

/** Of any record, as the node of a graph has it. */
const IN_TIME = WatermarkStrategy.forBoundedOutOfOrderness<unknown>(`${BOUND_MS}ms`).withTimestamp(
  (record) => (record as Entry).timeMs, // the decoder of `entrySource` made it
)

/** What coordinator and tasks have at a checkpoint. */
export interface Cut {
  readonly enumerator: Uint8Array
  /** By subtask. */
  readonly splits: readonly OperatorStateItems[]
  /** Of an operator behind all subtasks, which keeps it in its state. */
  readonly watermark: number
}

export interface SourceAttemptOptions {
  readonly source: LineSource<Entry>
  readonly env: ManualEnv
  readonly random: Random
  readonly parallelism: number
  readonly restored: Cut | undefined
  /** `watermark` is the one that the record meets if the other subtasks are far ahead. */
  readonly onRecord: (entry: Entry, watermark: number) => void
}

export class SourceAttempt {
  readonly #options: SourceAttemptOptions
  readonly #coordinator: SourceCoordinator
  readonly #subtasks: readonly Subtask[]

  constructor(options: SourceAttemptOptions) {
    this.#options = options
    const { source, env, parallelism, restored } = options
    this.#coordinator = new SourceCoordinator({
      uid: operatorUid('files'),
      node: { source, watermarks: IN_TIME },
      parallelism,
      env,
      restored: restored?.enumerator,
      handedBack: [],
      alignment: new AlignmentDriver(env.timers),
      channel: {
        send: (message) => {
          const subtask = this.#subtasks[message.subtask]
          if (message.kind === 'assign-splits') subtask?.mail.push(() => subtask.onSplits(message))
        },
        fail: (error) => {
          throw error
        },
      },
    })
    const requestSplit = (index: number): void =>
      this.#coordinator.onReaderMessage({
        kind: 'request-split',
        source: operatorUid('files'),
        subtask: subtaskIndex(index),
      })
    this.#subtasks = Array.from({ length: parallelism }, (_, index) => new Subtask(index, options, requestSplit))
  }

  /** Tasks run before their first splits are sent to them. */
  async start(): Promise<void> {
    const { restored, parallelism, random } = this.#options
    await this.#coordinator.start()
    const shares = restored === undefined ? [] : redistributeOperatorState(restored.splits, parallelism)
    for (const [index, subtask] of this.#subtasks.entries()) subtask.start(shares[index])
    await this.steps(below(random, 5))
    this.#coordinator.open()
  }

  async toEnd(): Promise<void> {
    await this.steps(STEPS_MAX)
    assert(this.#reading().length === 0, 'the source does not end')
  }

  /** At most `count` pieces of work, of any subtask. */
  async steps(count: number): Promise<void> {
    const { random, env } = this.#options
    for (let step = 0; step < count; step++) {
      const reading = this.#reading()
      const subtask = reading[below(random, reading.length)]
      if (subtask === undefined) return
      if (below(random, 3) === 0) await env.settle()
      subtask.step(below(random, 10))
    }
  }

  /** A checkpoint: a trigger for each subtask, which goes on reading before the others have seen theirs. */
  async cut(): Promise<Cut> {
    const enumerator = this.#coordinator.snapshot()
    const pieces: Piece[] = []
    for (const subtask of this.#subtasks) subtask.mail.push(() => void pieces.push(subtask.cut()))
    for (const subtask of this.#subtasks) {
      while (subtask.mail.length > 0) subtask.readMail()
      await this.steps(below(this.#options.random, 10))
    }
    // By subtask: which one came first does not matter.
    pieces.sort((a, b) => a.index - b.index)
    return {
      enumerator,
      splits: pieces.map(({ splits }) => splits),
      watermark: Math.min(...pieces.map(({ watermark }) => watermark)),
    }
  }

  #reading(): readonly Subtask[] {
    return this.#subtasks.filter(({ isEnded }) => !isEnded)
  }
}

/** The part of a subtask in a checkpoint. */
interface Piece {
  readonly index: number
  readonly splits: OperatorStateItems
  readonly watermark: number
}

class Subtask {
  /** Handled in the order in which it was sent. */
  readonly mail: (() => void)[] = []
  readonly #index: number
  readonly #options: SourceAttemptOptions
  readonly #driver: SourceDriver
  readonly #pressure = new OutputPressure(() => {})
  #watermark = MIN_WATERMARK
  #room = 0
  isEnded = false

  constructor(index: number, options: SourceAttemptOptions, requestSplit: (index: number) => void) {
    this.#index = index
    this.#options = options
    const { env, parallelism, source } = options
    const reader: ReaderContext = {
      disk: env.disk,
      env,
      subtask: index,
      parallelism,
      wake: () => {},
      requestSplit: () => requestSplit(index),
      sendSourceEvent: () => {},
      fail: (error) => {
        throw error
      },
      count: () => {},
    }
    this.#driver = new SourceDriver({
      node: { kind: 'source', id: 0, name: 'files', source, watermarks: IN_TIME },
      reader,
      clock: env.clock,
      receiver: { onRecord: (value) => this.#onRecord(value as Entry) }, // the decoder of `entrySource` made it
      sideOutput: () => ({ onRecord: () => {} }),
      pressure: this.#pressure,
    })
  }

  start(restored: OperatorStateItems | undefined): void {
    this.#driver.start(restored)
  }

  onSplits({ splits, noMore }: Extract<ToReader, { kind: 'assign-splits' }>): void {
    this.#driver.addSplits(bytesToValue(splits) as readonly unknown[]) // what `assign` got
    if (noMore) this.#driver.noMoreSplits()
  }

  readMail(): void {
    this.mail.shift()?.()
  }

  /** One piece of work: mail, a watermark or some records. */
  step(dice: number): void {
    if (dice < 2) this.readMail()
    else if (dice < 5) this.#emitWatermark()
    else this.#poll()
  }

  cut(): Piece {
    const watermark = this.isEnded ? Number.POSITIVE_INFINITY : this.#watermark
    return { index: this.#index, splits: this.#driver.snapshot(1), watermark }
  }

  #emitWatermark(): void {
    const { watermark, idle } = this.#driver.watermark(this.#options.env.clock.monotonicMs())
    assert(idle !== true, 'nothing is idle on a clock that stands still')
    this.#watermark = watermark ?? this.#watermark
  }

  #poll(): void {
    this.#room = 1 + below(this.#options.random, ROOM_MAX)
    if (this.#pressure.blocked > 0) this.#pressure.free()
    if (this.#driver.poll().poll === 'end') this.isEnded = true
  }

  #onRecord(entry: Entry): void {
    this.#options.onRecord(entry, Math.max(this.#watermark, this.#options.restored?.watermark ?? MIN_WATERMARK))
    this.#room--
    if (this.#room === 0) this.#pressure.block()
  }
}
