/**
 * What passes by between slots and the JobManager, as metrics: the newest report and snapshot of every task that runs here.
 *
 * Owns: one entry for each allocation that lives, and for each of its tasks from the first report to the end of the attempt. Changes
 * nothing of what passes.
 */
import type { Clock } from '../base/env.ts'
import type { AllocationId, AttemptNumber } from '../base/ids.ts'
import type { TaskReport } from '../base/task-report.ts'
import type { TaskSnapshotStats } from '../checkpoint/handles.ts'
import type { FromSlot } from '../control/messages.ts'
import { type Labels, type Sample, samplesOf } from '../metrics/sample.ts'
import { taskSamples } from '../metrics/task-samples.ts'
import type { LaunchedSlot, SlotLaunch, SlotLauncher, SlotListener } from './slot-launcher.ts'

interface TaskMeter {
  readonly attempt: AttemptNumber
  report: TaskReport | undefined
  snapshot: TaskSnapshotStats | undefined
}

interface SlotMeter {
  readonly launch: SlotLaunch
  /** By vertex and subtask. */
  readonly tasks: Map<string, TaskMeter>
}

const MS_PER_SECOND = 1000

export class SlotMeters {
  readonly #clock: Clock
  /** Of this TaskManager: `tm_id` and `host`. */
  readonly #labels: Labels
  readonly #slots = new Map<AllocationId, SlotMeter>()

  constructor(clock: Clock, labels: Labels) {
    this.#clock = clock
    this.#labels = labels
  }

  /** The same launcher, looked at. */
  measured(launcher: SlotLauncher): SlotLauncher {
    return {
      launch: (launch, listener) => this.#launch(launcher, launch, listener),
      leaseUntil: (untilMs) => launcher.leaseUntil(untilMs),
    }
  }

  samples(): readonly Sample[] {
    const nowWallMs = this.#clock.wallMs()
    return [...this.#slots.values()].flatMap(({ launch, tasks }) =>
      [...tasks].flatMap(([key, meter]) => meterSamples(this.#labelsOf(launch, key), meter, nowWallMs)),
    )
  }

  #launch(launcher: SlotLauncher, launch: SlotLaunch, listener: SlotListener): LaunchedSlot {
    const { allocation } = launch
    const meter: SlotMeter = { launch, tasks: new Map() }
    this.#slots.set(allocation, meter)
    const launched = launcher.launch(launch, {
      onReady: (ready) => listener.onReady(ready),
      onMessage: (message) => {
        note(meter, message)
        listener.onMessage(message)
      },
      onLost: (error) => {
        this.#slots.delete(allocation)
        listener.onLost(error)
      },
    })
    return {
      send: (message) => launched.send(message),
      kill: (error) => launched.kill(error),
      end: () => {
        this.#slots.delete(allocation)
        return launched.end()
      },
    }
  }

  #labelsOf({ spec }: SlotLaunch, key: string): Labels {
    const [vertex = '', subtask = ''] = key.split(KEY_SEPARATOR)
    const task = { vertex, task_name: vertex, subtask_index: subtask }
    return { job_id: spec.job, job_name: spec.name, ...task, ...this.#labels }
  }
}

const KEY_SEPARATOR = '\n'

/** Parts of a job restart by themselves: tasks of one slot may be of several attempts. */
function note({ tasks }: SlotMeter, message: FromSlot): void {
  if (message.kind === 'report') {
    for (const report of message.tasks) taskOf(tasks, report, message.attempt).report = report
  } else if (message.kind === 'ack') {
    taskOf(tasks, message.snapshot, message.attempt).snapshot = message.snapshot.stats
  } else if (message.kind === 'stopped') {
    for (const [key, { attempt }] of tasks) if (attempt === message.attempt) tasks.delete(key)
  }
}

function taskOf(
  tasks: SlotMeter['tasks'],
  { vertex, subtask }: Pick<TaskReport, 'vertex' | 'subtask'>,
  attempt: AttemptNumber,
): TaskMeter {
  const key = `${vertex}${KEY_SEPARATOR}${subtask}`
  const known = tasks.get(key)
  if (known?.attempt === attempt) return known
  const young = { attempt, report: undefined, snapshot: undefined }
  tasks.set(key, young)
  return young
}

function meterSamples(labels: Labels, { report, snapshot }: TaskMeter, nowWallMs: number): readonly Sample[] {
  return [
    ...(report === undefined ? [] : taskSamples(labels, report, nowWallMs)),
    ...(snapshot === undefined
      ? []
      : samplesOf(labels, {
          sluice_task_snapshot_bytes: snapshot.stateBytes,
          sluice_task_snapshot_sync_seconds: snapshot.syncMs / MS_PER_SECOND,
          sluice_task_snapshot_alignment_seconds: snapshot.alignmentMs / MS_PER_SECOND,
        })),
  ]
}
