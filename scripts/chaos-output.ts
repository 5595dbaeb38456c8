/** What the job of the chaos run must have committed: computed again by a plain loop, and compared record by record. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface CountedLine {
  readonly index: number
  /** How many records its key has had, with this one. */
  readonly n: number
  readonly sum: number
}

/** Sequences of the source: records with the same remainder are in order. */
export const SPLITS = 12
const VALUE_RANGE = 1000
const SCATTER = 7919
const COUNTED_LINE = /^\{"index":(\d+),"n":(\d+),"sum":(\d+)\}$/

/** The number that record `index` adds to the sum of its key. */
export function valueOf(index: number): number {
  return (index * SCATTER) % VALUE_RANGE
}

export interface OutputCheck {
  readonly lineCount: number
  /** Records before the last of their sequence, or that the last checkpoint had, that were not committed. */
  readonly lost: number
  readonly duplicated: number
  /** Lines that are not what the batch computation gives. */
  readonly wrong: number
  /** Hidden files that nothing will commit any more. */
  readonly leftovers: readonly string[]
}

export function isWhole({ lineCount, lost, duplicated, wrong, leftovers }: OutputCheck): boolean {
  return lineCount > 0 && lost === 0 && duplicated === 0 && wrong === 0 && leftovers.length === 0
}

/** Of the job in chaos-keyed-job.ts, after it was stopped. `lastIndexes`: how far each sequence went, as the last attempt saw it. */
export async function checkCounted(folder: string, keys: number, lastIndexes: readonly number[]): Promise<OutputCheck> {
  const seen = new SeenIndexes()
  let [lineCount, duplicated, wrong] = [0, 0, 0]
  const { leftovers } = await eachCommittedLine(folder, (line) => {
    lineCount++
    const [, index, n, sum] = COUNTED_LINE.exec(line) ?? []
    if (index === undefined) wrong++
    else if (!seen.add(Number(index), Number(n), Number(sum))) duplicated++
  })
  const ends = lastIndexes.map((last, split) => Math.max(last, seen.lastOf(split)))
  const { lost, wrong: different } = seen.compare(keys, ends)
  return { lineCount, lost, duplicated, wrong: wrong + different, leftovers }
}

/** Compact: millions of them. */
class SeenIndexes {
  #counts = new Int32Array(1 << 16)
  #sums = new Float64Array(1 << 16)
  readonly #last: number[] = Array.from({ length: SPLITS }, () => -1)

  /** False when it was there. */
  add(index: number, n: number, sum: number): boolean {
    if (index >= this.#counts.length) this.#grow(index)
    if (this.#counts[index] !== 0) return false
    this.#counts[index] = n
    this.#sums[index] = sum
    this.#last[index % SPLITS] = Math.max(this.lastOf(index % SPLITS), index)
    return true
  }

  lastOf(split: number): number {
    return this.#last[split] ?? -1
  }

  /** The batch computation: one loop over all records that should be there. */
  compare(keys: number, ends: readonly number[]): { readonly lost: number; readonly wrong: number } {
    const sums = new Float64Array(keys)
    let [lost, wrong] = [0, 0]
    for (let index = 0; index <= Math.max(...ends); index++) {
      if (index > (ends[index % SPLITS] ?? -1)) continue
      const key = index % keys
      const sum = (sums[key] ?? 0) + valueOf(index)
      sums[key] = sum
      const n = this.#counts[index] ?? 0
      if (n === 0) lost++
      else if (n !== Math.floor(index / keys) + 1 || this.#sums[index] !== sum) wrong++
    }
    return { lost, wrong }
  }

  #grow(index: number): void {
    const length = Math.max(index + 1, this.#counts.length * 2)
    const [counts, sums] = [this.#counts, this.#sums]
    this.#counts = new Int32Array(length)
    this.#sums = new Float64Array(length)
    this.#counts.set(counts)
    this.#sums.set(sums)
  }
}

/** Of a job whose committed lines must be exactly these. */
export async function checkLines(folder: string, expected: readonly string[]): Promise<OutputCheck> {
  const missing = new Map<string, number>()
  for (const line of expected) missing.set(line, (missing.get(line) ?? 0) + 1)
  const known = new Set(expected)
  let [lineCount, duplicated, wrong] = [0, 0, 0]
  const { leftovers } = await eachCommittedLine(folder, (line) => {
    lineCount++
    const left = missing.get(line) ?? 0
    if (left > 0) missing.set(line, left - 1)
    else if (known.has(line)) duplicated++
    else wrong++
  })
  const lost = [...missing.values()].reduce((sum, count) => sum + count, 0)
  return { lineCount, lost, duplicated, wrong, leftovers }
}

async function eachCommittedLine(
  folder: string,
  visit: (line: string) => void,
): Promise<{ readonly leftovers: readonly string[] }> {
  const leftovers: string[] = []
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    if (path.includes('.in-progress')) {
      if (entry.name !== 'run') leftovers.push(path)
      continue
    }
    const text = await readFile(path, 'utf8')
    for (const line of text.split('\n').slice(0, -1)) visit(line)
    if (text !== '' && !text.endsWith('\n')) leftovers.push(`${path}: its last line has no end`)
  }
  return { leftovers }
}
