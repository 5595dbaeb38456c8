/** Input of simulated jobs, drawn from the seed. */
import type { Random } from '../base/env.ts'
import { below } from '../base/random.ts'

export interface SimEvent {
  /** Index in the order of the input. */
  readonly id: number
  readonly key: string
  readonly timeMs: number
  readonly amount: number
}

export interface DrawnEvents {
  readonly count: number
  /** How far the time of an event may be off its place in the order. */
  readonly disorderMs: number
}

/** Event time between two events that follow one another, on average. */
const STEP_MS = 100
const KEYS = ['ada', 'bob', 'cleo', 'dora', 'eve', 'finn', 'gus']

export function drawEvents(random: Random, { count, disorderMs }: DrawnEvents): readonly SimEvent[] {
  const keyCount = 1 + below(random, KEYS.length)
  return Array.from({ length: count }, (_, id) => ({
    id,
    key: KEYS[below(random, keyCount)] ?? 'ada',
    timeMs: disorderMs + id * STEP_MS + below(random, disorderMs),
    amount: 1 + below(random, 9),
  }))
}

/** As JSON lines in files whose names sort in the order of the events. */
export function inFiles(
  folder: string,
  events: readonly SimEvent[],
  fileCount: number,
): Readonly<Record<string, string>> {
  const perFile = Math.ceil(events.length / fileCount)
  const files = Array.from({ length: fileCount }, (_, file) => {
    const text = events.slice(file * perFile, (file + 1) * perFile).map((event) => `${JSON.stringify(event)}\n`)
    return [`/${folder}/${String(file).padStart(3, '0')}.jsonl`, text.join('')]
  })
  return Object.fromEntries(files)
}
