import { createReadStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createNodeEnv } from '../../packages/sluice/src/cluster/node-env.ts'
import { csvSource } from '../../packages/sluice/src/files.ts'
import { withTempFolder } from '../temp-folder.ts'

export interface CsvTask {
  readonly reader: 'source' | 'split'
  readonly rows: number
}

export interface CsvMeasurement {
  readonly rows: number
  readonly processingMs: number
  /** Of a column: shows that both have read the same. */
  readonly sum: number
}

interface Row {
  readonly id: number | null
  readonly price: number | null
}

const TYPES = { id: 'number', price: 'number' } as const

/** Rows of a file of eight columns, two of them numbers, one of them quoted: as a source gives them, or by lines that are split at commas. */
export function measureCsv({ reader, rows }: CsvTask): Promise<CsvMeasurement> {
  return withTempFolder(async (folder) => {
    const path = join(folder, 'rows.csv')
    const text = Array.from(
      { length: rows },
      (_, n) => `${n},${n % 977}.25,city ${n % 100},"plain",x,y,2026-01-31T10:00:00Z,true`,
    )
    writeFileSync(path, `id,price,city,note,a,b,at,flag\n${text.join('\n')}\n`)
    const startMs = performance.now()
    const sum = reader === 'source' ? await bySource(path) : await bySplit(path)
    return { rows, processingMs: performance.now() - startMs, sum }
  })
}

/** Its enumerator and reader alone, without the engine. */
async function bySource(path: string): Promise<number> {
  const env = createNodeEnv({ stdout: { writeLine: () => {} } })
  const source = csvSource(path, { types: TYPES })
  let sum = 0
  const emit = ({ price }: Row): void => void (sum += price ?? 0)
  await new Promise<void>((resolve, reject) => {
    const reader = source.createReader({
      disk: env.disk,
      env,
      subtask: 0,
      parallelism: 1,
      wake: () => void setImmediate(poll),
      requestSplit: () => setImmediate(() => enumerator.onSplitRequest(0)),
      sendSourceEvent: () => {},
      fail: reject,
      count: () => {},
    })
    const enumerator = source.createEnumerator(
      {
        env,
        parallelism: 1,
        registeredReaders: () => [0],
        assign: (_, splits) => reader.addSplits(splits),
        noMoreSplits: () => reader.noMoreSplits(),
        sendEventToSourceReader: () => {},
        callAsync: () => ({ cancel: () => {} }),
        fail: reject,
      },
      undefined,
    )
    const output = {
      split: () => ({ emit }),
      finishSplit: () => {},
      expectSplit: () => {},
      sideOutput: () => {},
      isFull: () => false,
    }
    const poll = (): void => {
      let result = reader.poll(output, 512)
      while (result === 'more') result = reader.poll(output, 512)
      if (result === 'end') resolve()
    }
    enumerator.start().then(() => reader.start(), reject)
  })
  return sum
}

/** Wrong as soon as a field has a comma or a line break. */
async function bySplit(path: string): Promise<number> {
  let sum = 0
  let names: readonly string[] | undefined
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    const fields = line.split(',')
    if (names === undefined) {
      names = fields
      continue
    }
    const [id, price, city, note, a, b, at, flag] = fields
    const row = { id: Number(id), price: Number(price), city, note: note?.slice(1, -1), a, b, at, flag }
    sum += row.price
  }
  return sum
}
