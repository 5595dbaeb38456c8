import { describe, test } from 'vitest'
import { expectAfter } from '../../test/job-transcript.ts'

/** Two regions: v in both slots, w in slot 0 only. */
const TWO = { widths: [2, 1] }
const TO_RUNNING = ['> start', '> acquired', '> restored', '> 0: deployed 0', '> 0: deployed 1', '> 1: deployed 0']

describe('regions', () => {
  test('are deployed under attempts of their own, and run when all are deployed', () => {
    expectAfter(
      ['> start'],
      `
      > acquired
          cancel-timers
          restore v@0 w@1
          = restoring, attempt 1
      > restored 7
          report restored 7
          deploy v@0 w@1
          timer deploy 60000
          = deploying, attempt 1
      > 0: deployed 0
      > 0: deployed 1
      > 1: deployed 0
          cancel-timer deploy
          start-tasks v@0 w@1
          open-sources v@0 w@1
          resume-checkpoints
          = running, attempt 1
    `,
      TWO,
    )
  })

  test('one fails: it gets a new attempt, the other keeps its own and is not told anything', () => {
    expectAfter(
      TO_RUNNING,
      `
      > 1: failure TSK1001
          report failed TSK1001
          cancel-timers
          suspend-checkpoints
          close-sources w@1
          cancel-tasks w@1: 0
          timer cancellation 30000
          timer backoff 1000
          report restarting in 1000
          = restarting, attempt 1
      > drained v/0
      > 1: slot-stopped 0
      > timer backoff
          cancel-timers
          acquire-slots
          timer acquire 60000
          = acquiring, attempt 2
      > acquired
          cancel-timers
          restore w@2
          = restoring, attempt 2
      > drained v/1
      > restored 7
          report restored 7
          deploy w@2
          timer deploy 60000
          = deploying, attempt 2
      > 1: deployed 0
      > 2: deployed 0
          cancel-timer deploy
          start-tasks w@2
          open-sources w@2
          resume-checkpoints
          = running, attempt 2
      > drained w/0
          trigger-checkpoint final
          = draining, attempt 2
    `,
      TWO,
    )
  })

  test('both had tasks in a slot that is lost: both restart', () => {
    expectAfter(
      TO_RUNNING,
      `
      > slot-lost 0
          report failed TSK1002
          cancel-timers
          suspend-checkpoints
          close-sources v@0 w@1
          cancel-tasks v@0: 1
          timer cancellation 30000
          timer backoff 1000
          report restarting in 1000
          = restarting, attempt 1
      > 0: slot-stopped 1
      > timer backoff
          cancel-timers
          acquire-slots
          timer acquire 60000
          = acquiring, attempt 3
    `,
      TWO,
    )
  })

  test('only one had tasks in a slot that is lost: only that one restarts', () => {
    expectAfter(
      TO_RUNNING,
      `
      > slot-lost 1
          report failed TSK1002
          cancel-timers
          suspend-checkpoints
          close-sources v@0
          cancel-tasks v@0: 0
          timer cancellation 30000
          timer backoff 1000
          report restarting in 1000
          = restarting, attempt 1
      > 0: slot-stopped 0
      > timer backoff
          cancel-timers
          acquire-slots
          timer acquire 60000
          = acquiring, attempt 2
      > acquired
          cancel-timers
          restore v@2
          = restoring, attempt 2
    `,
      TWO,
    )
  })
})

describe('a failure while a region restarts', () => {
  const failed = [...TO_RUNNING, '> 0: failure TSK1001']

  test('of the other one joins it, while tasks are being ended', () => {
    expectAfter(
      failed,
      `
      > 1: failure SNK1001
          report failure-merged SNK1001
          close-sources w@1
          cancel-tasks w@1: 0
          timer cancellation 30000
      > 0: slot-stopped 0
      > 0: slot-stopped 1
      > timer backoff
      > 1: slot-stopped 0
          cancel-timers
          acquire-slots
          timer acquire 60000
          = acquiring, attempt 3
    `,
      TWO,
    )
  })

  test('of the same one is merged', () => {
    expectAfter(
      failed,
      `
      > 0: failure SNK1001
          report failure-merged SNK1001
    `,
      TWO,
    )
  })

  const toDeploying = [
    ...failed,
    '> 0: slot-stopped 0',
    '> 0: slot-stopped 1',
    '> timer backoff',
    '> acquired',
    '> restored 3',
  ]

  test('of the other one, when the first is being deployed, restarts both', () => {
    expectAfter(
      [...toDeploying, '> 2: deployed 0'],
      `
      > 1: failure TSK1001
          report failed TSK1001
          cancel-timers
          suspend-checkpoints
          close-sources v@2 w@1
          cancel-tasks v@2: 0 1, w@1: 0
          timer cancellation 30000
          timer backoff 1000
          report restarting in 1000
          = restarting, attempt 2
    `,
      TWO,
    )
  })

  test('slots that are killed take what else runs in them along', () => {
    expectAfter(
      [...failed, '> 0: slot-stopped 1'],
      `
      > timer cancellation
          kill-slots 0
          timer kill-grace 5000
          close-sources w@1
          cancel-tasks w@1: 0
          timer cancellation 30000
      > slot-lost 0
      > timer backoff
          cancel-timers
          acquire-slots
          timer acquire 60000
          = acquiring, attempt 3
    `,
      TWO,
    )
  })
})

