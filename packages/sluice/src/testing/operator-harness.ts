/**
 * Tests one operator.
 *
 * A script of inputs is run in several ways, all of which a job on a real cluster may take, and which must give the same output:
 *
 * H1 plain;
 * H2 with a consumer that takes one record at a time: every call is cut behind the first record, and behind every single timer;
 * H3 cut before every input, failing behind it, and restored;
 * H4 on 2 instances, then 3, then 1, with the state handed out anew in between. Records of an operator without keys are dealt out in turn.
 *
 * Two outputs are the same when, for each step of the script, each key emitted the same records in the same order (the order between keys
 * is nobody's promise), the counters grew by the same, and the next operator saw the same watermark. Operators without keys
 * keep the order of all records; in H4 what they emit in the whole script is the same, in any order. It also fails when an operator changes a record after it emitted it.
 */
import { inspect, isDeepStrictEqual } from 'node:util'
import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { OperatorSpec } from '../operators/operator.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import { checkKey, type Key } from '../stream/key-groups.ts'
import { replayBlocked, replayPlain, replayRescaled, replayRestored, type ReplayOptions } from './operator-replays.ts'
import type { EmittedRecord, OperatorScript, OutputRecord, ScriptOutput, StepOutput } from './operator-script.ts'

/** How the operator under test is fed. */
export interface OperatorTestOptions<T> {
  /** The key of a record, as `keyBy` would have it; needed for keyed operators. */
  readonly keyBy?: (value: T) => Key
  /** The key of a record of the second input; without it those records go to every instance, as on a broadcast stream. */
  readonly secondKeyBy?: (value: never) => Key
  /**
   * Operators without keys only: their records are dealt out to the instances of the rescaled run; `second-to-all` gives those of the second input to
   * every instance, as on a broadcast stream.
   */
  readonly distribution?: 'dealt-out' | 'second-to-all'
  /**
   * Why the output rightly depends on the number of subtasks, e.g. because each counts for itself. Leaves the rescaled run out, which is never
   * done otherwise. Operators with keys cannot be excused. Default: it does not depend on it.
   */
  readonly notRescaledBecause?: string
  /** Default `operator`. */
  readonly name?: string
}

/** What came out; the same in every way of running the script. */
export interface OperatorTestOutput {
  /** The main output in order. */
  readonly records: readonly OutputRecord[]
  /** Values of the main output in order. */
  readonly values: readonly unknown[]
  /** A side output in order. */
  sideOutput(tag: string): readonly OutputRecord[]
  /** Each watermark the next operator saw, once. */
  readonly watermarks: readonly number[]
  readonly counters: Readonly<Record<string, number>>
  /** Keys that still have state or timers at the end: 0 when the operator cleaned up behind itself. */
  readonly keysLeft: number
}

/**
 * Runs the script in every way and gives the common output.
 *
 * @param spec what `mapOperator(...)`, `windowOperator(...)` and so on return
 * @param script made with `record`, `watermark`, `processingTime` and `endOfInput`
 * @throws SIM1001 when two ways differ; whatever the operator itself throws
 * @example
 * const output = await testOperator(
 *   keyedReduceOperator({
 *     keySelector: (sale: Sale) => sale.shop,
 *     reduce: (total: Sale, sale) => ({ ...total, amount: total.amount + sale.amount }),
 *   }),
 *   [record({ shop: 'a', amount: 3 }, 1000), record({ shop: 'a', amount: 4 }, 2000)],
 *   { keyBy: (sale: Sale) => sale.shop },
 * )
 * expect(output.values).toEqual([{ shop: 'a', amount: 3 }, { shop: 'a', amount: 7 }])
 */
