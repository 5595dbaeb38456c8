/** The head of a source task: the driver's polls, watermarks by interval, the end of the input. */
import { asEngineError } from '../base/errors.ts'
import type { OperatorUid } from '../base/ids.ts'
import type { SourceEvent } from '../connector/source.ts'
import type { SourceNode } from '../graph/logical-graph.ts'
import { valueToBytes } from '../serde/value-codec.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import { MAX_WATERMARK } from '../stream/element.ts'
import { NO_UPDATE } from '../time/watermark-update.ts'
import type { TaskCounters } from './counters.ts'
import type { OperatorChain } from './operator-chain.ts'
import { SourceAlignment } from './source-alignment.ts'
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
  readonly #alignment: SourceAlignment | undefined
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
      errors: chain.sourceErrors,
      reader: {
        disk: task.env.disk,
        env: task.env,
        subtask: task.subtask,
        parallelism: task.vertex.parallelism,
        delivery: task.settings.delivery,
        wake: () => task.wake(),
        requestSplit: () => task.reports.requestSplit(uid),
        sendSourceEvent: (event) => task.reports.sourceEvent(uid, valueToBytes(event)),
        fail: (error) => options.fail(error),
        count: (metric, amount) => counters.counter(uid, metric).add(amount),
      },
    })
    this.#alignment = alignmentOf(options)
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

  onEvent(event: SourceEvent): void {
    this.#guarded(() => this.#driver.handleEvent(event))
  }

  onAlign(watermarkMax: number): void {
    this.#alignment?.onLimit(watermarkMax)
    this.#align(this.#options.task.env.clock.monotonicMs())
  }

  onCheckpointComplete(checkpoint: number): Promise<void> | undefined {
    return this.#driver.onCheckpointComplete(checkpoint)
  }

  step(): HeadResult {
    const { poll, resumeAtMs } = this.#isPaused() ? PAUSED : this.#guarded(() => this.#driver.poll())
    this.#resumeAtMs = resumeAtMs ?? Number.POSITIVE_INFINITY
    const hasAdvanced = this.#emitWatermark()
    if (poll !== 'end') return poll === 'more' || hasAdvanced ? 'progress' : 'idle'
    if (this.#options.chain.isAdvancing) return 'progress'
    this.#options.chain.advance(MAX_WATERMARK, this.#options.turn)
    this.#alignment?.onEnd()
    return 'ended'
  }

  onBlocked(): void {
    this.#driver.onBlocked()
  }

  nextStepMs(): number {
    // an interval of 0 has no moment of its own: event time is looked at whenever something else happens
    const isPeriodic = this.#options.task.settings.watermarkIntervalMs > 0
    const resumeMs = Math.min(this.#resumeAtMs, this.#alignment?.nextReportMs ?? Number.POSITIVE_INFINITY)
    return isPeriodic ? Math.min(this.#nextWatermarkMs, resumeMs) : resumeMs
  }

  snapshot(checkpoint: number): OperatorStateItems {
    return this.#driver.snapshot(checkpoint)
  }

  recordPosition(): string | undefined {
    return this.#driver.position()
  }

  close(): Promise<void> {
    return this.#driver.close()
  }

  /** Operators and edges say who they are; what has no operator yet is the source's. */
  #guarded<R>(call: () => R): R {
    try {
      return call()
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

  #isPaused(): boolean {
    return this.#alignment?.isPaused === true
  }

  #align(nowMs: number): void {
    if (this.#alignment === undefined) return
    this.#alignment.look(this.#driver, nowMs)
    this.#driver.alignSplits(this.#alignment.watermarkMax)
  }

  #emitWatermark(): boolean {
    const { task } = this.#options
    const nowMs = task.env.clock.monotonicMs()
    if (!this.#isWatermarkDue(nowMs)) return false
    if (this.#isPaused()) this.#driver.onBlocked() // silence is not the splits' doing
    this.#nextWatermarkMs = nowMs + task.settings.watermarkIntervalMs
    this.#nextWatermarkRecords = this.#driver.recordsIn + WATERMARK_RECORDS_MAX
    const update = this.#guarded(() => this.#driver.watermark(nowMs))
    applyUpdate(update, this.#options)
    this.#align(nowMs)
    return update !== NO_UPDATE
  }

  #isWatermarkDue(nowMs: number): boolean {
    if (nowMs >= this.#nextWatermarkMs || this.#driver.recordsIn >= this.#nextWatermarkRecords) return true
    return this.#alignment !== undefined && nowMs >= this.#alignment.nextReportMs
  }
}

const PAUSED: SourceProgress = { poll: 'nothing', resumeAtMs: undefined }

function alignmentOf({ node, uid, task, counters }: SourceHeadOptions): SourceAlignment | undefined {
  const settings = node.watermarks.alignment
  if (settings === undefined) return undefined
  return new SourceAlignment({
    settings,
    report: (progress) => task.reports.sourceWatermark(uid, progress),
    pausedMs: counters.counter(uid, 'alignmentPausedMs'),
  })
}
