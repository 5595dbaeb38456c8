/**
 * The answer of examples/flight-delays.ts by a plain loop over the whole file: no engine, no windows, no watermarks. What the job commits
 * must equal it line by line.
 */
import { readFile } from 'node:fs/promises'
import { zstdDecompressSync } from 'node:zlib'
import { parquetMetadata, parquetRead } from 'hyparquet'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

interface Cell {
  departures: number
  delaySum: number
  delayMax: number
}

/** The output lines of the flights job, sorted. */
export async function batchFlightDelays(path: string): Promise<string[]> {
  const cells = new Map<string, Map<number, Cell>>()
  await forEachFlight(path, (origin, departureMs, delay) => {
    const start = Math.floor(departureMs / HOUR_MS) * HOUR_MS
    const hours = cells.get(origin) ?? new Map<number, Cell>()
    cells.set(origin, hours)
    const cell = hours.get(start) ?? { departures: 0, delaySum: 0, delayMax: Number.NEGATIVE_INFINITY }
    hours.set(start, cell)
    cell.departures += 1
    cell.delaySum += delay
    cell.delayMax = Math.max(cell.delayMax, delay)
  })
  const lines: string[] = []
  for (const [origin, hours] of cells) {
    for (const [start, { departures, delaySum, delayMax }] of hours) {
      const windowStart = new Date(start).toISOString()
      const windowEnd = new Date(start + HOUR_MS).toISOString()
      lines.push(JSON.stringify({ origin, windowStart, windowEnd, departures, delaySum, delayMax }))
    }
  }
  return lines.sort()
}

async function forEachFlight(
  path: string,
  visit: (origin: string, departureMs: number, delay: number) => void,
): Promise<void> {
  const bytes = await readFile(path)
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const compressors = { ZSTD: (input: Uint8Array) => zstdDecompressSync(input) }
  let first = 0
  for (const { num_rows } of parquetMetadata(file).row_groups) {
    const last = first + Number(num_rows)
    await parquetRead({
      file,
      compressors,
      columns: ['date', 'delay', 'origin'],
      rowStart: first,
      rowEnd: last,
      onComplete: (rows: unknown[][]) => {
        for (const [date, delay, origin] of rows)
          visit(String(origin), Number(date) + Number(delay) * MINUTE_MS, Number(delay))
      },
    })
    first = last
  }
}
