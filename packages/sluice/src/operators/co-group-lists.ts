/** What a window over two inputs holds: the records of each side. Plain data: it is state. */
import type { CoGroupedRecord } from './co-group-definition.ts'
import type { AggregateFunction } from './window-definition.ts'

export interface SideLists {
  /** Null where no record came yet: most windows of most jobs have records of one side first. */
  lefts: unknown[] | null
  rights: unknown[] | null
}

export type Side = CoGroupedRecord<unknown, unknown>['side']

/** Which input the record at hand came from. One for each operator instance: its inputs set it before each record. */
export interface InputSide {
  current: Side
}

/** Collects records by side, so that the window operators need not know that there are two. */
export function listsBySide(side: InputSide): AggregateFunction<unknown, SideLists, SideLists> {
  return {
    createAccumulator: () => ({ lefts: null, rights: null }),
    add: (value, lists) => {
      if (side.current === 'left') lists.lefts = appended(lists.lefts, value)
      else lists.rights = appended(lists.rights, value)
      return lists
    },
    getResult: (lists) => lists,
  }
}

/** The same for windows that merge. */
export function mergingListsBySide(side: InputSide): AggregateFunction<unknown, SideLists, SideLists> {
  return {
    ...listsBySide(side),
    merge: (first, second) => {
      first.lefts = joined(first.lefts, second.lefts)
      first.rights = joined(first.rights, second.rights)
      return first
    },
  }
}

/** Records that were kept together, by side. */
export function takenApart(records: readonly CoGroupedRecord<unknown, unknown>[]): SideLists {
  const lists: SideLists = { lefts: null, rights: null }
  for (const { side, value } of records) {
    if (side === 'left') lists.lefts = appended(lists.lefts, value)
    else lists.rights = appended(lists.rights, value)
  }
  return lists
}

function appended(list: unknown[] | null, value: unknown): unknown[] {
  if (list === null) return [value]
  list.push(value)
  return list
}

function joined(first: unknown[] | null, second: unknown[] | null): unknown[] | null {
  if (first === null || second === null) return first ?? second
  for (const value of second) first.push(value)
  return first
}
