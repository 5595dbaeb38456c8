/** The words of `sluice jobmanager`, `sluice taskmanager` and `sluice cluster`. */
import { type Command, Option } from 'commander'
import type { NetworkAddress } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import type { SecurityFiles } from '../cluster/process-security.ts'
import type { OptionLayer } from '../config/option-layers.ts'
import type { OptionKey } from '../config/options.ts'

interface DaemonArguments {
  readonly layer: OptionLayer
  readonly security: SecurityFiles
  /** Where the process writes what it is once it serves, for whoever started it. */
  readonly readyFile: string | undefined
  readonly form: 'text' | 'json'
}

export interface JobManagerArguments extends DaemonArguments {
  readonly kind: 'jobmanager'
  readonly id: string | undefined
}

export interface TaskManagerArguments extends DaemonArguments {
  readonly kind: 'taskmanager'
  readonly jobManagers: readonly NetworkAddress[]
  readonly id: string | undefined
  readonly workDir: string | undefined
}

export interface ClusterArguments {
  readonly kind: 'cluster'
  readonly action: 'start' | 'stop' | 'status'
  readonly dir: string | undefined
  readonly jobManagerCount: number
  readonly taskManagerCount: number
  readonly slotCount: number
  /** Handed to every process as `-D key=value`. */
  readonly settings: Readonly<Record<string, string>>
  readonly form: 'text' | 'json'
}

export type DaemonInvocation = JobManagerArguments | TaskManagerArguments | ClusterArguments

/** Names of the commands, for suggestions. */
export const DAEMON_COMMANDS = ['jobmanager', 'taskmanager', 'cluster'] as const
export const DAEMON_FLAGS = [
  'storage',
  'host',
  'port',
  'rest-host',
  'rest-port',
  'jobmanager',
  'jobmanagers',
  'taskmanagers',
  'slots',
  'data-port',
  'metrics-port',
  'work-dir',
  'dir',
  'id',
  'secret-file',
  'token-file',
  'tls-cert',
  'tls-key',
  'tls-ca',
  'log-format',
  'log-level',
]

interface DaemonFlags {
  readonly D?: readonly string[]
  readonly secretFile?: string
  readonly tokenFile?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsCa?: string
  readonly readyFile?: string
  readonly id?: string
  readonly json?: true
  readonly jobmanager?: readonly string[]
  readonly workDir?: string
  readonly [flag: string]: unknown
}

export function declareDaemons(program: Command, asked: (invocation: DaemonInvocation) => void): void {
  declareJobManager(program, asked)
  declareTaskManager(program, asked)
  declareCluster(program, asked)
}

/** Flags that are short for an option, by their name as commander gives it. */
const JOB_MANAGER_SHORTS: Readonly<Record<string, OptionKey>> = {
  storage: 'cluster.storage',
  host: 'jobmanager.host',
  port: 'jobmanager.port',
  restHost: 'rest.host',
  restPort: 'rest.port',
  logFormat: 'log.format',
  logLevel: 'log.level',
}

const TASK_MANAGER_SHORTS: Readonly<Record<string, OptionKey>> = {
  slots: 'taskmanager.slots',
  host: 'taskmanager.host',
  dataPort: 'taskmanager.dataPort',
  metricsPort: 'metrics.port',
  logFormat: 'log.format',
  logLevel: 'log.level',
}

function declareJobManager(program: Command, asked: (invocation: DaemonInvocation) => void): void {
  const command = program
    .command('jobmanager')
    .description('runs a JobManager: it leads the jobs of a cluster, or stands by for the one that does')
    .option(
      '--storage <dir>',
      'the folder that all processes of the cluster share (default: ./.sluice-cluster/storage)',
    )
    .option('--host <host>', 'where TaskManagers connect (default: 127.0.0.1)')
    .option('--port <port>', 'port for TaskManagers (default: 6123; 0: any free one)')
    .option('--rest-host <host>', 'where the REST API is served (default: 127.0.0.1)')
    .option('--rest-port <port>', 'port of the REST API (default: 8081; 0: any free one)')
    .option('--token-file <file>', 'the token that the REST API asks for; or SLUICE_TOKEN')
  withCommonFlags(command).action((flags: DaemonFlags) =>
    asked({
      kind: 'jobmanager',
      ...commonOf(flags, 'jobmanager', JOB_MANAGER_SHORTS),
      id: idOf(flags.id, 'sluice jobmanager'),
    }),
  )
}

