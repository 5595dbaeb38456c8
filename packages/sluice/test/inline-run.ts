/** A whole job in one thread on a manual clock and a disk in memory: `numbered` records, as in jobs/numbered.ts, into files. */
import { defineJob } from '../src/api/define-job.ts'
import type { Disk } from '../src/base/env.ts'
import type { OptionKey } from '../src/config/options.ts'
import { datagenSource } from '../src/connector/datagen-source.ts'
import { jsonLinesSink } from '../src/connector/file-sink.ts'
import { valueState } from '../src/state/descriptors.ts'
import type { MemoryDisk } from '../src/testing/memory-disk.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { type InlineJob, startJob } from './inline-job.ts'

export { STATE } from './inline-job.ts'
export const OUTPUT = '/output'
export const COUNT = 20_000
const KEYS = 50
const SLOTS = 2

/** Reads 2,000 records a second, with a checkpoint every second. */
export function startInline(
  disk: Disk,
  options: Readonly<Partial<Record<OptionKey, string>>> = {},
): Promise<InlineJob> {
  return startJob(numberedJob(), { disk, options: { parallelism: String(SLOTS), ...options } })
}

/** Lines beyond the first of the same key and number are `repeated`. */
export async function committedNumbers(
  disk: MemoryDisk,
): Promise<{ readonly lost: number; readonly repeated: number; readonly leftovers: readonly string[] }> {
  const paths = disk.files().filter((path) => path.startsWith(`${OUTPUT}/`))
  const visible = paths.filter((path) => path.lastIndexOf('/') === OUTPUT.length)
  const texts = await Promise.all(visible.map(async (path) => new TextDecoder().decode(await disk.read(path))))
  const lines = texts.flatMap((text) => text.split('\n').slice(0, -1))
  const seen = new Set(lines)
  const expected = Array.from({ length: COUNT }, (_, index) =>
    JSON.stringify({ key: index % KEYS, n: Math.floor(index / KEYS) + 1 }),
  )
  return {
    lost: expected.filter((line) => !seen.has(line)).length,
    repeated: lines.length - seen.size,
    leftovers: paths.filter((path) => path.includes('/.in-progress/') && !path.endsWith('/run')),
  }
}

function numberedJob() {
  return defineJob('numbered', (env) => {
    env.enableCheckpointing('1s')
    env
      .fromSource(
        datagenSource({ generate: (index) => index, count: COUNT, splits: 4 }),
        WatermarkStrategy.noWatermarks(),
        { uid: 'numbers', rateLimit: 2000 },
      )
      .keyBy((index) => index % KEYS)
      .process({
        state: { n: valueState<number>('n', 0) },
        onRecord(_index, ctx) {
          const n = ctx.state.n.value() + 1
          ctx.state.n.update(n)
          ctx.emit({ key: ctx.key, n })
        },
      })
      .uid('numbering')
      .sinkTo(jsonLinesSink(OUTPUT))
      .uid('out')
  })
}
