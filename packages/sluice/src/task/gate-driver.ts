/**
 * The head of a task with inputs: batches to the chain, watermarks through the combiner, barriers through the aligner.
 *
 * Owns: the cursor in the batch at hand. A blocked output stops a batch between two records; it goes on in a later step.
 */
import { present } from '../base/assert.ts'
import { EngineError, errorToData, type ErrorData } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import { valueText } from '../base/value-text.ts'
import { BarrierAligner, type AlignerEffect } from '../checkpoint/barrier-aligner.ts'
import type { InputGate } from '../exchange/input-gate.ts'
import type { RecordReceiver } from '../operators/operator.ts'
import { MAX_WATERMARK, NO_TIMESTAMP, type ControlElement, type RecordBatch } from '../stream/element.ts'
import { WatermarkCombiner } from '../time/watermark-combiner.ts'
import type { WatermarkUpdate } from '../time/watermark-update.ts'
import type { OperatorChain } from './operator-chain.ts'
import { applyUpdate } from './event-time-update.ts'
import type { StepTurn } from './step-turn.ts'
import type { HeadResult, TaskHead } from './task-step.ts'
import type { TaskEnvironment } from './task-environment.ts'

export interface GateDriverOptions {
  readonly gate: InputGate
  readonly chain: OperatorChain
  readonly turn: StepTurn
  readonly task: TaskEnvironment
  /** The barriers of this checkpoint have all arrived. */
  snapshot(checkpoint: CheckpointId, alignmentMs: number): void
}

export class GateDriver implements TaskHead {
  readonly #options: GateDriverOptions
  /** By channel. */
  readonly #receivers: readonly RecordReceiver[]
  readonly #aligner: BarrierAligner
  readonly #combiner: WatermarkCombiner
  #batch: RecordBatch | undefined
  /** Of the batch at hand. */
  #receiver: RecordReceiver | undefined
  #cursor = 0
  #endedChannels = 0
  #alignmentStartMs = 0
  #alignmentMs = 0
  recordsIn = 0

  constructor(options: GateDriverOptions) {
    this.#options = options
    const ports = options.task.gatePorts
    const byPort = [...new Set(ports)].map((port) => [port, options.chain.inputPort(port)] as const)
    const receivers = new Map(byPort)
    this.#receivers = ports.map((port) => present(receivers.get(port), 'the receiver of a port'))
    this.#aligner = new BarrierAligner(options.gate.channelCount)
    this.#combiner = new WatermarkCombiner(options.gate.channelCount)
  }

  step(): HeadResult {
    if (this.#batch !== undefined) return this.#process(this.#batch)
    const element = this.#options.gate.poll()
    if (element === undefined) return 'idle'
    if (element.kind === 'records') {
      this.#batch = element
      this.#receiver = this.#receivers[this.#options.gate.channel]
      this.#cursor = 0
      return this.#process(element)
    }
    return this.#onControl(element)
  }

  nextStepMs(): number {
    return Number.POSITIVE_INFINITY
  }

  recordPosition(): string | undefined {
    if (this.#batch === undefined) return undefined
    const timestamp = this.#batch.timestamps[this.#cursor]
    const moment =
      timestamp === undefined || timestamp === NO_TIMESTAMP ? 'without timestamp' : `with timestamp ${timestamp}`
    return `${valueText(this.#batch.values[this.#cursor])} ${moment}`
  }

  onAborted(checkpoint: CheckpointId): void {
    this.#apply(this.#aligner.apply({ kind: 'aborted', checkpoint }))
  }

  async close(): Promise<void> {
    this.#batch = undefined
  }

  #process(batch: RecordBatch): HeadResult {
    const { values, timestamps } = batch
    const { pressure } = this.#options.task
    const receiver = present(this.#receiver, 'the receiver of a batch')
    const count = values.length
    const first = this.#cursor
    let index = first
    try {
      for (; index < count; index++) {
        receiver.onRecord(values[index], timestamps[index] as number) // same length as values
        if (pressure.blocked !== 0) {
          index++
          break
        }
      }
    } finally {
      this.#cursor = index
      this.recordsIn += index - first
    }
    if (index === count) this.#batch = undefined
    return 'progress'
  }

  #onControl(element: ControlElement): HeadResult {
    const { channel } = this.#options.gate
    switch (element.kind) {
      case 'watermark':
        return this.#update(this.#combiner.onWatermark(channel, element.timestamp))
      case 'idleness':
        return this.#update(element.idle ? this.#combiner.onIdle(channel) : this.#combiner.onActive(channel))
      case 'barrier':
        this.#apply(
          this.#aligner.apply({ kind: 'barrier', channel, checkpoint: element.checkpoint, mode: element.mode }),
        )
        return 'progress'
      case 'cancel-barrier':
        this.#apply(this.#aligner.apply({ kind: 'cancel', channel, checkpoint: element.checkpoint }))
        return 'progress'
      case 'end':
        return this.#onEnd(channel)
    }
  }

  #onEnd(channel: number): HeadResult {
    this.#endedChannels++
    this.#update(this.#combiner.onEnd(channel))
    if (this.#endedChannels < this.#options.gate.channelCount) return 'progress'
    const { chain, turn } = this.#options
    if (!chain.isAdvancing && chain.watermark < MAX_WATERMARK) chain.advance(MAX_WATERMARK, turn)
    return 'ended'
  }

  #update(update: WatermarkUpdate): HeadResult {
    applyUpdate(update, this.#options)
    return 'progress'
  }

  #apply(effects: readonly AlignerEffect[]): void {
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: AlignerEffect): void {
    const { gate, task } = this.#options
    switch (effect.kind) {
      case 'alignment-started':
        this.#alignmentStartMs = task.env.clock.monotonicMs()
        return
      case 'alignment-ended':
        this.#alignmentMs = task.env.clock.monotonicMs() - this.#alignmentStartMs
        return
      case 'block':
        return gate.block(effect.channel)
      case 'unblock-all':
        return gate.unblockAll()
      case 'snapshot':
        return this.#options.snapshot(effect.checkpoint, this.#alignmentMs)
      case 'forward-cancel':
        for (const output of task.outputs) output.broadcast({ kind: 'cancel-barrier', checkpoint: effect.checkpoint })
        return
      case 'decline':
        return task.reports.decline(effect.checkpoint, declineData(effect.checkpoint, effect.reason, task))
    }
  }
}

function declineData(checkpoint: CheckpointId, reason: string, task: TaskEnvironment): ErrorData {
  const { vertex, subtask } = task
  return errorToData(
    new EngineError(
      'CKP1009',
      `checkpoint ${checkpoint} was given up by ${vertex.name} (${subtask + 1}/${vertex.parallelism}): ${reason}. The job goes on from its last completed checkpoint; the next checkpoint follows by itself`,
      {
        context: { vertex: vertex.id, subtask, checkpoint },
      },
    ),
  )
}
