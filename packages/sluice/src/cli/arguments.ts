/** From the words of the command line to what is asked for. */
import { Command, CommanderError, Option } from 'commander'
import { EngineError } from '../base/errors.ts'
import type { OptionLayer } from '../config/option-layers.ts'
import { OPTION_KEYS, optionRow } from '../config/options.ts'
import { nearestName } from '../config/nearest-name.ts'

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

export type Invocation =
  | RunArguments
  | { readonly kind: 'options'; readonly form: OutputForm }
  /** Help or version: already printed. */
  | { readonly kind: 'answered' }

interface RunFlags {
  readonly stateDir?: string
  readonly fresh?: true
  readonly json?: true
  readonly param?: readonly string[]
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
  for (const command of [program, ...program.commands])
    command.exitOverride().configureOutput({ outputError: () => {} })
  if (words.length === 0) throw notUnderstood('no command was given', 'sluice')
  try {
    program.parse(words, { from: 'user' })
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown
    if (thrown.exitCode !== 0) throw asUsageError(thrown, words)
  }
  return invocation
}

function declareRun(program: Command, asked: (invocation: RunArguments) => void): void {
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

function runArguments(job: string, flags: RunFlags): RunArguments {
  const given = OPTION_KEYS.flatMap((key) => {
    const value = flags[key]
    return typeof value === 'string' ? [[key, value] as const] : []
  })
  return {
    kind: 'run',
    job,
    params: paramsOf(flags.param ?? []),
    layer: { origin: 'command line', values: Object.fromEntries(given) },
    stateDir: flags.stateDir,
    start: flags.fresh === true ? 'fresh' : 'continue',
    form: formOf(flags),
  }
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

const COMMANDS = ['run', 'options']
const OTHER_FLAGS = ['state-dir', 'fresh', 'param', 'json', 'help']

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
