/** Sources of random jobs: generated records and files, out of order, with silent splits, with watermarks that suffice or do not. */
import type { StreamExecutionEnvironment } from '../api/stream-execution-environment.ts'
import type { Env, Random } from '../base/env.ts'
import { below } from '../base/random.ts'
import { type DatagenSplit, datagenSource } from '../connector/datagen-source.ts'
import type { PollResult, ReaderContext, ReaderOutput, Source, SourceReader } from '../connector/source.ts'
import { jsonLinesSource } from '../connector/text-source.ts'
import { WatermarkStrategy } from '../time/watermark-strategy.ts'
import { type SimItem, keyOf, mix } from './sim-random-item.ts'
import type { RandomSource } from './sim-random-step.ts'

/** How items follow one another. */
interface ItemSequence {
  readonly seed: number
  readonly count: number
  readonly keyCount: number
  readonly stepMs: number
  /** How far the time of an item may be off its place in the order. */
  readonly disorderMs: number
}

const COUNT_MIN = 30
const COUNT_MORE = 120

function drawSequence(random: Random): ItemSequence {
  return {
    seed: random.u32(),
    count: COUNT_MIN + below(random, COUNT_MORE),
    keyCount: 1 + below(random, 7),
    stepMs: 20 + below(random, 100),
    disorderMs: below(random, 4) === 0 ? 0 : 1 + below(random, 1500),
  }
}

function itemAt({ seed, keyCount, stepMs, disorderMs }: ItemSequence, index: number): SimItem {
  const id = mix(seed, index)
  const offMs = disorderMs === 0 ? 0 : mix(id, 1) % disorderMs
  return { id, key: keyOf(mix(id, 2), keyCount), t: index * stepMs + offMs, n: 1 + (mix(id, 3) % 9) }
}

function itemsOf(sequence: ItemSequence): readonly SimItem[] {
  return Array.from({ length: sequence.count }, (_, index) => itemAt(sequence, index))
}

/** Sources of one group, so far apart at the most. */
export interface Alignment {
  readonly maxDriftMs: number
}

/** Never late: the bound covers the whole disorder, and no split is ever left out. */
export function drawExactSource(random: Random, alignment: Alignment | undefined): RandomSource {
  const sequence = drawSequence(random)
  const splits = 1 + below(random, 4)
  const isGenerated = below(random, 4) > 0
  const { disorderMs } = sequence
  // A file is read by one subtask after the other, each of which may be ahead of the others by the disorder.
  const boundMs = isGenerated ? disorderMs : 2 * disorderMs
  const bounded =
    disorderMs === 0 && isGenerated
      ? WatermarkStrategy.forMonotonousTimestamps<SimItem>()
      : WatermarkStrategy.forBoundedOutOfOrderness<SimItem>(`${boundMs}ms`)
  const timed = bounded.withTimestamp(({ t }) => t).withIdleness('off')
  const strategy =
    alignment === undefined ? timed : timed.withWatermarkAlignment('all', `${alignment.maxDriftMs}ms`, '20ms')
  const text = `${shown(sequence)}${alignment === undefined ? '' : `, aligned to ${alignment.maxDriftMs} ms`}`
  if (!isGenerated) return fromFiles({ sequence, strategy, text, files: splits })
  const source = generated(sequence, splits)
  return {
    text: `datagen(${text}, ${splits} splits)`,
    timing: 'exact',
    items: itemsOf(sequence),
    files: {},
    open: (env, { uid }) => env.fromSource(source, strategy, { uid }),
  }
}

