/** What each subtask is doing, as clients of Flink's REST API know it. Pure. */
import type { TaskReport } from '../base/task-report.ts'
import type { TaskAddress } from '../checkpoint/handles.ts'
import { attemptOf, regionsUnderWay } from './job-regions.ts'
import { type JobScale, regionOfVertex } from './job-scale.ts'
import { type JobState, type RegionIndex, type SlotTasks, slotTasksKey, taskKey } from './job-state.ts'
import type { JobOutcome } from './job-events.ts'
import type { TaskStateName, TaskStatus } from './job-status.ts'

/** In the order of the vertices. `reportOf`: the newest report of a subtask. */
export function taskStatuses(
  state: JobState,
  scale: JobScale,
  reportOf: (task: TaskAddress) => TaskReport | undefined,
): readonly TaskStatus[] {
  const hasSlots = state.core.scale !== undefined
  return scale.placement.tasks.map((task) => {
    const region = regionOfVertex(scale, task.vertex).index
    const attempt = attemptOf(state.core, region)
    const slot = scale.placement.slotOf(task)
    return {
      ...task,
      slot: hasSlots ? slot : undefined,
      attempt,
      state: stateOf(state, region, { attempt, slot }, task),
      report: reportOf(task),
    }
  })
}

const END_STATES: Readonly<Record<JobOutcome, TaskStateName>> = {
  finished: 'FINISHED',
  stopped: 'FINISHED',
  canceled: 'CANCELED',
  failed: 'FAILED',
  suspended: 'CANCELED',
}

function stateOf({ core, phase }: JobState, region: RegionIndex, at: SlotTasks, task: TaskAddress): TaskStateName {
  if (isOther({ core, phase }, region)) return 'RUNNING'
  switch (phase.name) {
    case 'created':
      return 'CREATED'
    case 'acquiring':
    case 'restoring':
      return 'SCHEDULED'
    case 'deploying':
      return phase.deployed.has(slotTasksKey(at)) ? 'INITIALIZING' : 'DEPLOYING'
    case 'running':
    case 'draining':
    case 'stopping':
      return 'RUNNING'
    case 'finishing':
      return phase.finished.has(taskKey(task)) ? 'FINISHED' : 'RUNNING'
    case 'restarting':
      return includes(phase.waiting, at) ? 'CANCELING' : 'CANCELED'
    case 'closing':
      return includes(phase.waiting, at) ? 'CANCELING' : END_STATES[phase.outcome]
    case 'ended':
      return END_STATES[phase.outcome]
  }
}

/** Whether it goes on while other regions are on their way. */
function isOther(state: JobState, region: RegionIndex): boolean {
  const underWay = regionsUnderWay(state)
  return underWay.size > 0 && !underWay.has(region)
}

function includes(tasks: readonly SlotTasks[], { attempt, slot }: SlotTasks): boolean {
  return tasks.some((other) => other.attempt === attempt && other.slot === slot)
}
