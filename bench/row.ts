/** What the benchmark consists of. */
import type { Spread } from './statistics.ts'

/** `quick` only shows that every row runs: its figures mean little. */
export type Scale = 'full' | 'quick'

export interface BenchRow {
  readonly name: string
  run(scale: Scale): Promise<readonly Figure[]>
}

/** One measured quantity: a line of the table. */
export interface Figure {
  readonly row: string
  readonly what: string
  readonly unit: string
  readonly value: Spread
  /** The same quantity of what it is compared with. */
  readonly reference?: Spread
  /** Value by reference, pair by pair; greater is better. */
  readonly ratio?: Spread
  readonly goal?: Goal
  /** For people: where the time went, what was checked. */
  readonly note?: string
}

/** Compared with the median of the ratio if there is one, else of the value. */
export interface Goal {
  readonly kind: 'at-least' | 'at-most'
  readonly limit: number
}

export function isMet({ value, ratio, goal }: Figure): boolean | undefined {
  if (goal === undefined) return undefined
  const { median } = ratio ?? value
  return goal.kind === 'at-least' ? median >= goal.limit : median <= goal.limit
}