function declareTaskManager(program: Command, asked: (invocation: DaemonInvocation) => void): void {
  const command = program
    .command('taskmanager')
    .description('runs a TaskManager: its slots run the tasks of jobs')
    .option(
      '--jobmanager <host:port>',
      'address of a JobManager; several by comma, or repeated (default: 127.0.0.1:6123)',
      appendTo,
    )
    .option('--slots <count>', 'slots of this TaskManager (default: 1)')
    .option('--host <host>', 'address under which other TaskManagers reach this one (default: 127.0.0.1)')
    .option('--data-port <port>', 'first of the ports for data, one for each slot (default: any free ones)')
    .option('--metrics-port <port>', 'port for metrics as Prometheus text (default: off)')
    .option('--work-dir <dir>', 'where job bundles are kept while it runs (default: in the folder for temporary files)')
  withCommonFlags(command).action((flags: DaemonFlags) =>
    asked({
      kind: 'taskmanager',
      ...commonOf(flags, 'taskmanager', TASK_MANAGER_SHORTS),
      jobManagers: addressesOf(flags.jobmanager ?? ['127.0.0.1:6123']),
      id: idOf(flags.id, 'sluice taskmanager'),
      workDir: flags.workDir,
    }),
  )
}

function withCommonFlags(command: Command): Command {
  return command
    .option('--id <name>', 'its name in the cluster (default: made of machine, process and a random part)')
    .option('--secret-file <file>', 'the secret that all processes of the cluster share; or SLUICE_SECRET')
    .option('--tls-cert <file>', 'certificate (PEM) for TLS')
    .option('--tls-key <file>', 'its private key (PEM)')
    .option('--tls-ca <file>', 'whose certificates are trusted (PEM): with it both sides must show one')
    .option('--log-format <format>', 'text or json (default: text)')
    .option('--log-level <level>', 'debug, info, warn or error (default: info)')
    .option('-D <key=value>', 'any engine option; may be repeated', appendTo)
    .option('--json', 'the line that says it is ready as JSON')
    .addOption(new Option('--ready-file <file>').hideHelp())
}

interface ClusterFlags {
  readonly dir?: string
  readonly jobmanagers?: string
  readonly taskmanagers?: string
  readonly slots?: string
  readonly D?: readonly string[]
  readonly json?: true
}

function declareCluster(program: Command, asked: (invocation: DaemonInvocation) => void): void {
  const cluster = program.command('cluster').description('a cluster of several processes on this machine')
  const take = (action: ClusterArguments['action']) => (flags: ClusterFlags) => asked(clusterOf(action, flags))
  cluster
    .command('start')
    .description('starts JobManagers and TaskManagers, and waits until all are registered')
    .option('--jobmanagers <count>', 'how many; one leads, the others stand by (default: 1)')
    .option('--taskmanagers <count>', 'how many (default: 2)')
    .option('--slots <count>', 'slots of each TaskManager (default: 1)')
    .option('-D <key=value>', 'any engine option, for all of the processes; may be repeated', appendTo)
    .option('--dir <dir>', 'its folder (default: ./.sluice-cluster)')
    .option('--json', 'as JSON')
    .action(take('start'))
  cluster
    .command('stop')
    .description('stops all processes; jobs that run go on after the next start')
    .option('--dir <dir>', 'its folder (default: ./.sluice-cluster)')
    .option('--json', 'as JSON')
    .action(take('stop'))
  cluster
    .command('status')
    .description('shows the processes, their slots and jobs')
    .option('--dir <dir>', 'its folder (default: ./.sluice-cluster)')
    .option('--json', 'as JSON')
    .action(take('status'))
}

