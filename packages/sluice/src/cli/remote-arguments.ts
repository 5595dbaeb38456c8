/** The words of the commands that look at a cluster and its jobs through the REST API. */
import type { Command } from 'commander'

export interface RemotePlace {
  /** Addresses of REST APIs, by comma; undefined: from the environment, or this machine. */
  readonly jobManager: string | undefined
  readonly tokenFile: string | undefined
}

interface RemoteArguments extends RemotePlace {
  readonly kind: 'remote'
  readonly form: 'text' | 'json'
}

export type RemoteInvocation =
  | (RemoteArguments & { readonly command: 'list' | 'taskmanagers' })
  /** `job`: an id, the beginning of one, or a name. */
  | (RemoteArguments & { readonly command: 'show' | 'checkpoints' | 'cancel'; readonly job: string })
  | (RemoteArguments & { readonly command: 'stop'; readonly job: string; readonly until: 'asked' | 'ended' })
  /** Undefined: of the JobManager. */
  | (RemoteArguments & { readonly command: 'logs'; readonly taskManager: string | undefined })

/** Names of the commands, for suggestions. */
export const REMOTE_COMMANDS = ['list', 'show', 'cancel', 'stop', 'checkpoints', 'taskmanagers', 'logs'] as const
export const REMOTE_FLAGS = ['jobmanager', 'token-file', 'wait', 'json']

interface RemoteFlags {
  readonly jobmanager?: string
  readonly tokenFile?: string
  readonly json?: true
  readonly wait?: true
}

type Asked = (invocation: RemoteInvocation) => void

const JOB = '<job>'
const JOB_DOC = 'id of the job, the beginning of one, or its name'

export function declareRemote(program: Command, asked: Asked): void {
  for (const command of ['list', 'taskmanagers'] as const)
    withPlace(program.command(command).description(DESCRIPTIONS[command])).action((flags: RemoteFlags) =>
      asked({ ...placeOf(flags), command }),
    )
  for (const command of ['show', 'checkpoints', 'cancel'] as const)
    withPlace(program.command(command).description(DESCRIPTIONS[command]).argument(JOB, JOB_DOC)).action(
      (job: string, flags: RemoteFlags) => asked({ ...placeOf(flags), command, job }),
    )
  declareStop(program, asked)
  withPlace(
    program
      .command('logs')
      .description(DESCRIPTIONS.logs)
      .argument('[taskmanager]', 'id of a TaskManager, or the beginning of one'),
  ).action((taskManager: string | undefined, flags: RemoteFlags) =>
    asked({ ...placeOf(flags), command: 'logs', taskManager }),
  )
}

const DESCRIPTIONS = {
  list: 'lists the jobs of a cluster',
  taskmanagers: 'lists the TaskManagers of a cluster with their slots',
  show: 'shows a job: its state, operators and failures',
  checkpoints: 'shows the checkpoints of a job',
  cancel: 'ends a job at once; its checkpoints are kept',
  stop: 'takes a last checkpoint, then ends the job; submitted again, it goes on from there',
  logs: 'prints the newest lines of the log of a TaskManager, or of the JobManager',
} as const

function declareStop(program: Command, asked: Asked): void {
  const stop = program.command('stop').description(DESCRIPTIONS.stop).argument(JOB, JOB_DOC)
  stop.option('--wait', 'until the job has ended')
  withPlace(stop).action((job: string, flags: RemoteFlags) =>
    asked({ ...placeOf(flags), command: 'stop', job, until: flags.wait === true ? 'ended' : 'asked' }),
  )
}

function withPlace(command: Command): Command {
  return command
    .option('--jobmanager <url>', 'address of the REST API (default: SLUICE_JOBMANAGER, else http://127.0.0.1:8081)')
    .option('--token-file <file>', 'the token that the REST API asks for; or SLUICE_TOKEN')
    .option('--json', 'as JSON on stdout')
}

function placeOf({ jobmanager, tokenFile, json }: RemoteFlags): RemoteArguments {
  return { kind: 'remote', jobManager: jobmanager, tokenFile, form: json === true ? 'json' : 'text' }
}
