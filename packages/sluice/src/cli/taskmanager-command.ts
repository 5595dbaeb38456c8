/** `sluice taskmanager`: a TaskManager process until a signal ends it. */
import { addressText } from '../base/network-address.ts'
import type { LineOutput } from '../cluster/line-output.ts'
import { readSecurity } from '../cluster/process-security.ts'
import { startTaskManager } from '../cluster/taskmanager-process.ts'
import { environmentLayer } from '../config/option-layers.ts'
import { resolveOptions } from '../config/resolve-options.ts'
import { logTaskManagerEvent } from './cluster-event-text.ts'
import type { TaskManagerArguments } from './daemon-arguments.ts'
import { processLog, runProcess } from './process-life.ts'

export function taskManagerCommand(
  asked: TaskManagerArguments,
  stdout: LineOutput,
  stderr: LineOutput,
): Promise<number> {
  const options = resolveOptions([asked.layer, environmentLayer(process.env)])
  const security = readSecurity(asked.security, process.env)
  const log = processLog(options, security, stderr)
  const { slotCount } = options.cluster.taskManager
  return runProcess({
    role: 'taskmanager',
    log,
    stdout,
    stderr,
    form: asked.form,
    readyFile: asked.readyFile,
    start: (listener) =>
      startTaskManager(
        {
          name: asked.id,
          jobManagers: asked.jobManagers,
          workDir: asked.workDir,
          options,
          security,
          log,
          stdout,
          onEvent: (event) => logTaskManagerEvent(log, event),
        },
        listener,
      ),
    readyText: ({ ready }) =>
      `taskmanager ${ready.name} offers ${slotCount} slots to the JobManager at ${asked.jobManagers.map(addressText).join(', ')}`,
  })
}
