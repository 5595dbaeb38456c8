import { expect, test } from 'vitest'
import { redistributeOperatorState } from '../checkpoint/redistribute.ts'
import { operatorListState } from '../state/operator-descriptors.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import { operatorContext } from '../../test/operator-context.ts'
import { EventClock } from './event-clock.ts'
import { UserContext } from './function-context.ts'
import { lifecycleOf } from './function-lifecycle.ts'
import type { OperatorContext } from './operator.ts'
import { OperatorStates } from './user-operator-states.ts'

const DECLARED = { seen: operatorListState<number>('seen') }

interface Subtask {
  readonly emitted: readonly unknown[]
  give(value: number): void
  end(): void
  cut(): OperatorStateItems
}

function subtaskOf(subtask: number, parallelism: number, restored?: OperatorStateItems): Subtask {
  const emitted: unknown[] = []
  const info = { ...operatorContext().info, subtask, parallelism }
  const output: OperatorContext['output'] = { onRecord: (value) => void emitted.push(value) }
  const context = operatorContext({
    info,
    output,
    restored,
    restoredCheckpoint: restored === undefined ? undefined : 1,
  })
  const states = new OperatorStates(DECLARED, context)
  const user = new UserContext<readonly number[], typeof DECLARED>({ context, clock: new EventClock() }, states)
  const lifecycle = lifecycleOf({ onEnd: (ctx) => ctx.emit([...ctx.operatorState.seen.get()]) }, user)
  return {
    emitted,
    give: (value) => states.handles.seen.add(value),
    end: () => lifecycle.onEnd(),
    cut: () => states.snapshot(),
  }
}

function restoredAs(parallelism: number, cut: readonly OperatorStateItems[]): readonly Subtask[] {
  return redistributeOperatorState(cut, parallelism).map((items, subtask) => subtaskOf(subtask, parallelism, items))
}

/** Two subtasks that have seen 1 and 2; the first of them has ended. */
function oneEnded(): readonly Subtask[] {
  const subtasks = [subtaskOf(0, 2), subtaskOf(1, 2)]
  subtasks.forEach((subtask, at) => subtask.give(at + 1))
  subtasks[0]?.end()
  return subtasks
}

const emittedBy = (subtasks: readonly Subtask[]): readonly unknown[] => subtasks.flatMap(({ emitted }) => emitted)

test('a subtask that has ended is not told again behind a restore, and the others are', () => {
  const before = oneEnded()
  const after = restoredAs(
    2,
    before.map((subtask) => subtask.cut()),
  )
  after.forEach((subtask) => subtask.end())
  expect([emittedBy(before), emittedBy(after)]).toEqual([[[1]], [[2]]])
})

test('with another parallelism what a subtask has said at its end is not said again', () => {
  const before = oneEnded()
  const after = restoredAs(
    3,
    before.map((subtask) => subtask.cut()),
  )
  after.forEach((subtask) => subtask.end())
  expect(emittedBy(after).flat()).toEqual([2])
})

test('when all had ended, none is told again at any parallelism', () => {
  const before = oneEnded()
  before[1]?.end()
  for (const parallelism of [1, 2, 3]) {
    const after = restoredAs(
      parallelism,
      before.map((subtask) => subtask.cut()),
    )
    after.forEach((subtask) => subtask.end())
    expect(emittedBy(after)).toEqual([])
  }
})
