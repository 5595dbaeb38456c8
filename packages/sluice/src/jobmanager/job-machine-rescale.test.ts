import { describe, test } from 'vitest'
import { TO_RUNNING, expectAfter } from '../../test/job-transcript.ts'

const ON_ONE_SLOT = ['> start', '> acquired 1', '> restored', '> deployed 0']

describe('fewer slots than wanted', () => {
  test('are enough: the job says so and runs with what there is', () => {
    expectAfter(
      ['> start'],
      `
      > waiting job "orders" needs 2 slots and has 1
          cancel-timers
          report waiting-for-slots job "orders" needs 2 slots and has 1
      > acquired 1
          cancel-timers
          report rescaled 2 1
          restore
          = restoring, attempt 0
      > restored
          report started-fresh
          deploy
          timer deploy 60000
          = deploying, attempt 0
      > deployed 0
          cancel-timer deploy
          start-tasks
          open-sources
          resume-checkpoints
          = running, attempt 0
    `,
    )
  })
})

describe('more slots', () => {
  test('that stay lead to a restart from a checkpoint taken for it, without a failure', () => {
    expectAfter(
      ON_ONE_SLOT,
      `
      > capacity 2
          timer scale-up 5000
      > timer scale-up
          cancel-timer scale-up
          trigger-checkpoint rescale
      > rescale-checkpoint published
          report rescaling 1 2
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 0
          timer cancellation 30000
          = restarting, attempt 0
      > slot-stopped 0
          cancel-timers
          acquire-slots
          timer acquire 60000
          = acquiring, attempt 1
      > acquired 2
          cancel-timers
          report rescaled 1 2
          restore
          = restoring, attempt 1
    `,
    )
  })

  test('that go again change nothing', () => {
    expectAfter(
      [...ON_ONE_SLOT, '> capacity 2'],
      `
      > capacity 1
          cancel-timer scale-up
    `,
    )
  })

  test('are waited for anew when the checkpoint fails', () => {
    expectAfter(
      [...ON_ONE_SLOT, '> capacity 2', '> timer scale-up'],
      `
      > rescale-checkpoint failed
          timer scale-up 5000
    `,
    )
  })

  test('that go while the checkpoint is taken change nothing', () => {
    expectAfter(
      [...ON_ONE_SLOT, '> capacity 2', '> timer scale-up', '> capacity 1'],
      `
      > rescale-checkpoint published
    `,
    )
  })

  test('that came while the job restarted are used soon after', () => {
    expectAfter(
      [...ON_ONE_SLOT, '> failure TSK1001', '> slot-stopped 0', '> timer backoff', '> acquired 1 2', '> restored 1'],
      `
      > deployed 0
          cancel-timer deploy
          start-tasks
          open-sources
          resume-checkpoints
          timer scale-up 5000
          = running, attempt 1
    `,
    )
  })

  test('are not used without checkpoints: the job would begin anew', () => {
    expectAfter(
      ON_ONE_SLOT,
      `
      > capacity 2
    `,
      { checkpointing: 'off' },
    )
  })

  test('do not keep a job from finishing', () => {
    expectAfter(
      [...ON_ONE_SLOT, '> capacity 2', '> timer scale-up'],
      `
      > drained v/0
          trigger-checkpoint final
          = draining, attempt 0
      > rescale-checkpoint published
      > checkpoint-published 2
          timer commits 600000
    `,
    )
  })
})

describe('a limit from outside', () => {
  test('lowers the number of slots at once, and raising it goes the same way', () => {
    expectAfter(
      TO_RUNNING,
      `
      > slots-max 1
          cancel-timer scale-up
          trigger-checkpoint rescale
      > rescale-checkpoint published
          report rescaling 2 1
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 0 1
          timer cancellation 30000
          = restarting, attempt 0
      > slot-stopped 0
      > slot-stopped 1
          cancel-timers
          acquire-slots
          timer acquire 60000
          = acquiring, attempt 1
      > acquired 1 2
          cancel-timers
          report rescaled 2 1
          restore
          = restoring, attempt 1
      > restored 1
          report restored 1
          deploy
          timer deploy 60000
          = deploying, attempt 1
      > deployed 0
          cancel-timer deploy
          start-tasks
          open-sources
          resume-checkpoints
          = running, attempt 1
      > slots-max 2
          cancel-timer scale-up
          trigger-checkpoint rescale
    `,
    )
  })
})

describe('losing the job to another leader', () => {
  test('ends everything at once in every phase, and writes nothing', () => {
    for (const way of [[], ['> start'], ['> start', '> acquired'], TO_RUNNING, [...TO_RUNNING, '> stop']]) {
      expectAfter(
        way,
        `
        > suspend
            abandon-checkpoints
            cancel-timers
            suspend-checkpoints
            close-sources
            release-slots
            end suspended
            = suspended, attempt 0
        > stop
        > failure TSK1001
      `,
      )
    }
  })
})
