import { describe, expect, test } from 'vitest'
import { simulate, type MemoryDisk, type SimOutput } from 'sluice/testing'
import { finishInline } from '../../packages/sluice/test/inline-job.ts'
import { NexmarkGenerator } from './generator.ts'
import { differenceOf, QUERIES, type WrittenLine } from './oracle/queries.ts'
import { byKind, type Events } from './oracle/rows.ts'

const OUTPUT = '/out'
/** Events per second of event time: so few that there are many windows. */
const RATE = 500
/** Forty seconds. */
const EVENTS = 20_000
/** Few events, again and again, until so many processes have crashed behind a checkpoint. A failure names its seed. */
const CRASHED = { events: 1500, rate: 50, crashes: 3, seedsMax: 30 } as const

const queries = Object.entries(QUERIES)

describe.each(queries)('%s', (name, query) => {
  test.each([1, 2, 4])('gives at parallelism %i what plain loops over the events give', async (parallelism) => {
    const rate = RATE / (query.slowness ?? 1)
    const params = { events: String(EVENTS), rate: String(rate), output: OUTPUT }
    const lines = await writtenLines(await finishInline(query.job, { parallelism, params }))
    expect(lines.length).toBeGreaterThan(0)
    expect(differenceOf(query, lines, eventsOf(EVENTS, rate))).toBeUndefined()
  })

  test('gives the same when processes crash', async () => {
    const rate = CRASHED.rate / (query.slowness ?? 1)
    const params = { events: String(CRASHED.events), rate: String(rate), output: OUTPUT }
    const check = (output: SimOutput): string | undefined => {
      const lines = [...output].flatMap(([folder, own]) => inFolder(folder, own))
      return differenceOf(query, lines, eventsOf(CRASHED.events, rate))
    }
    let crashes = 0
    for (let seed = 1; crashes < CRASHED.crashes; seed++) {
      expect(seed, `${crashes} crashes of ${name}`).toBeLessThanOrEqual(CRASHED.seedsMax)
      const { faults } = await simulate(query.job, { seed, params, compare: 'nothing', check })
      crashes += faults.crashesAfterCheckpoint
    }
  })
})

const made = new Map<string, Events>()

function eventsOf(count: number, rate: number): Events {
  const known = made.get(`${count} at ${rate}`)
  if (known !== undefined) return known
  const generator = new NexmarkGenerator(rate)
  const events = byKind(Array.from({ length: count }, (_, id) => generator.event(id)))
  made.set(`${count} at ${rate}`, events)
  return events
}

async function writtenLines(disk: MemoryDisk): Promise<readonly WrittenLine[]> {
  const paths = disk.files().filter((path) => path.startsWith(`${OUTPUT}/`) && !path.includes('/.'))
  const decoder = new TextDecoder()
  const texts = await Promise.all(paths.map(async (path) => decoder.decode(await disk.read(path))))
  return paths.flatMap((path, index) => inFolder(path.slice(0, path.lastIndexOf('/')), linesOf(texts[index] ?? '')))
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').slice(0, -1)
}

/** Folders below that of the output matter to the query that makes any. */
function inFolder(folder: string, lines: readonly string[]): readonly WrittenLine[] {
  return lines.map((line) => ({ folder: folder.slice(OUTPUT.length + 1), line }))
}
