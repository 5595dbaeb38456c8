/** From the words of the command line to what is asked for. */
import { Command, CommanderError, Option } from 'commander'
import { EngineError } from '../base/errors.ts'
import type { OptionLayer } from '../config/option-layers.ts'
import { OPTION_KEYS, optionRow } from '../config/options.ts'
import { nearestName } from '../config/nearest-name.ts'
import { DAEMON_COMMANDS, DAEMON_FLAGS, declareDaemons, type DaemonInvocation } from './daemon-arguments.ts'
import { REMOTE_COMMANDS, REMOTE_FLAGS, declareRemote, type RemoteInvocation } from './remote-arguments.ts'

export type OutputForm = 'text' | 'json'

export interface RunArguments {
  readonly kind: 'run'
  readonly job: string
  readonly params: Readonly<Record<string, string>>
  readonly layer: OptionLayer
  readonly stateDir: string | undefined
  readonly start: 'continue' | 'fresh'
  readonly form: OutputForm
}

/** A job for a cluster. */
export interface SubmitArguments extends Omit<RunArguments, 'kind' | 'stateDir'> {
  readonly kind: 'submit'
  readonly jobManager: string
  readonly tokenFile: string | undefined
  /** `follow` until the job or this command ends; `detach` at once; `own`: a signal to this command stops the job. */
  readonly attachment: 'follow' | 'detach' | 'own'
}

export type Invocation =
  | RunArguments
  | SubmitArguments
  | DaemonInvocation
  | RemoteInvocation
  | { readonly kind: 'options'; readonly form: OutputForm }
  /** Help or version: already printed. */
  | { readonly kind: 'answered' }

interface RunFlags {
  readonly stateDir?: string
  readonly fresh?: true
  readonly json?: true
  readonly param?: readonly string[]
  readonly jobmanager?: string
  readonly detached?: true
  readonly stopOnExit?: true
  readonly tokenFile?: string
  readonly [optionKey: string]: unknown
}

/** @throws CLI1001 when the words make no command */
export function parseArguments(words: readonly string[], version: string): Invocation {
  let invocation: Invocation = { kind: 'answered' }
  const program = new Command('sluice')
    .description(
      'A stateful stream processor: runs jobs with event time, exactly-once checkpoints and automatic restart.',
    )
    .version(version, '--version')
  declareRun(program, (asked) => void (invocation = asked))
  declareOptions(program, (asked) => void (invocation = asked))
  declareDaemons(program, (asked) => void (invocation = asked))
  declareRemote(program, (asked) => void (invocation = asked))
  for (const command of allCommands(program)) command.exitOverride().configureOutput({ outputError: () => {} })
  if (words.length === 0) throw notUnderstood('no command was given', 'sluice')
  try {
    program.parse(words, { from: 'user' })
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown
    if (thrown.exitCode !== 0) throw asUsageError(thrown, words)
  }
  return invocation
}

function allCommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(allCommands)]
}

function declareRun(program: Command, asked: (invocation: RunArguments | SubmitArguments) => void): void {
  const run = program
    .command('run')
    .description(
      'runs a job module until it ends; run again after a crash, it resumes from the last completed checkpoint',
    )
    .argument('<job>', 'path of the job module, e.g. job.ts')
    .option('--state-dir <dir>', 'where checkpoints are kept (default: what the job sets, else ./.sluice/<job name>)')
    .option('--fresh', 'forget earlier checkpoints and start from the beginning')
    .option('--param <key=value>', 'a parameter of the job; may be repeated', appendTo)
    .option('--json', 'events, progress and printed lines as JSON lines on stdout')
    .option('--jobmanager <url>', 'runs it in a cluster: address of its REST API, e.g. http://127.0.0.1:8081')
    .option('--detached', 'with --jobmanager: prints the id of the job and does not wait for its end')
    .option('--stop-on-exit', 'with --jobmanager: Ctrl-C stops the job with a last checkpoint, instead of leaving it')
    .option('--token-file <file>', 'with --jobmanager: the token that its REST API asks for; or SLUICE_TOKEN')
    .addHelpText(
      'after',
      '\nEvery engine option is a flag too, e.g. --checkpoint.interval 1s; `sluice options` lists them.',
    )
  for (const key of OPTION_KEYS) {
    const option = new Option(`--${key} <value>`, optionRow(key).doc)
    run.addOption(key === 'parallelism' ? option : option.hideHelp())
  }
  run.action((job: string, flags: RunFlags) => asked(runArguments(job, flags)))
}

