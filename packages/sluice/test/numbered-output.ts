/** What jobs/numbered.ts has to commit, and what it has committed. */
import { committedOutput } from './temp-folder.ts'

const KEYS = 100

export interface NumberedSummary {
  readonly lost: number
  /** Lines beyond the first of the same key and number. */
  readonly repeated: number
  readonly leftovers: readonly string[]
}

export const WHOLE: NumberedSummary = { lost: 0, repeated: 0, leftovers: [] }

export async function numberedSummary(folder: string, count: number): Promise<NumberedSummary> {
  const { lines, leftovers } = await committedOutput(folder)
  const expected = new Set(
    Array.from({ length: count }, (_, index) => JSON.stringify({ key: index % KEYS, n: Math.floor(index / KEYS) + 1 })),
  )
  let repeated = 0
  let unknown = 0
  const seen = new Set<string>()
  for (const line of lines) {
    if (!expected.has(line)) unknown++
    else if (seen.has(line)) repeated++
    seen.add(line)
  }
  return { lost: expected.size - seen.size + unknown, repeated: repeated + unknown, leftovers }
}
