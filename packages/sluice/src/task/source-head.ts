/** The head of a source task: the driver's polls, watermarks by interval, the end of the input. */
import { asEngineError } from '../base/errors.ts'
import type { OperatorUid } from '../base/ids.ts'
import type { SourceNode } from '../graph/logical-graph.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import { MAX_WATERMARK } from '../stream/element.ts'
import { NO_UPDATE } from '../time/watermark-update.ts'
import type { TaskCounters } from './counters.ts'
import type { OperatorChain } from './operator-chain.ts'
import { SourceDriver, type SourceProgress } from './source-driver.ts'
import { applyUpdate } from './event-time-update.ts'
import type { StepTurn } from './step-turn.ts'
import type { HeadResult, TaskHead } from './task-step.ts'
import type { TaskEnvironment } from './task-environment.ts'

export interface SourceHeadOptions {
  readonly node: SourceNode
  readonly uid: OperatorUid
  readonly chain: OperatorChain
  readonly counters: TaskCounters
  readonly turn: StepTurn
  readonly task: TaskEnvironment
  fail(error: unknown): void
}

/** Records between two watermarks at the most, so that a fast source does not pile up state between two intervals. */
const WATERMARK_RECORDS_MAX = 16_384

export class SourceHead implements TaskHead {
  readonly #options: SourceHeadOptions
  readonly #driver: SourceDriver
  #restored: OperatorStateItems | undefined
  #nextWatermarkMs = 0
  #nextWatermarkRecords = WATERMARK_RECORDS_MAX
  #resumeAtMs = Number.POSITIVE_INFINITY

  constructor(options: SourceHeadOptions) {
    const { node, uid, chain, counters, task } = options
    this.#options = options
    this.#driver = new SourceDriver({
      node,
      clock: task.env.clock,
      receiver: chain.head,
      sideOutput: (tag) => chain.sourceSideOutput(tag),
      pressure: task.pressure,
      reader: {
        disk: task.env.disk,
        env: task.env,
        subtask: task.subtask,
        parallelism: task.vertex.parallelism,
        wake: () => task.wake(),
        requestSplit: () => task.reports.requestSplit(uid),
        fail: (error) => options.fail(error),
        count: (metric, amount) => counters.counter(uid, metric).add(amount),
      },
    })
  }

  get recordsIn(): number {
    return this.#driver.recordsIn
  }

  /** Splits to continue with; before `start`. */
  restore(items: OperatorStateItems | undefined): void {
    this.#restored = items
  }

  start(): void {
    this.#driver.start(this.#restored)
  }

  onSplits(assignment: { readonly splits: readonly unknown[]; readonly noMore: boolean }): void {
    this.#driver.addSplits(assignment.splits)
    if (assignment.noMore) this.#driver.noMoreSplits()
  }

  step(): HeadResult {
    const { poll, resumeAtMs } = this.#poll()
    this.#resumeAtMs = resumeAtMs ?? Number.POSITIVE_INFINITY
    const hasAdvanced = this.#emitWatermark()
    if (poll !== 'end') return poll === 'more' || hasAdvanced ? 'progress' : 'idle'
    if (this.#options.chain.isAdvancing) return 'progress'
    this.#options.chain.advance(MAX_WATERMARK, this.#options.turn)
    return 'ended'
  }

  onBlocked(): void {
    this.#driver.onBlocked()
  }

  nextStepMs(): number {
    return Math.min(this.#nextWatermarkMs, this.#resumeAtMs)
  }

  snapshot(): OperatorStateItems {
    return this.#driver.snapshot()
  }

  recordPosition(): string | undefined {
    return this.#driver.position()
  }

  close(): Promise<void> {
    return this.#driver.close()
  }

  /** Operators and edges say who they are; what has no operator yet is the source's. */
  #poll(): SourceProgress {
    try {
      return this.#driver.poll()
    } catch (thrown) {
      const { uid, node } = this.#options
      throw asEngineError(
        thrown,
        'TSK1001',
        `source "${node.name}" failed. The task stops; its state stays as of the last checkpoint. The cause`,
        { operator: uid },
      )
    }
  }

  #emitWatermark(): boolean {
    const { task } = this.#options
    const nowMs = task.env.clock.monotonicMs()
    if (nowMs < this.#nextWatermarkMs && this.#driver.recordsIn < this.#nextWatermarkRecords) return false
    this.#nextWatermarkMs = nowMs + task.settings.watermarkIntervalMs
    this.#nextWatermarkRecords = this.#driver.recordsIn + WATERMARK_RECORDS_MAX
    const update = this.#driver.watermark(nowMs)
    applyUpdate(update, this.#options)
    return update !== NO_UPDATE
  }
}
