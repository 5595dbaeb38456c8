/** The command line. Data goes to stdout, everything else to stderr; exit codes are in exit-codes.ts. */
import { asEngineError, errorToData } from '../base/errors.ts'
import { deferred } from '../base/deferred.ts'
import { lineOutput, type LineOutput } from '../cluster/line-output.ts'
import { packageVersion } from '../cluster/package-version.ts'
import { parseArguments, type Invocation, type OutputForm } from './arguments.ts'
import { errorLines } from './error-text.ts'
import { EXIT } from './exit-codes.ts'
import { LiveBlock, type TerminalSize } from './live-block.ts'
import type { RunView } from './run-view.ts'

const STDOUT = 1
const STDERR = 2
/** For a terminal that does not tell its size. */
const COLUMNS_UNKNOWN = 80
const ROWS_UNKNOWN = 24

/** Runs one command; resolves with the exit code. */
export async function main(words: readonly string[]): Promise<number> {
  const stderr = lineOutput(STDERR)
  try {
    return await perform(parseArguments(words, packageVersion()), stderr)
  } catch (thrown) {
    const error = errorToData(asEngineError(thrown, 'INT1001', 'the command failed'))
    if (words[0] === 'run' && words.includes('--json')) (await jsonView(lineOutput(STDOUT), stderr)).onRefused(error)
    else for (const line of errorLines(error)) stderr.writeLine(line)
    return EXIT.refused
  }
}

async function perform(invocation: Invocation, stderr: LineOutput): Promise<number> {
  switch (invocation.kind) {
    case 'run': {
      const { runCommand } = await import('./run-command.ts')
      const closed = deferred<void>()
      const stdout = lineOutput(STDOUT, () => closed.resolve())
      return runCommand(invocation, await viewFor(invocation.form, stdout, stderr), closed.promise)
    }
    case 'submit': {
      const { submitCommand } = await import('./submit-command.ts')
      return submitCommand(invocation, await viewFor(invocation.form, lineOutput(STDOUT), stderr), lineOutput(STDOUT))
    }
    case 'jobmanager': {
      const { jobManagerCommand } = await import('./jobmanager-command.ts')
      return jobManagerCommand(invocation, lineOutput(STDOUT), stderr)
    }
    case 'taskmanager': {
      const { taskManagerCommand } = await import('./taskmanager-command.ts')
      return taskManagerCommand(invocation, lineOutput(STDOUT), stderr)
    }
    case 'cluster': {
      const { clusterCommand } = await import('./cluster-command.ts')
      return clusterCommand(invocation, lineOutput(STDOUT), stderr)
    }
    case 'remote': {
      const { remoteCommand } = await import('./remote-command.ts')
      return remoteCommand(invocation, lineOutput(STDOUT), stderr)
    }
    case 'options': {
      const { optionsCommand } = await import('./options-command.ts')
      optionsCommand(invocation.form, lineOutput(STDOUT))
      return EXIT.done
    }
    case 'answered':
      return EXIT.done
  }
}

async function viewFor(form: OutputForm, stdout: LineOutput, stderr: LineOutput): Promise<RunView> {
  if (form === 'json') return jsonView(stdout, stderr)
  const { TextView } = await import('./text-view.ts')
  const block = process.stderr.isTTY ? new LiveBlock(stderr, terminalSize) : undefined
  return new TextView({ stdout, stderr, block, nowMs: () => performance.now() })
}

function terminalSize(): TerminalSize {
  return { columns: process.stderr.columns || COLUMNS_UNKNOWN, rows: process.stderr.rows || ROWS_UNKNOWN }
}

async function jsonView(stdout: LineOutput, stderr: LineOutput): Promise<RunView> {
  const { JsonView } = await import('./json-view.ts')
  // the job's own words, in this thread too, must not come between the JSON lines
  console.log = console.error
  process.stdout.write = process.stderr.write.bind(process.stderr)
  return new JsonView({ stdout, stderr, clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() } })
}
