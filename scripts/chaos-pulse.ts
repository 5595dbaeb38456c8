/** What the pulse sink of the job (chaos-keyed-job.ts) wrote down: when each writer had its first record, and how far it came. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SPLITS } from './chaos-output.ts'

const FIRST = '.first'
const LAST = '.last'

export class Pulse {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  writers(): ReadonlySet<string> {
    return new Set(this.#names(FIRST))
  }

  /** Wall milliseconds of the first record of each writer that is not among these. */
  beatsBeside(known: ReadonlySet<string>): readonly { readonly incarnation: string; readonly atMs: number }[] {
    return this.#names(FIRST)
      .filter((name) => !known.has(name))
      .flatMap((name) => {
        const atMs = Number(readFileSync(join(this.#folder, name + FIRST), 'utf8'))
        return atMs > 0 ? [{ incarnation: incarnationOf(name), atMs }] : [] // 0: created, not written yet
      })
  }

  /** Index of the last record of each sequence that the attempt of this checkpoint saw before it; -1 where it saw none. */
  lastIndexes(checkpoint: number): readonly number[] {
    const names = this.#names(LAST).filter((name) => name.startsWith(`${checkpoint}_`))
    const ends: number[] = Array.from({ length: SPLITS }, () => -1)
    for (const name of names) {
      const seen = JSON.parse(readFileSync(join(this.#folder, name + LAST), 'utf8')) as readonly number[]
      for (const [split, last] of seen.entries()) ends[split] = Math.max(ends[split] ?? -1, last)
    }
    return ends
  }

  #names(extension: string): readonly string[] {
    try {
      return readdirSync(this.#folder)
        .filter((name) => name.endsWith(extension))
        .map((name) => name.slice(0, -extension.length))
    } catch {
      return [] // no task has started yet
    }
  }
}

function incarnationOf(name: string): string {
  return name.slice(0, name.lastIndexOf('_'))
}
