import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Advance, Turn } from '../state/turn.ts'
import { assert } from '../base/assert.ts'
import type { Operator, OperatorContext, RecordReceiver } from './operator.ts'

/** An operator that passes time through and keeps nothing; real operators override what they need. */
export abstract class BaseOperator implements Operator {
  abstract open(context: OperatorContext): void
  abstract onRecord(value: unknown, timestamp: number): void

  inputPort(port: number): RecordReceiver {
    assert(port === 0, 'an operator with one input was asked for another', { port })
    return this
  }

  onWatermark(_watermark: number, _turn: Turn): Advance {
    return 'done'
  }

  onProcessingTime(_nowMs: number, _turn: Turn): Advance {
    return 'done'
  }

  outputWatermark(watermark: number): number {
    return watermark
  }

  onEnd(): void {}

  isBlocked(): boolean {
    return false
  }

  isDrained(): boolean {
    return true
  }

  snapshot(_checkpoint: number): OperatorStateItems | undefined | Promise<OperatorStateItems | undefined> {
    return undefined
  }

  onCheckpointComplete(_checkpoint: number): Promise<void> | undefined {
    return undefined
  }

  onCheckpointAborted(_checkpoint: number): void {}

  finish(): Promise<void> | undefined {
    return undefined
  }

  close(): Promise<void> | undefined {
    return undefined
  }
}
