import { describe, test } from 'vitest'
import { TO_RUNNING, expectAfter, expectTranscript } from '../../test/job-transcript.ts'

describe('a job that runs to its end', () => {
  test('acquires, restores, deploys, runs, drains through a final checkpoint, and finishes', () => {
    expectTranscript(`
      > start
          acquire-slots
          timer acquire 60000
          = acquiring, attempt 0
      > acquired
          cancel-timers
          restore
          = restoring, attempt 0
      > restored 7
          report restored 7
          deploy
          timer deploy 60000
          = deploying, attempt 0
      > deployed 1
      > deployed 0
          cancel-timer deploy
          start-tasks
          open-sources
          resume-checkpoints
          = running, attempt 0
      > drained v/1
      > committed v/1 8
      > drained v/0
          trigger-checkpoint final
          = draining, attempt 0
      > checkpoint-published 9
          timer commits 600000
      > committed v/0 9
      > committed v/1 8
      > committed v/1 9
          cancel-timers
          suspend-checkpoints
          finish-tasks
          = finishing, attempt 0
      > finished v/0
      > finished v/1
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 0 1
          timer cancellation 30000
          = closing, attempt 0
      > slot-stopped 0
      > slot-lost 1
          cancel-timers
          suspend-checkpoints
          close-sources
          release-slots
          end finished
          = finished, attempt 0
    `)
  })

  test('slots that close their finished tasks by themselves need not be told to', () => {
    const finishing = ['> drained v/0', '> drained v/1', '> finished v/0', '> slot-stopped 0']
    expectAfter(
      [...TO_RUNNING, ...finishing],
      `
      > slot-stopped 1
          cancel-timers
          suspend-checkpoints
          close-sources
          release-slots
          end finished
          = finished, attempt 0
    `,
      { checkpointing: 'off' },
    )
  })

  test('a slot that does not deploy in time fails the attempt', () => {
    expectAfter(
      ['> start', '> acquired', '> restored fresh', '> deployed 0'],
      `
      > timer deploy
          report failed TSK1004
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 0 1
          timer cancellation 30000
          timer backoff 1000
          report restarting in 1000
          = restarting, attempt 0
    `,
    )
  })

  test('commits may be reported before the publication of the final checkpoint', () => {
    expectAfter(
      [...TO_RUNNING, '> drained v/0', '> drained v/1', '> committed v/0 9', '> committed v/1 9'],
      `
      > checkpoint-published 9
          cancel-timers
          suspend-checkpoints
          finish-tasks
          = finishing, attempt 0
    `,
    )
  })

  test('without checkpoints it finishes as soon as all tasks have drained', () => {
    expectAfter(
      [...TO_RUNNING, '> drained v/0'],
      `
      > drained v/1
          cancel-timers
          suspend-checkpoints
          finish-tasks
          = finishing, attempt 0
    `,
      { checkpointing: 'off' },
    )
  })

  test('a final checkpoint that fails is tried again, a limited number of times', () => {
    expectAfter(
      [...TO_RUNNING, '> drained v/0', '> drained v/1'],
      `
      > checkpoint-failed
          timer final-retry 1000
      > timer final-retry
          trigger-checkpoint final
      > checkpoint-failed
          timer final-retry 1000
      > timer final-retry
          trigger-checkpoint final
      > checkpoint-failed
          report failed CKP1006
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 0 1
          timer cancellation 30000
          timer backoff 1000
          report restarting in 1000
          = restarting, attempt 0
    `,
    )
  })

  test('tasks that never commit the final checkpoint fail the attempt', () => {
    expectAfter(
      [...TO_RUNNING, '> drained v/0', '> drained v/1', '> checkpoint-published 3', '> committed v/0 3'],
      `
      > timer commits
          report failed TSK1004
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 0 1
          timer cancellation 30000
          timer backoff 1000
          report restarting in 1000
          = restarting, attempt 0
    `,
    )
  })
})

