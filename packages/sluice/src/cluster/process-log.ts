/** The log of a JobManager or TaskManager: lines on stderr, and the newest of them in memory for the REST API. Secrets never get in. */
import type { Log, LogFields, LogLevel } from '../base/log.ts'
import type { Secret } from '../base/secret.ts'
import type { Labels, Sample } from '../metrics/sample.ts'
import type { LineOutput } from './line-output.ts'
import { LogRedaction } from './log-redaction.ts'

export interface ProcessLogOptions {
  readonly level: LogLevel
  readonly format: 'text' | 'json'
  readonly output: Pick<LineOutput, 'writeLine'>
  readonly wallMs: () => number
  /** Of this process: what equals one of them is never written. */
  readonly secrets?: readonly (Secret | undefined)[]
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }
/** Of the newest lines, what is kept in memory. */
export const LOG_TAIL_BYTES_MAX = 256 * 1024

export class ProcessLog implements Log {
  readonly #options: ProcessLogOptions
  readonly #redaction: LogRedaction
  readonly #tail = new LogTail(LOG_TAIL_BYTES_MAX)
  readonly #lineCounts: Record<LogLevel, number> = { debug: 0, info: 0, warn: 0, error: 0 }
  #identity: LogFields = {}

  constructor(options: ProcessLogOptions) {
    this.#options = options
    this.#redaction = new LogRedaction(options.secrets ?? [])
  }

  /** Who writes: stands in every line for programs; people see one process at a time. */
  identify(identity: LogFields): void {
    this.#identity = identity
  }

  write(level: LogLevel, text: string, fields: LogFields = {}): void {
    if (RANK[level] < RANK[this.#options.level]) return
    this.#lineCounts[level]++
    const line = this.#lineOf(level, this.#redaction.text(text), this.#redaction.fields(fields))
    this.#options.output.writeLine(line)
    this.#tail.add(line)
  }

  /** A line that jobs printed: it has been written elsewhere, and can be looked up here too. */
  keep(line: string): void {
    this.#tail.add(this.#redaction.printed(line))
  }

  /** Lines written since the start. */
  get lineCounts(): Readonly<Record<LogLevel, number>> {
    return this.#lineCounts
  }

  /** The newest whole lines, at most so many bytes. */
  newest(bytesMax: number): string {
    return this.#tail.text(bytesMax)
  }

  #lineOf(level: LogLevel, text: string, fields: LogFields): string {
    const { format, wallMs } = this.#options
    const at = new Date(wallMs()).toISOString()
    if (format === 'text') return textLine(at, level, text, fields)
    return jsonLine(at, level, text, { ...this.#identity, ...fields })
  }
}

/** @param labels of the process */
export function logSamples({ lineCounts }: ProcessLog, labels: Labels): readonly Sample[] {
  return Object.entries(lineCounts).map(([level, value]) => ({
    metric: 'sluice_log_lines_total',
    labels: { ...labels, level },
    value,
  }))
}

function jsonLine(at: string, level: LogLevel, text: string, fields: LogFields): string {
  return JSON.stringify({ at, level, text, ...fields })
}

/** Further lines of a text are indented, so that they are seen to belong to the first. */
function textLine(at: string, level: LogLevel, text: string, fields: LogFields): string {
  const named = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
  const where = named.length === 0 ? '' : `  (${named.join(' ')})`
  return `${at} ${level.toUpperCase().padEnd(5)} ${text.replaceAll('\n', '\n  ')}${where}`
}

/** Lines in order of arrival; the oldest fall out. */
class LogTail {
  readonly #bytesMax: number
  #lines: string[] = []
  #first = 0
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  add(line: string): void {
    const kept = line.length > this.#bytesMax / 2 ? `${line.slice(0, this.#bytesMax / 2)}…` : line
    this.#lines.push(kept)
    this.#bytes += sizeOf(kept)
    while (this.#bytes > this.#bytesMax) this.#dropFirst()
    if (this.#first > this.#lines.length / 2) this.#compact()
  }

  text(bytesMax: number): string {
    let start = this.#lines.length
    let bytes = 0
    while (start > this.#first && bytes + sizeOf(this.#lines[start - 1]) <= bytesMax) {
      start -= 1
      bytes += sizeOf(this.#lines[start])
    }
    return this.#lines
      .slice(start)
      .map((line) => `${line}\n`)
      .join('')
  }

  #dropFirst(): void {
    this.#bytes -= sizeOf(this.#lines[this.#first])
    this.#first += 1
  }

  #compact(): void {
    this.#lines = this.#lines.slice(this.#first)
    this.#first = 0
  }
}

function sizeOf(line: string | undefined): number {
  return line === undefined ? 0 : Buffer.byteLength(line) + 1
}
