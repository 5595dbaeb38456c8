/** `sluice jobmanager`: a JobManager process until a signal ends it. */
import { startJobManager } from '../cluster/jobmanager-process.ts'
import type { LineOutput } from '../cluster/line-output.ts'
import { readSecurity } from '../cluster/process-security.ts'
import { environmentLayer } from '../config/option-layers.ts'
import { resolveOptions } from '../config/resolve-options.ts'
import { clusterEventLog, logRestEvent } from './cluster-event-text.ts'
import type { JobManagerArguments } from './daemon-arguments.ts'
import { processLog, runProcess } from './process-life.ts'

export function jobManagerCommand(asked: JobManagerArguments, stdout: LineOutput, stderr: LineOutput): Promise<number> {
  const layers = [asked.layer, environmentLayer(process.env)]
  const options = resolveOptions(layers)
  const security = readSecurity(asked.security, process.env)
  const log = processLog(options, security, stderr)
  return runProcess({
    role: 'jobmanager',
    log,
    stdout,
    stderr,
    form: asked.form,
    readyFile: asked.readyFile,
    start: () =>
      startJobManager({
        name: asked.id,
        options,
        layers,
        security,
        log,
        onEvent: clusterEventLog(log),
        onRestEvent: (event) => logRestEvent(log, event),
      }),
    readyText: ({ ready }) =>
      `jobmanager ${ready.name} is ready: TaskManagers at ${ready.control}, REST API at ${ready.restUrl}`,
  })
}
