/**
 * Runs what a function makes of its streams in every way that a cluster may run it, and compares.
 *
 * W1 plain;
 * W2 with outputs that take one record at a time, and channels that hold one;
 * W3 cut before every input, failing behind it, and restored;
 * W4 on 2 subtasks, then 3, then 1.
 *
 * Outputs are the same when each step of the script brought the same records. In W4 their order is left out: between subtasks there is none.
 */
import { inspect, isDeepStrictEqual } from 'node:util'
import { EngineError } from '../base/errors.ts'
import type { DataStream } from '../api/data-stream.ts'
import type { HarnessInput } from './harness-input.ts'
import type { OperatorScript, OutputRecord, ScriptStep } from './operator-script.ts'
import { streamHarness, type HarnessOptions, type StreamHarness } from './stream-harness.ts'

/** What came out; the same in every way of running the script. */
export interface StreamTestOutput<Out> {
  readonly records: readonly OutputRecord<Out>[]
  readonly values: readonly Out[]
}

type Streams<Inputs extends readonly unknown[]> = { readonly [Index in keyof Inputs]: DataStream<Inputs[Index]> }
type Build<Inputs extends readonly unknown[], Out> = (...streams: Streams<Inputs>) => DataStream<Out>
type Steps<Out> = readonly (readonly OutputRecord<Out>[])[]

/** Parallelism of each third of the rescaled run. */
const RESCALE_STEPS = [2, 3, 1] as const

/**
 * Runs a script in every way and gives the common output.
 *
 * @param build gets one stream per parameter, returns the stream to look at
 * @param script made with `record`, `secondRecord`, `watermark`, `processingTime` and `endOfInput`
 * @throws SIM1001 when two ways differ; whatever the functions under test throw
 * @example
 * const { values } = await testStream(
 *   (words: DataStream<string>) => words.keyBy((word) => word).reduce((all, word) => all + word).uid('joined'),
 *   [record('a'), record('b'), record('a')],
 * )
 * expect(values).toEqual(['a', 'b', 'aa'])
 */
export async function testStream<Inputs extends readonly unknown[], Out>(
  build: Build<Inputs, Out>,
  script: OperatorScript,
): Promise<StreamTestOutput<Out>> {
  const plain = await replay(build, script, {})
  compare('with slow outputs', script, plain, await replay(build, script, { pace: 'one-record-at-a-time' }))
  compare('with a failure and a restore at every step', script, plain, await replayRestored(build, script))
  compare('rescaled from 2 to 3 to 1', script, plain.map(sorted), (await replayRescaled(build, script)).map(sorted))
  const records = plain.flat()
  return { records, values: records.map(({ value }) => value) }
}

async function replay<Inputs extends readonly unknown[], Out>(
  build: Build<Inputs, Out>,
  script: OperatorScript,
  options: HarnessOptions,
): Promise<Steps<Out>> {
  return await withHarness(build, options, async (harness) => {
    const steps = []
    for (const step of script) {
      await feed(harness, step)
      steps.push(harness.take())
    }
    return steps
  })
}

async function replayRestored<Inputs extends readonly unknown[], Out>(
  build: Build<Inputs, Out>,
  script: OperatorScript,
): Promise<Steps<Out>> {
  return await withHarness(build, {}, async (harness) => {
    const steps = []
    for (const step of script) {
      const snapshot = await harness.snapshot()
      // what time brings is not taken back by a restore: the clock would have to go back too
      if (step.kind !== 'processing-time') await feed(harness, step)
      harness.take()
      await harness.restore(snapshot)
      await feed(harness, step)
      steps.push(harness.take())
    }
    return steps
  })
}

async function replayRescaled<Inputs extends readonly unknown[], Out>(
  build: Build<Inputs, Out>,
  script: OperatorScript,
): Promise<Steps<Out>> {
  return await withHarness(build, { parallelism: RESCALE_STEPS[0] }, async (harness) => {
    const steps = []
    let before: number = RESCALE_STEPS[0]
    for (const [index, step] of script.entries()) {
      const parallelism = RESCALE_STEPS[Math.floor((index * RESCALE_STEPS.length) / script.length)] ?? 1
      if (parallelism !== before) await harness.rescale(parallelism)
      before = parallelism
      await feed(harness, step)
      steps.push(harness.take())
    }
    return steps
  })
}

async function withHarness<Inputs extends readonly unknown[], Out>(
  build: Build<Inputs, Out>,
  options: HarnessOptions,
  run: (harness: StreamHarness<Inputs, Out>) => Promise<Steps<Out>>,
): Promise<Steps<Out>> {
  const harness = await streamHarness<Inputs, Out>(build, options)
  try {
    return await run(harness)
  } finally {
    await harness.close()
  }
}

async function feed<Inputs extends readonly unknown[], Out>(
  harness: StreamHarness<Inputs, Out>,
  step: ScriptStep,
): Promise<void> {
  switch (step.kind) {
    case 'record':
      return await inputAt(harness, step.port).push(step.value, step.timestamp)
    case 'watermark':
      return await harness.watermark(step.timestamp)
    case 'processing-time':
      return await harness.advanceTo(step.nowMs)
    case 'end':
      return await harness.end()
  }
}

function inputAt<Inputs extends readonly unknown[], Out>(
  { inputs }: StreamHarness<Inputs, Out>,
  port: number,
): HarnessInput<unknown> {
  const input: HarnessInput<unknown> | undefined = inputs[port]
  if (input !== undefined) return input
  throw new EngineError(
    'SIM1001',
    `the script has a record for input ${port + 1}, and the function under test takes ${inputs.length === 1 ? 'one stream' : `${inputs.length} streams`}. ` +
      'The record was not given to anybody. Write record(…) for the first stream, or give the function another parameter.',
  )
}

function compare<Out>(way: string, script: OperatorScript, plain: Steps<Out>, other: Steps<Out>): void {
  for (const [index, expected] of plain.entries()) {
    const got = other[index]
    if (isDeepStrictEqual(got, expected)) continue
    throw new EngineError(
      'SIM1001',
      `the streams give another output ${way} than in a plain run, at step ${index + 1} of ${script.length}, ${show(script[index])}: ` +
        `${show(got)} instead of ${show(expected)}. Their results would depend on failures, load or scale. Keep everything that output depends on in state.`,
    )
  }
}

function sorted<Out>(records: readonly OutputRecord<Out>[]): readonly OutputRecord<Out>[] {
  return records.toSorted((a, b) => compareText(show(a), show(b)))
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function show(value: unknown): string {
  return inspect(value, { depth: 8, breakLength: Number.POSITIVE_INFINITY })
}
