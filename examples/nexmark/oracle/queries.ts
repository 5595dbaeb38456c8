/** Every query with its oracle, and how what it writes is compared. */
import type { JobDefinition } from 'sluice'
import q0 from '../q0.ts'
import q1 from '../q1.ts'
import q2 from '../q2.ts'
import q3 from '../q3.ts'
import q4 from '../q4.ts'
import q5 from '../q5.ts'
import q6 from '../q6.ts'
import q7 from '../q7.ts'
import q8 from '../q8.ts'
import q9 from '../q9.ts'
import q10 from '../q10.ts'
import q11 from '../q11.ts'
import q12 from '../q12.ts'
import q13 from '../q13.ts'
import q14 from '../q14.ts'
import q15 from '../q15.ts'
import q16 from '../q16.ts'
import q17 from '../q17.ts'
import q18 from '../q18.ts'
import q19 from '../q19.ts'
import q20 from '../q20.ts'
import q21 from '../q21.ts'
import q22 from '../q22.ts'
import * as auctions from './auctions.ts'
import * as reports from './reports.ts'
import { groups, type Events, type Row } from './rows.ts'
import * as selections from './selections.ts'
import * as windows from './windows.ts'

export interface TestedQuery {
  readonly job: JobDefinition
  readonly oracle: (events: Events) => Row[]
  /** Of a query that updates rows: only the last one of each key is compared. */
  readonly updates?: RowUpdates
  /** Of a query that counts by the clock on the wall: only the totals are compared. */
  readonly total?: { readonly keyOf: (row: Row) => string; readonly field: string }
  /** So many times fewer events per second than of other queries. */
  readonly slowness?: number
  /** Of a query that does not write JSON. */
  readonly rowOf?: (written: WrittenLine) => Row
}

interface RowUpdates {
  readonly keyOf: (row: Row) => string
  readonly isNewer: (row: Row, than: Row) => boolean
}

export interface WrittenLine {
  /** Below that of the output; '' for the output itself. */
  readonly folder: string
  readonly line: string
}

export const QUERIES: Readonly<Record<string, TestedQuery>> = {
  q0: { job: q0, oracle: selections.q0 },
  q1: { job: q1, oracle: selections.q1 },
  q2: { job: q2, oracle: selections.q2 },
  q3: { job: q3, oracle: auctions.q3 },
  q4: { job: q4, oracle: auctions.q4, updates: { keyOf: fields('category'), isNewer: hasMore('sum') } },
  q5: { job: q5, oracle: windows.q5 },
  q6: { job: q6, oracle: auctions.q6 },
  q7: { job: q7, oracle: windows.q7 },
  q8: { job: q8, oracle: windows.q8 },
  q9: { job: q9, oracle: auctions.q9 },
  q10: { job: q10, oracle: selections.q10, slowness: 10, rowOf: ({ folder, line }) => ({ partition: folder, line }) },
  q11: { job: q11, oracle: windows.q11 },
  q12: { job: q12, oracle: windows.q12, total: { keyOf: fields('bidder'), field: 'bids' } },
  q13: { job: q13, oracle: selections.q13 },
  q14: { job: q14, oracle: selections.q14 },
  q15: { job: q15, oracle: reports.q15, updates: { keyOf: fields('day'), isNewer: hasMore('totalBids') } },
  q16: { job: q16, oracle: reports.q16, updates: { keyOf: fields('channel', 'day'), isNewer: hasMore('totalBids') } },
  q17: { job: q17, oracle: reports.q17, updates: { keyOf: fields('auction', 'day'), isNewer: hasMore('totalBids') } },
  q18: { job: q18, oracle: auctions.q18, updates: { keyOf: fields('bidder', 'auction'), isNewer: isLater } },
  q19: { job: q19, oracle: auctions.q19, updates: { keyOf: fields('auction', 'rank'), isNewer: isHigher } },
  q20: { job: q20, oracle: auctions.q20 },
  q21: { job: q21, oracle: selections.q21 },
  q22: { job: q22, oracle: selections.q22 },
}

/** The first difference between what a query has written and what its oracle says; undefined when there is none. */
export function differenceOf(query: TestedQuery, written: readonly WrittenLine[], events: Events): string | undefined {
  const { rowOf = jsonRow, updates, total } = query
  const rows = written.map(rowOf)
  const actual = texts(
    updates !== undefined ? lastRows(rows, updates) : total !== undefined ? totalRows(rows, total) : rows,
  )
  const expected = texts(query.oracle(events))
  const index = expected.findIndex((text, at) => text !== actual[at])
  if (index < 0 && actual.length === expected.length) return undefined
  const counts = `${actual.length} rows, ${expected.length} expected`
  return index < 0 ? `${counts}` : `${counts}; ${actual[index] ?? 'nothing'} instead of ${expected[index] ?? 'nothing'}`
}

function lastRows(rows: readonly Row[], { keyOf, isNewer }: RowUpdates): Row[] {
  const last = new Map<string, Row>()
  for (const row of rows) {
    const key = keyOf(row)
    const known = last.get(key)
    if (known === undefined || isNewer(row, known)) last.set(key, row)
  }
  return [...last.values()]
}

function totalRows(rows: readonly Row[], { keyOf, field }: NonNullable<TestedQuery['total']>): Row[] {
  return groups(rows, keyOf).map((group) => ({
    ...group[0],
    [field]: group.reduce((sum, row) => sum + Number(row[field]), 0),
  }))
}

function jsonRow({ line }: WrittenLine): Row {
  return JSON.parse(line) as Row // written by the query
}

/** Sorted, and with the fields of each row sorted. */
function texts(rows: readonly Row[]): string[] {
  return rows.map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))).sort()
}

function fields(...names: readonly string[]): (row: Row) => string {
  return (row) => names.map((name) => row[name]).join('/')
}

function hasMore(name: string): (row: Row, than: Row) => boolean {
  return (row, than) => Number(row[name]) > Number(than[name])
}

function isLater(row: Row, than: Row): boolean {
  return isAhead(row, than, ['dateTime', 'price'])
}

function isHigher(row: Row, than: Row): boolean {
  if (row['price'] !== than['price']) return isAhead(row, than, ['price'])
  return isAhead(than, row, ['dateTime']) || (row['dateTime'] === than['dateTime'] && isAhead(row, than, []))
}

/** By the first number that differs; by `extra` where none does. */
function isAhead(row: Row, than: Row, names: readonly string[]): boolean {
  const name = names.find((candidate) => row[candidate] !== than[candidate])
  if (name !== undefined) return Number(row[name]) > Number(than[name])
  return String(row['extra']) < String(than['extra'])
}