/** Late now and then: the bound is short, silent splits are left out, and one split may be silent at the beginning. */
export function drawLooseSource(random: Random): RandomSource {
  const sequence = drawSequence(random)
  const [splits, boundMs, idleMs] = [1 + below(random, 4), below(random, 300), 5 + below(random, 60)]
  const silentMs = splits > 1 && below(random, 2) === 0 ? 50 + below(random, 400) : 0
  const strategy = WatermarkStrategy.forBoundedOutOfOrderness<SimItem>(`${boundMs}ms`)
    .withTimestamp(({ t }) => t)
    .withIdleness(`${idleMs}ms`)
  const source = generated(sequence, splits)
  const silence = silentMs === 0 ? '' : `, split 0 silent for ${silentMs} ms`
  return {
    text: `datagen(${shown(sequence)}, ${splits} splits, bound ${boundMs} ms, idle after ${idleMs} ms${silence})`,
    timing: 'loose',
    items: itemsOf(sequence),
    files: {},
    open: (env, { uid }) =>
      env.fromSource(silentMs === 0 ? source : silentAtFirst(source, silentMs), strategy, { uid }),
  }
}

function shown({ count, keyCount, stepMs, disorderMs }: ItemSequence): string {
  return `${count} records, ${keyCount} keys, one each ${stepMs} ms, disorder ${disorderMs} ms`
}

function generated(sequence: ItemSequence, splits: number): ReturnType<typeof datagenSource<SimItem>> {
  return datagenSource({ generate: (index) => itemAt(sequence, index), count: sequence.count, splits })
}

interface FileInput {
  readonly sequence: ItemSequence
  readonly strategy: WatermarkStrategy<SimItem>
  readonly text: string
  readonly files: number
}

function fromFiles({ sequence, strategy, text, files }: FileInput): RandomSource {
  const items = itemsOf(sequence)
  const folder = `in-${sequence.seed}`
  const perFile = Math.ceil(items.length / files)
  const contents = Array.from({ length: files }, (_, at) => {
    const own = items.slice(at * perFile, (at + 1) * perFile).map((item) => `${JSON.stringify(item)}\n`)
    return [`/${folder}/${at}.jsonl`, own.join('')]
  })
  const source = jsonLinesSource<SimItem>(folder, { splitBytes: '1kb' })
  return {
    text: `files(${text}, ${files} files)`,
    timing: 'exact',
    items,
    files: Object.fromEntries(contents),
    open: (env: StreamExecutionEnvironment, { uid }) => env.fromSource(source, strategy, { uid }),
  }
}

type Generated = Source<SimItem, DatagenSplit>

/** Its first split says nothing for so long in each attempt. */
function silentAtFirst(source: Generated, silentMs: number): Generated {
  return {
    ...source,
    createReader: (context) => new SilentReader(source.createReader(context), context, silentMs),
  }
}

const SILENT_SPLITS = ['0']

class SilentReader implements SourceReader<SimItem, DatagenSplit> {
  readonly #reader: SourceReader<SimItem, DatagenSplit>
  readonly #env: Env
  readonly #silentMs: number
  #phase: 'new' | 'silent' | 'awake' = 'new'

  constructor(reader: SourceReader<SimItem, DatagenSplit>, { env }: ReaderContext, silentMs: number) {
    this.#reader = reader
    this.#env = env
    this.#silentMs = silentMs
  }

  start(): void {
    this.#reader.start()
  }

  addSplits(splits: readonly DatagenSplit[]): void {
    this.#reader.addSplits(splits)
    if (this.#phase !== 'new' || !splits.some(({ id }) => SILENT_SPLITS.includes(id))) return
    this.#phase = 'silent'
    this.#reader.pauseOrResumeSplits?.(SILENT_SPLITS, [])
    this.#env.timers.after(this.#silentMs, () => {
      this.#phase = 'awake'
      this.#reader.pauseOrResumeSplits?.([], SILENT_SPLITS)
    })
  }

  noMoreSplits(): void {
    this.#reader.noMoreSplits()
  }

  poll(output: ReaderOutput<SimItem>, recordsMax: number): PollResult {
    return this.#reader.poll(output, recordsMax)
  }

  snapshot(checkpoint: number): readonly DatagenSplit[] {
    return this.#reader.snapshot(checkpoint)
  }

  position(): string | undefined {
    return this.#reader.position()
  }

  close(): Promise<void> {
    return this.#reader.close()
  }
}