function declareOptions(program: Command, asked: (invocation: Invocation) => void): void {
  program
    .command('options')
    .description('lists every engine option with its default, limits and meaning')
    .option('--json', 'as JSON')
    .action((flags: { readonly json?: true }) => asked({ kind: 'options', form: formOf(flags) }))
}

function appendTo(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

function formOf({ json }: { readonly json?: true }): OutputForm {
  return json === true ? 'json' : 'text'
}

function runArguments(job: string, flags: RunFlags): RunArguments | SubmitArguments {
  const given = OPTION_KEYS.flatMap((key) => {
    const value = flags[key]
    return typeof value === 'string' ? [[key, value] as const] : []
  })
  const asked = {
    job,
    params: paramsOf(flags.param ?? []),
    layer: { origin: 'command line', values: Object.fromEntries(given) },
    start: flags.fresh === true ? 'fresh' : 'continue',
    form: formOf(flags),
  } as const
  refuseMixture(flags)
  const { jobmanager, stateDir, tokenFile } = flags
  if (jobmanager === undefined) return { kind: 'run', ...asked, stateDir }
  return { kind: 'submit', ...asked, jobManager: jobmanager, tokenFile, attachment: attachmentOf(flags) }
}

function attachmentOf({ detached, stopOnExit }: RunFlags): SubmitArguments['attachment'] {
  if (detached === true) return 'detach'
  return stopOnExit === true ? 'own' : 'follow'
}

function refuseMixture({ jobmanager, stateDir, detached, stopOnExit, tokenFile }: RunFlags): void {
  if (jobmanager !== undefined && stateDir !== undefined)
    throw notUnderstood(
      '--state-dir is for jobs in this process; a cluster keeps checkpoints on its storage',
      'sluice run',
    )
  if (detached === true && stopOnExit === true)
    throw notUnderstood('--detached does not wait for the end of the job, --stop-on-exit does', 'sluice run')
  const lonely = [detached && '--detached', stopOnExit && '--stop-on-exit', tokenFile && '--token-file']
  const flag = lonely.find((name) => typeof name === 'string')
  if (jobmanager === undefined && flag !== undefined)
    throw notUnderstood(`${flag} is for jobs of a cluster`, 'sluice run', 'Give --jobmanager URL too.')
}

function paramsOf(words: readonly string[]): Readonly<Record<string, string>> {
  const entries = words.map((word) => {
    const at = word.indexOf('=')
    if (at <= 0)
      throw notUnderstood(`--param ${word} is not a name and a value`, 'sluice run', 'Write --param name=value.')
    return [word.slice(0, at), word.slice(at + 1)] as const
  })
  return Object.fromEntries(entries)
}

function asUsageError({ code, message }: CommanderError, words: readonly string[]): EngineError {
  if (code === 'commander.help') return notUnderstood(`there is no command "${words[1]}"`, 'sluice')
  const what = (message.replace(/^error: /, '').split('\n')[0] ?? message).replace(/\.$/, '')
  const command = COMMANDS.find((name) => name === words[0])
  return notUnderstood(what, command === undefined ? 'sluice' : `sluice ${command}`, suggestion(code, what, command))
}

const COMMANDS = ['run', 'options', ...DAEMON_COMMANDS, ...REMOTE_COMMANDS]
const RUN_FLAGS = [
  'state-dir',
  'fresh',
  'param',
  'json',
  'help',
  'jobmanager',
  'detached',
  'stop-on-exit',
  'token-file',
]
const OTHER_FLAGS = [...RUN_FLAGS, ...DAEMON_FLAGS, ...REMOTE_FLAGS]

function suggestion(code: string, what: string, command: string | undefined): string {
  const unknown = /'(?:--)?([^'=]+)[^']*'/.exec(what)?.[1]
  if (unknown === undefined) return ''
  if (code === 'commander.unknownCommand') return hintOf(nearestName(unknown, COMMANDS), '')
  if (code !== 'commander.unknownOption') return ''
  const nearest = nearestName(unknown, [...OPTION_KEYS, ...OTHER_FLAGS])
  if (nearest !== unknown) return hintOf(nearest, '--')
  return command === undefined
    ? `Write it behind the command: sluice run <job> --${unknown}.`
    : `--${unknown} takes no value.`
}

function hintOf(nearest: string | undefined, dashes: string): string {
  return nearest === undefined ? '' : `Did you mean ${dashes}${nearest}?`
}

function notUnderstood(what: string, command: string, hint = ''): EngineError {
  const help = `See ${command} --help.`
  return new EngineError('CLI1001', `${what}. Nothing was started. ${hint === '' ? help : `${hint} ${help}`}`)
}