describe('failing over', () => {
  test('cancels all tasks, waits for them and the back-off, and starts anew with the next attempt', () => {
    expectAfter(
      TO_RUNNING,
      `
      > failure TSK1001
          report failed TSK1001
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 0 1
          timer cancellation 30000
          timer backoff 1000
          report restarting in 1000
          = restarting, attempt 0
      > slot-stopped 0
      > timer backoff
      > slot-stopped 1
          cancel-timers
          acquire-slots
          timer acquire 60000
          = acquiring, attempt 1
      > acquired
          cancel-timers
          restore
          = restoring, attempt 1
      > restored 4
          report restored 4
          deploy
          timer deploy 60000
          = deploying, attempt 1
    `,
    )
  })

  test('a lost slot is not waited for, and the others are', () => {
    expectAfter(
      TO_RUNNING,
      `
      > slot-lost 1
          report failed TSK1002
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 0
          timer cancellation 30000
          timer backoff 1000
          report restarting in 1000
          = restarting, attempt 0
      > slot-stopped 0
      > timer backoff
          cancel-timers
          acquire-slots
          timer acquire 60000
          = acquiring, attempt 1
    `,
    )
  })

  test('slots that do not stop are killed, and their loss is waited for, but not for ever', () => {
    expectAfter(
      [...TO_RUNNING, '> failure TSK1001', '> timer backoff'],
      `
      > timer cancellation
          kill-slots 0 1
          timer kill-grace 5000
      > slot-lost 1
      > timer kill-grace
          cancel-timers
          acquire-slots
          timer acquire 60000
          = acquiring, attempt 1
    `,
    )
  })

  test('nothing is started beside a thread that cannot be ended: the job fails for good', () => {
    expectAfter(
      [...TO_RUNNING, '> failure TSK1001', '> timer backoff', '> slot-stopped 0', '> timer cancellation'],
      `
      > slot-lost 1 TSK1006
          report failure-merged TSK1006
          cancel-timers
          suspend-checkpoints
          close-sources
          release-slots
          end failed JOB1003
          = failed, attempt 0
    `,
    )
  })

  test('failures of the same attempt are merged into the restart', () => {
    expectAfter(
      [...TO_RUNNING, '> failure TSK1001'],
      `
      > failure SNK1001
          report failure-merged SNK1001
      > slot-lost 0
      > slot-stopped 1
      > timer backoff
          cancel-timers
          acquire-slots
          timer acquire 60000
          = acquiring, attempt 1
    `,
    )
  })

  test('a merged failure that no restart repairs fails the job', () => {
    expectAfter(
      [...TO_RUNNING, '> failure TSK1001'],
      `
      > failure SNK1003
          report failure-merged SNK1003
          = closing, attempt 0
    `,
    )
  })

  test('events of the attempt before change nothing', () => {
    const restarted = [...TO_RUNNING, '> failure TSK1001', '> slot-stopped 0', '> slot-stopped 1', '> timer backoff']
    expectAfter(
      restarted,
      `
      > 0: restored 3
      > 0: failure TSK1001
      > 0: deployed 1
      > 0: timer cancellation
      > 0: drained v/0
      > 0: checkpoint-published 5
    `,
    )
  })

  test('each start-up phase restarts without anything to cancel', () => {
    for (const way of [['> start'], ['> start', '> acquired']]) {
      expectAfter(
        way,
        `
        > failure CKP1002
            report failed CKP1002
            cancel-timers
            suspend-checkpoints
            close-sources
            timer backoff 1000
            report restarting in 1000
            = restarting, attempt 0
        > timer backoff
            cancel-timers
            acquire-slots
            timer acquire 60000
            = acquiring, attempt 1
      `,
      )
    }
  })

  test('slots that are not ready in time are released', () => {
    expectAfter(
      ['> start'],
      `
      > timer acquire
          release-slots
          report failed TSK1004
          cancel-timers
          suspend-checkpoints
          close-sources
          timer backoff 1000
          report restarting in 1000
          = restarting, attempt 0
    `,
    )
  })

  test('a slot that closes its tasks unasked fails the attempt', () => {
    expectAfter(
      TO_RUNNING,
      `
      > slot-stopped 0
          report failed INT1001
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 1
          timer cancellation 30000
          timer backoff 1000
          report restarting in 1000
          = restarting, attempt 0
    `,
    )
  })

  test('a slot lost while finishing restarts the job unless it had finished', () => {
    const finishing = [
      ...TO_RUNNING,
      '> drained v/0',
      '> drained v/1',
      '> checkpoint-published 1',
      '> committed v/0 1',
      '> committed v/1 1',
      '> slot-stopped 0',
    ]
    expectAfter(
      finishing,
      `
      > slot-lost 0
      > slot-lost 1
          report failed TSK1002
          cancel-timers
          suspend-checkpoints
          close-sources
          timer backoff 1000
          report restarting in 1000
          = restarting, attempt 0
    `,
    )
  })
})

describe('giving up', () => {
  test('fails the job when the restart budget is used up, and ends its tasks first', () => {
    const failed = [
      '> failure TSK1001 r1',
      '> slot-stopped 0',
      '> slot-stopped 1',
      '> timer backoff',
      '> acquired',
      '> restored',
      '> deployed 0',
      '> deployed 1',
    ]
    expectAfter(
      [...TO_RUNNING, ...failed, ...failed],
      `
      > failure TSK1001 r1
          report failed TSK1001
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 0 1
          timer cancellation 30000
          = closing, attempt 2
      > slot-stopped 0
      > timer cancellation
          kill-slots 1
          timer kill-grace 5000
      > slot-lost 1
          cancel-timers
          suspend-checkpoints
          close-sources
          release-slots
          end failed TSK1007
          = failed, attempt 2
    `,
    )
  })

  test('names a crash loop at one record when restarting', () => {
    expectAfter(
      [
        ...TO_RUNNING,
        '> failure TSK1001 row-7',
        '> slot-stopped 0',
        '> slot-stopped 1',
        '> timer backoff',
        '> acquired',
        '> restored',
        '> failure TSK1001 row-7',
        '> slot-stopped 0',
        '> slot-stopped 1',
        '> timer backoff',
        '> acquired',
        '> restored',
      ],
      `
      > failure TSK1001 row-7
          report failed TSK1001
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 0 1
          timer cancellation 30000
          timer backoff 1000
          report restarting in 1000, 3 times at row-7
          = restarting, attempt 2
    `,
      { restart: { strategy: 'fixed-delay', attemptsMax: 3, delayMs: 1000 } },
    )
  })

  test('a mistake of the user found before anything ran is the error of the job itself', () => {
    expectAfter(
      ['> start'],
      `
      > failure JOB1006
          report failed JOB1006
          cancel-timers
          suspend-checkpoints
          close-sources
          release-slots
          end failed JOB1006
          = failed, attempt 0
    `,
    )
  })

  test('a corrupt checkpoint restarts, because the restart chooses an older one', () => {
    expectAfter(
      ['> start', '> acquired', '> restored 5'],
      `
      > failure CKP1003
          report failed CKP1003
          cancel-timers
          suspend-checkpoints
          close-sources
          cancel-tasks 0 1
          timer cancellation 30000
          timer backoff 1000
          report restarting in 1000
          = restarting, attempt 0
    `,
    )
  })
})