export async function testOperator<T>(
  spec: OperatorSpec,
  script: OperatorScript,
  options: OperatorTestOptions<T> = {},
): Promise<OperatorTestOutput> {
  const { keyBy, secondKeyBy, notRescaledBecause, distribution = 'dealt-out', name = 'operator' } = options
  assert(!spec.keyed || notRescaledBecause === undefined, 'an operator with keys gives the same at any parallelism', {
    kind: spec.kind,
    notRescaledBecause,
  })
  assert(!spec.keyed || keyBy !== undefined, 'the test of a keyed operator names the key: pass keyBy', {
    kind: spec.kind,
  })
  const selectors = spec.keyed ? [keyBy, secondKeyBy] : []
  const keyOf = (value: unknown, port: number): Key | undefined => {
    const selector = selectors[port] as ((value: unknown) => Key) | undefined // the script's records have the types of their inputs
    return selector === undefined ? undefined : checkKey(selector(value))
  }
  const replay: ReplayOptions = { spec, name, keyOf, distribution }
  const plain = await replayPlain(replay, script)
  compare('with blocked output', script, plain, await replayBlocked(replay, script))
  compare('with a failure and a restore at every step', script, plain, await replayRestored(replay, script))
  if (notRescaledBecause === undefined) compareRescaled(spec, script, plain, await replayRescaled(replay, script))
  return outputOf(plain)
}

function compare(way: string, script: OperatorScript, plain: ScriptOutput, other: ScriptOutput): void {
  for (const [index, expected] of plain.steps.entries()) {
    const found = other.steps[index]
    if (found !== undefined && isDeepStrictEqual(comparable(found), comparable(expected))) continue
    const step = `${index + 1} of ${script.length}, ${show(script[index])}`
    throw differs(way, `at step ${step}`, [expected, found])
  }
  if (plain.keysLeft !== other.keysLeft)
    throw differs(way, 'in the count of keys that are left', [plain.keysLeft, other.keysLeft])
}

/** Without keys nothing is promised about when an instance emits in relation to another: all that comes out of the script is compared. */
function compareRescaled(spec: OperatorSpec, script: OperatorScript, plain: ScriptOutput, other: ScriptOutput): void {
  const way = 'rescaled from 2 to 3 to 1'
  if (spec.keyed) return compare(way, script, plain, other)
  const [expected, found] = [inAll(plain), inAll(other)]
  if (!isDeepStrictEqual(found, expected)) throw differs(way, 'in all that came out', [expected, found])
}

function inAll({ steps }: ScriptOutput): unknown {
  const emitted = steps.flatMap((step) => step.emitted).toSorted(byText)
  return { emitted, counted: sumOf(steps.map(({ counted }) => counted)) }
}

function byText(a: EmittedRecord, b: EmittedRecord): number {
  const [textOfA, textOfB] = [show(a), show(b)]
  return textOfA < textOfB ? -1 : textOfA > textOfB ? 1 : 0
}

/** Order counts within a key only. */
function comparable(step: StepOutput): unknown {
  const byKey = new Map<Key | undefined, EmittedRecord[]>()
  for (const emitted of step.emitted) {
    const ofKey = byKey.get(emitted.key)
    if (ofKey === undefined) byKey.set(emitted.key, [emitted])
    else ofKey.push(emitted)
  }
  return { ...step, emitted: byKey }
}

function differs(way: string, where: string, [plain, other]: readonly [unknown, unknown]): EngineError {
  return new EngineError(
    'SIM1001',
    `the operator gives another output ${way} than in a plain run, ${where}: ${show(other)} instead of ${show(plain)}. ` +
      'Its results would depend on failures or load. Keep everything that output depends on in its state.',
  )
}

function outputOf({ steps, keysLeft }: ScriptOutput): OperatorTestOutput {
  const emitted = steps.flatMap((step) => step.emitted)
  const records = recordsOf(emitted, undefined)
  return {
    records,
    values: records.map(({ value }) => value),
    sideOutput: (tag) => recordsOf(emitted, tag),
    watermarks: [...new Set(steps.map(({ watermark }) => watermark))].filter((watermark) => watermark !== NO_TIMESTAMP),
    counters: sumOf(steps.map(({ counted }) => counted)),
    keysLeft,
  }
}

function recordsOf(emitted: readonly EmittedRecord[], tag: string | undefined): OutputRecord[] {
  return emitted.filter((one) => one.tag === tag).map(({ value, timestamp }) => ({ value, timestamp }))
}

function sumOf(counted: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const step of counted) for (const [name, count] of Object.entries(step)) sum[name] = (sum[name] ?? 0) + count
  return sum
}

function show(value: unknown): string {
  return inspect(value, { depth: 8, breakLength: Number.POSITIVE_INFINITY })
}