describe('the whole job restarts', () => {
  const toAcquiring = [...TO_RUNNING, '> 1: failure TSK1001', '> 1: slot-stopped 0', '> timer backoff']

  test('when there are fewer slots than the region that goes on runs in', () => {
    expectAfter(
      toAcquiring,
      `
      > acquired 1
          report rescaled 2 1
          cancel-timers
          suspend-checkpoints
          close-sources v@0 w@2
          cancel-tasks v@0: 0
          timer cancellation 30000
          = restarting, attempt 2
      > 0: slot-stopped 0
          cancel-timers
          acquire-slots
          timer acquire 60000
          = acquiring, attempt 4
      > acquired 1
          cancel-timers
          restore v@3 w@4
          = restoring, attempt 4
    `,
      TWO,
    )
  })

  test('when the newest checkpoint cannot be restored', () => {
    expectAfter(
      [...toAcquiring, '> acquired'],
      `
      > restore-widened
          cancel-timers
          suspend-checkpoints
          close-sources v@0 w@2
          cancel-tasks v@0: 0 1
          timer cancellation 30000
          = restarting, attempt 2
      > 0: slot-stopped 0
      > 0: slot-stopped 1
          cancel-timers
          acquire-slots
          timer acquire 60000
          = acquiring, attempt 4
    `,
      TWO,
    )
  })

  test('when what failed is of no region', () => {
    expectAfter(
      TO_RUNNING,
      `
      > job-failure CKP1005
          report failed CKP1005
          cancel-timers
          suspend-checkpoints
          close-sources v@0 w@1
          cancel-tasks v@0: 0 1, w@1: 0
          timer cancellation 30000
          timer backoff 1000
          report restarting in 1000
          = restarting, attempt 1
    `,
      TWO,
    )
  })

  test('when a region fails while the final checkpoint is awaited by all', () => {
    expectAfter(
      [...TO_RUNNING, '> drained v/0', '> drained v/1', '> drained w/0'],
      `
      > 1: failure SNK1001
          report failed SNK1001
          cancel-timers
          suspend-checkpoints
          close-sources v@0 w@1
          cancel-tasks v@0: 0 1, w@1: 0
          timer cancellation 30000
          timer backoff 1000
          report restarting in 1000
          = restarting, attempt 1
    `,
      TWO,
    )
  })
})

describe('ending while a region restarts', () => {
  test('cancels the regions that went on, too', () => {
    for (const [command, outcome] of [
      ['stop', 'stopped'],
      ['cancel', 'canceled'],
    ]) {
      expectAfter(
        [...TO_RUNNING, '> 1: failure TSK1001'],
        `
        > ${command}
            close-sources v@0
            cancel-tasks v@0: 0 1
            timer cancellation 30000
            = closing, attempt 1
        > 1: slot-stopped 0
        > 0: slot-stopped 0
        > 0: slot-stopped 1
            cancel-timers
            suspend-checkpoints
            close-sources v@0 w@1
            release-slots
            end ${outcome}
            = ${outcome}, attempt 1
      `,
        TWO,
      )
    }
  })

  test('when the region is being restored, waits for the others only', () => {
    expectAfter(
      [...TO_RUNNING, '> 1: failure TSK1001', '> 1: slot-stopped 0', '> timer backoff', '> acquired'],
      `
      > cancel
          cancel-timers
          suspend-checkpoints
          close-sources v@0 w@2
          cancel-tasks v@0: 0 1
          timer cancellation 30000
          = closing, attempt 2
    `,
      TWO,
    )
  })
})
