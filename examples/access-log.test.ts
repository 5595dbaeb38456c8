import { mkdir, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { type FinishedJob, finishJob } from '../packages/sluice/test/run-job.ts'
import { committedOutput, tempFolder } from '../packages/sluice/test/temp-folder.ts'
import { parseAccessLogLine } from './access-log/parse.ts'

const MINUTE_MS = 60_000
const START_MS = Date.UTC(2026, 2, 1, 0, 0)
/** Enough that watermarks go out long before the end of a file. */
const LINES_PER_FILE = 60_000
const LATE_LINES = 7

/** A request as it was made up, from which its line is written. */
interface Made {
  readonly client: string
  readonly timeMs: number
  readonly status: number
  readonly bytes: number
  readonly line: string
}

interface Row {
  readonly minute: string
  readonly statusClass: string
  readonly requests: number
  readonly bytes: number
  readonly clients: number
}

const CLIENTS = ['203.0.113.7', '2001:db8::8a2e:370:7334', 'host.example.org', '::1', '198.51.100.23']
const REQUESTS = [
  'GET / HTTP/1.1',
  'POST /a/b?c=%20d HTTP/2.0',
  String.raw`GET /\"quoted\" HTTP/1.1`,
  String.raw`\x16\x03\x01`,
  String.raw`GET /ends-with-backslash\\ HTTP/1.1`,
  '-',
]
const TAILS = ['', ' "-" "-"', ` "https://example.org/\\"x\\"" "Mozilla/5.0 (X11; Linux x86_64)"`]
const USERS = ['-', 'frank', '"two words"']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const ZONES = [0, 330, -420, 60]
const STATUSES = [200, 204, 301, 404, 404, 500, 101]
/** Not one of these is a log line. */
const MALFORMED = [
  'hello',
  '203.0.113.7 - - [32/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1',
  '203.0.113.7 - - [01/Foo/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1',
  '203.0.113.7 - - [01/Mar/2026:00:00:00 +0000] "GET / HTTP/1.1" 999 1',
  '203.0.113.7 - - [01/Mar/2026:00:00:00 +0000] "GET / HTTP/1.1',
  '203.0.113.7 - - [01/Mar/2026:24:00:00 +0000] "GET / HTTP/1.1" 200 1',
  '{"level":"info"}',
]
const NOT_UTF8 = Buffer.from([0xc3, 0x28, 0x41])

describe('the access log job over a folder with two files', () => {
  test('counts every minute as a plain loop does, and sets late and malformed lines aside', async () => {
    const { folder, inTime, late, letters } = await makeLogs()
    const { result, windows, lateOut, letterOut } = await runOver(folder, 1)
    expect(windows).toEqual(evaluate(inTime))
    expect(lateOut.map(timeOf).sort(ascending)).toEqual(late.map(timeOf).sort(ascending))
    expect(letterOut.sort()).toEqual([...letters].sort())
    expect(result.recordsRead).toBe(inTime.length + late.length + letters.length)
    expect(result.counters).toMatchObject({
      'requests/deadLetterRecords': letters.length,
      'dead-letter-out/writtenRecords': letters.length,
      'late-out/writtenRecords': late.length,
      'traffic-out/writtenRecords': windows.length,
    })
  })

  test('at parallelism 2 has every request in a window or in the late output, and in one of them only', async () => {
    const { folder, inTime, late, letters } = await makeLogs()
    const { windows, lateOut, letterOut } = await runOver(folder, 2)
    const requests = windows.reduce((sum, row) => sum + row.requests, 0)
    const bytes = [...windows, ...lateOut].reduce((sum, row) => sum + row.bytes, 0)
    expect(requests + lateOut.length).toBe(inTime.length + late.length)
    expect(bytes).toBe([...inTime, ...late].reduce((sum, made) => sum + made.bytes, 0))
    expect(letterOut.sort()).toEqual([...letters].sort())
  })
})

test('rotated logs, whose names sort the newest first, have no late lines', async () => {
  const folder = tempFolder()
  await mkdir(`${folder}/logs`)
  const made = Array.from({ length: LINES_PER_FILE }, (_, at) => makeRequest(at, START_MS + at * 1000))
  const older = made.slice(0, LINES_PER_FILE / 2)
  const newer = made.slice(LINES_PER_FILE / 2)
  await writeFile(`${folder}/logs/access.log`, newer.map(({ line }) => `${line}\n`).join(''))
  await writeFile(`${folder}/logs/access.log.1`, older.map(({ line }) => `${line}\n`).join(''))
  const { windows, lateOut } = await runOver(folder, 1)
  expect(lateOut).toEqual([])
  expect(windows).toEqual(evaluate(made))
})

test.for([1, 2, 3])(
  'logs of two servers over the same hours have no late lines at parallelism %i',
  async (parallelism) => {
    const folder = tempFolder()
    await mkdir(`${folder}/logs`)
    const made = Array.from({ length: LINES_PER_FILE }, (_, at) => makeRequest(at, START_MS + at * 500))
    for (const server of [0, 1]) {
      const lines = made.filter((_, at) => at % 2 === server).map(({ line }) => `${line}\n`)
      await writeFile(`${folder}/logs/web${server + 1}.log`, lines.join(''))
    }
    const { windows, lateOut } = await runOver(folder, parallelism)
    expect(lateOut).toEqual([])
    expect(windows).toEqual(evaluate(made))
  },
)

test('a log line is read field by field', () => {
  const line = String.raw`2001:db8::1 - "two words" [10/Oct/2000:13:55:36 -0700] "GET /\"a\" HTTP/1.0" 404 - "-" "curl"`
  expect(parseAccessLogLine(line)).toEqual({
    client: '2001:db8::1',
    timeMs: Date.UTC(2000, 9, 10, 20, 55, 36),
    method: 'GET',
    path: String.raw`/\"a\"`,
    status: 404,
    statusClass: '4xx',
    bytes: 0,
  })
})

interface Logs {
  readonly folder: string
  readonly inTime: readonly Made[]
  readonly late: readonly Made[]
  /** `file: line` of what is no log line. */
  readonly letters: readonly string[]
}

/** Each file goes on where the one before ends; the last lines of the last one are from the beginning of time. */
async function makeLogs(): Promise<Logs> {
  const folder = tempFolder()
  await mkdir(`${folder}/logs`)
  const inTime: Made[] = []
  const late: Made[] = []
  const letters: string[] = []
  for (const [index, name] of ['access-1.log', 'access-2.log'].entries()) {
    const first = index * LINES_PER_FILE
    const made = Array.from({ length: LINES_PER_FILE }, (_, at) =>
      makeRequest(first + at, START_MS + (first + at) * 100 - ((first + at) % 3) * 9000),
    )
    const old = Array.from({ length: index === 1 ? LATE_LINES : 0 }, (_, at) =>
      makeRequest(at, START_MS + at * 1000 + index),
    )
    const lines = made.map(({ line }) => line)
    lines.splice(1000, 0, ...MALFORMED, '')
    lines.push(...old.map(({ line }) => line))
    await writeFile(
      `${folder}/logs/${name}`,
      Buffer.concat([Buffer.from(`${lines.join('\n')}\n`), NOT_UTF8, Buffer.from('\n')]),
    )
    letters.push(...[...MALFORMED, NOT_UTF8.toString()].map((line) => `${name}: ${line}`))
    inTime.push(...made)
    late.push(...old)
  }
  return { folder, inTime, late, letters }
}

function makeRequest(n: number, timeMs: number): Made {
  const client = pick(CLIENTS, n)
  const status = pick(STATUSES, n)
  const bytes = n % 5 === 0 ? 0 : n * 3
  const time = logTime(timeMs, pick(ZONES, n))
  const line = `${client} - ${pick(USERS, n)} [${time}] "${pick(REQUESTS, n)}" ${status} ${bytes === 0 ? '-' : bytes}${pick(TAILS, n)}`
  return { client, timeMs: Math.floor(timeMs / 1000) * 1000, status, bytes, line }
}

function logTime(timeMs: number, zoneMinutes: number): string {
  const local = new Date(timeMs + zoneMinutes * MINUTE_MS)
  const zone = `${zoneMinutes < 0 ? '-' : '+'}${two(Math.floor(Math.abs(zoneMinutes) / 60))}${two(Math.abs(zoneMinutes) % 60)}`
  return `${two(local.getUTCDate())}/${pick(MONTHS, local.getUTCMonth())}/${local.getUTCFullYear()}:${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())} ${zone}`
}

/** The same by a plain loop. */
function evaluate(made: readonly Made[]): Row[] {
  const rows = new Map<string, { requests: number; bytes: number; clients: Set<string> }>()
  for (const { client, timeMs, status, bytes } of made) {
    const key = `${new Date(Math.floor(timeMs / MINUTE_MS) * MINUTE_MS).toISOString()} ${Math.floor(status / 100)}xx`
    const row = rows.get(key) ?? { requests: 0, bytes: 0, clients: new Set() }
    rows.set(key, row)
    row.requests += 1
    row.bytes += bytes
    row.clients.add(client)
  }
  const plain = [...rows].map(([key, { requests, bytes, clients }]) => {
    const [minute = '', statusClass = ''] = key.split(' ')
    return { minute, statusClass, requests, bytes, clients: clients.size }
  })
  return plain.sort(byMinute)
}

interface Outputs extends FinishedJob {
  readonly windows: Row[]
  readonly lateOut: { readonly timeMs: number; readonly bytes: number }[]
  readonly letterOut: string[]
}

async function runOver(folder: string, parallelism: number): Promise<Outputs> {
  const output = `${folder}/out`
  const options = { 'watermark.interval': '1ms' } as const
  const finished = await finishJob('examples/access-log.ts', {
    stateDir: `${folder}/state`,
    parallelism,
    params: { input: `${folder}/logs`, output },
    options,
  })
  const windows = await rowsOf<Row>(output)
  const letters = await rowsOf<{ readonly file: string; readonly line: string }>(`${output}/dead-letter`)
  return {
    ...finished,
    windows: windows.sort(byMinute),
    lateOut: await rowsOf(`${output}/late`),
    letterOut: letters.map(({ file, line }) => `${file.slice(file.lastIndexOf('/') + 1)}: ${line}`),
  }
}

async function rowsOf<T>(folder: string): Promise<T[]> {
  const { lines, leftovers } = await committedOutput(folder)
  expect(leftovers).toEqual([])
  return lines.map((line) => JSON.parse(line) as T) // written by the job
}

function timeOf({ timeMs }: { readonly timeMs: number }): number {
  return timeMs
}

function ascending(a: number, b: number): number {
  return a - b
}

function byMinute(a: Row, b: Row): number {
  return `${a.minute} ${a.statusClass}` < `${b.minute} ${b.statusClass}` ? -1 : 1
}

function pick<T>(items: readonly T[], n: number): T {
  const item = items[n % items.length]
  if (item === undefined) throw new TypeError('nothing to pick from')
  return item
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