const CLUSTER_SIZE_MAX = 64
const SLOTS_MAX = 1024

function clusterOf(action: ClusterArguments['action'], flags: ClusterFlags): ClusterArguments {
  const command = `sluice cluster ${action}`
  return {
    kind: 'cluster',
    action,
    dir: flags.dir,
    jobManagerCount: countOf(flags.jobmanagers, {
      flag: '--jobmanagers',
      otherwise: 1,
      max: CLUSTER_SIZE_MAX,
      command,
    }),
    taskManagerCount: countOf(flags.taskmanagers, {
      flag: '--taskmanagers',
      otherwise: 2,
      max: CLUSTER_SIZE_MAX,
      command,
    }),
    slotCount: countOf(flags.slots, { flag: '--slots', otherwise: 1, max: SLOTS_MAX, command }),
    settings: settingsOf(flags.D ?? [], command),
    form: flags.json === true ? 'json' : 'text',
  }
}

interface CountRule {
  readonly flag: string
  readonly otherwise: number
  readonly max: number
  readonly command: string
}

function countOf(text: string | undefined, { flag, otherwise, max, command }: CountRule): number {
  if (text === undefined) return otherwise
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= max) return count
  throw usage(`${flag} is ${JSON.stringify(text)}, not a whole number from 1 to ${max}`, command)
}

function commonOf(flags: DaemonFlags, name: string, shorts: Readonly<Record<string, OptionKey>>): DaemonArguments {
  const short = Object.entries(shorts).flatMap(([flag, key]) => {
    const value = flags[flag]
    return typeof value === 'string' ? [[key, value] as const] : []
  })
  const values = { ...settingsOf(flags.D ?? [], `sluice ${name}`), ...Object.fromEntries(short) }
  return {
    layer: { origin: 'command line', values },
    security: {
      secretFile: flags.secretFile,
      tokenFile: flags.tokenFile,
      tlsCert: flags.tlsCert,
      tlsKey: flags.tlsKey,
      tlsCa: flags.tlsCa,
    },
    readyFile: flags.readyFile,
    form: flags.json === true ? 'json' : 'text',
  }
}

function settingsOf(words: readonly string[], command: string): Readonly<Record<string, string>> {
  const entries = words.map((word) => {
    const at = word.indexOf('=')
    if (at <= 0) throw usage(`-D ${word} is not an option and a value. Write -D key=value`, command)
    return [word.slice(0, at), word.slice(at + 1)] as const
  })
  return Object.fromEntries(entries)
}

const PORT_LIMIT = 65_536

/** `host:port`, `[::1]:port`. */
function addressesOf(words: readonly string[]): readonly NetworkAddress[] {
  return words
    .flatMap((word) => word.split(','))
    .map((word) => word.trim())
    .filter((word) => word !== '')
    .map((word) => {
      const match = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]/]+)):(\d{1,5})$/i.exec(word)
      const host = match?.[1] ?? match?.[2]
      const port = Number(match?.[3])
      if (host !== undefined && port > 0 && port < PORT_LIMIT) return { host, port }
      throw usage(`--jobmanager ${word} is no address. Write host:port, e.g. 127.0.0.1:6123`, 'sluice taskmanager')
    })
}

/** It becomes a part of addresses of the REST API, of the name of a folder, and of every line of the log. */
const ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/

function idOf(text: string | undefined, command: string): string | undefined {
  if (text === undefined || ID_PATTERN.test(text)) return text
  throw usage(
    `--id ${JSON.stringify(text)} is no name: up to 100 letters, digits, dots, dashes and underscores, a letter or digit first`,
    command,
  )
}

function appendTo(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

function usage(what: string, command: string): EngineError {
  return new EngineError('CLI1001', `${what}. Nothing was started. See ${command} --help.`)
}
