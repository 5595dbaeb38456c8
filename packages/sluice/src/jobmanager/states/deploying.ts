/** The slots build the tasks of the regions that are on their way, and read their state. */
import { attemptsOf, slotTasksCount, tasksIn } from '../job-regions.ts'
import { type At, type EventOf, type PhaseTable, type Step, slotTasksKey } from '../job-state.ts'
import { planRescale } from '../rescale.ts'
import { onFailure, onJobFailure, onSlotLost, onUnexpectedStop } from '../fail-over.ts'
import {
  closeNow,
  go,
  ignored,
  impossible,
  noteCapacity,
  noteDrained,
  noteSlotsMax,
  stay,
  suspend,
  timeoutFailure,
} from '../transitions.ts'

const suspended = ignored('checkpoints were suspended; this was on its way')

export const deploying: PhaseTable<'deploying'> = {
  start: ignored('started already'),
  stop: (at) => closeNow(at, 'stopped'),
  cancel: (at) => closeNow(at, 'canceled'),
  suspend,
  'slots-max': noteSlotsMax,
  capacity: noteCapacity,
  waiting: ignored('the slots are there'),
  failure: onFailure,
  'job-failure': onJobFailure,
  'slot-lost': onSlotLost,
  deployed: onDeployed,
  'slot-stopped': onUnexpectedStop,
  drained: noteDrained,
  finished: impossible('no task was told to finish'),
  committed: ignored('a restored sink commits again when it opens'),
  acquired: impossible('acquired already'),
  restored: impossible('restored already'),
  'restore-widened': impossible('restored already'),
  'checkpoint-published': suspended,
  'checkpoint-failed': suspended,
  'rescale-checkpoint': suspended,
  timer: onTimer,
}

function onDeployed(at: At<'deploying'>, { attempt, slot }: EventOf<'deployed'>): Step {
  const { core, phase } = at
  const deployed = phase.deployed.with(slotTasksKey({ attempt, slot }), { attempt, slot })
  if (deployed.size < slotTasksCount(core, phase.regions)) return go(core, { ...phase, deployed })
  const regions = attemptsOf(core, phase.regions)
  const next = planRescale(core, 'none', 'delayed')
  return {
    state: next.state,
    effects: [
      { kind: 'cancel-timer', timer: 'deploy' },
      { kind: 'start-tasks', regions },
      { kind: 'open-sources', regions },
      { kind: 'resume-checkpoints' }, // J7
      ...next.effects,
    ],
  }
}

/** Tasks that are cancelled and do not end are killed: that is the way of every failure. */
function onTimer(at: At<'deploying'>, event: EventOf<'timer'>): Step {
  if (event.timer !== 'deploy') return stay(at)
  const { core, phase } = at
  const silent = tasksIn(core, phase.regions).filter((tasks) => !phase.deployed.has(slotTasksKey(tasks)))
  const slots = [...new Set(silent.map(({ slot }) => slot))].join(', ')
  const { facts } = core
  const failure = timeoutFailure(
    `slot ${slots} of job "${facts.jobName}" did not build its tasks and read their state within ${facts.limits.deployTimeoutMs} ms. Its tasks are cancelled and the job restarts. Look at the log of its TaskManager, and for constructors or open functions that wait; large states may need a longer task.deployTimeout.`,
  )
  return onJobFailure(at, { failure })
}
