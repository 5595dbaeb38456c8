import type { WatermarkUpdate } from '../time/watermark-update.ts'
import type { OperatorChain } from './operator-chain.ts'
import type { StepTurn } from './step-turn.ts'
import type { TaskEnvironment } from './task-environment.ts'

export interface EventTimeTarget {
  readonly chain: OperatorChain
  readonly turn: StepTurn
  readonly task: TaskEnvironment
}

/** Brings a change of event time into the chain, and idleness past it: activity before the watermark, idleness behind it. */
export function applyUpdate({ watermark, idle }: WatermarkUpdate, { chain, turn, task }: EventTimeTarget): void {
  if (idle === false && chain.onActive()) broadcastIdleness(task, 'active')
  if (watermark !== undefined) chain.advance(watermark, turn)
  // What was cut or is held goes on later: idleness in front of it would make consumers ignore it and go ahead of the records it still brings.
  if (idle === true) chain.onIdle(() => broadcastIdleness(task, 'idle'))
}

function broadcastIdleness(task: TaskEnvironment, status: 'active' | 'idle'): void {
  for (const output of task.outputs) output.broadcast({ kind: 'idleness', idle: status === 'idle' })
}
