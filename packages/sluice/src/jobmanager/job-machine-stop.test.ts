import { describe, test } from 'vitest'
import { TO_RUNNING, expectAfter } from '../../test/job-transcript.ts'

describe('stopping', () => {
  test('takes a checkpoint, waits for its commits, then cancels', () => {
    expectAfter(
      TO_RUNNING,
      `
      > stop
          trigger-checkpoint stop
          = stopping, attempt 0
      > drained v/0
      > committed v/0 5
      > checkpoint-published 5
          timer commits 600000
      > committed v/1 5
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 0 1
          timer cancellation 30000
          = closing, attempt 0
      > slot-stopped 1
      > slot-stopped 0
          cancel-timers
          suspend-checkpoints
          close-sources
          release-slots
          end stopped
          = stopped, attempt 0
    `,
    )
  })

  test('without its checkpoint says so and stops all the same', () => {
    for (const event of ['checkpoint-failed', 'failure TSK1001', 'timer commits']) {
      expectAfter(
        [...TO_RUNNING, '> stop'],
        `
        > ${event}
            report stop-checkpoint-failed
            cancel-timers
            suspend-checkpoints
            close-sources
            cancel-tasks 0 1
            timer cancellation 30000
            = closing, attempt 0
      `,
      )
    }
  })

  test('while draining uses the final checkpoint that is under way', () => {
    expectAfter(
      [...TO_RUNNING, '> drained v/0', '> drained v/1'],
      `
      > stop
          = stopping, attempt 0
      > checkpoint-failed
          report stop-checkpoint-failed
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 0 1
          timer cancellation 30000
          = closing, attempt 0
    `,
    )
  })

  test('while draining between two tries triggers a checkpoint of its own', () => {
    expectAfter(
      [...TO_RUNNING, '> drained v/0', '> drained v/1', '> checkpoint-failed'],
      `
      > stop
          cancel-timers
          trigger-checkpoint stop
          = stopping, attempt 0
    `,
    )
  })

  test('without checkpoints cancels at once', () => {
    expectAfter(
      TO_RUNNING,
      `
      > stop
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 0 1
          timer cancellation 30000
          = closing, attempt 0
    `,
      { checkpointing: 'off' },
    )
  })

  test('ends at once where nothing is alive', () => {
    for (const way of [[], ['> start'], ['> start', '> acquired']]) {
      expectAfter(
        way,
        `
        > stop
            cancel-timers
            suspend-checkpoints
            close-sources
            release-slots
            end stopped
            = stopped, attempt 0
      `,
      )
    }
  })

  test('during a restart ends the tasks that are left and does not restart', () => {
    expectAfter(
      [...TO_RUNNING, '> failure TSK1001', '> slot-stopped 0'],
      `
      > stop
          = closing, attempt 0
      > timer backoff
      > slot-stopped 1
          cancel-timers
          suspend-checkpoints
          close-sources
          release-slots
          end stopped
          = stopped, attempt 0
    `,
    )
  })

  test('while finishing is remembered: a failure then stops instead of restarting', () => {
    const finishing = [
      ...TO_RUNNING,
      '> drained v/0',
      '> drained v/1',
      '> checkpoint-published 1',
      '> committed v/0 1',
      '> committed v/1 1',
    ]
    expectAfter(
      finishing,
      `
      > stop
      > slot-lost 0
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 1
          timer cancellation 30000
          = closing, attempt 0
    `,
    )
  })

  test('a cancel ends the wait for the checkpoint of a stop', () => {
    expectAfter(
      [...TO_RUNNING, '> stop'],
      `
      > cancel
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 0 1
          timer cancellation 30000
          = closing, attempt 0
      > slot-stopped 0
      > slot-stopped 1
          cancel-timers
          suspend-checkpoints
          close-sources
          release-slots
          end canceled
          = canceled, attempt 0
    `,
    )
  })
})
