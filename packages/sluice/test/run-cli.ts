/** The command line in a process of its own, watched line by line. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const SCRIPT = fileURLToPath(new URL('../bin/sluice.js', import.meta.url))

export interface CliRun {
  /** Whole lines so far. */
  readonly stdout: readonly string[]
  readonly stderr: readonly string[]
  /** Resolves with the first line of stdout, past or to come, that fits; rejects when the process ends without one. */
  line(fits: (line: string) => boolean): Promise<string>
  signal(signal: NodeJS.Signals): void
  /** Stops reading stdout, as `head` does. */
  closeOutput(): void
  /** Resolves with the exit code when both streams are at their end. */
  readonly exit: Promise<number | null>
}

export function fixture(job: string): string {
  return fileURLToPath(new URL(`./jobs/${job}`, import.meta.url))
}

export function startCli(
  words: readonly string[],
  cwd: string,
  variables: Readonly<Record<string, string>> = {},
): CliRun {
  const env = { ...process.env, ...variables }
  const child = spawn(process.execPath, [SCRIPT, ...words], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const stdout: string[] = []
  const stderr: string[] = []
  const watchers = new Set<() => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    stdout.push(line)
    for (const watch of watchers) watch()
  })
  createInterface({ input: child.stderr }).on('line', (line) => void stderr.push(line))
  const exit = new Promise<number | null>((resolve) => void child.once('close', (code) => resolve(code)))
  return {
    stdout,
    stderr,
    line: (fits) =>
      new Promise((resolve, reject) => {
        const watch = (): void => {
          const found = stdout.find(fits)
          if (found === undefined) return
          watchers.delete(watch)
          resolve(found)
        }
        watchers.add(watch)
        watch()
        void exit.then(() =>
          reject(new TypeError(`the process ended without the line:\n${[...stdout, ...stderr].join('\n')}`)),
        )
      }),
    signal: (signal) => void child.kill(signal),
    closeOutput: () => void child.stdout.destroy(),
    exit,
  }
}

export interface FinishedCli {
  readonly code: number | null
  readonly stdout: readonly string[]
  readonly stderr: string
}

export async function runCli(
  words: readonly string[],
  cwd: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<FinishedCli> {
  const run = startCli(words, cwd, variables)
  const code = await run.exit
  return { code, stdout: run.stdout, stderr: run.stderr.join('\n') }
}

/** The JSON lines of one type. */
export function jsonLines(lines: readonly string[], type: string): readonly Readonly<Record<string, unknown>>[] {
  return lines.map((line): Record<string, unknown> => JSON.parse(line)).filter((value) => value['type'] === type)
}
