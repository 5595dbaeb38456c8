/**
 * The ways in which the harness runs one script: they must all give the same output.
 *
 * Owns: which instance gets which input, when it is cut and replaced. Does not own: comparing (operator-harness.ts).
 */
import { present } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { OperatorSpec } from '../operators/operator.ts'
import { redistributeOperatorState } from '../checkpoint/redistribute.ts'
import type { Turn } from '../state/turn.ts'
import { MIN_WATERMARK } from '../stream/element.ts'
import { keyGroupOf, operatorIndexOf, type Key } from '../stream/key-groups.ts'
import {
  HARNESS_MAX_PARALLELISM,
  OperatorInstance,
  type InstanceOptions,
  type InstanceOutput,
  type InstanceState,
} from './operator-instance.ts'
import type { OperatorScript, ScriptOutput, ScriptStep, StepOutput } from './operator-script.ts'

export interface ReplayOptions {
  readonly spec: OperatorSpec
  readonly name: string
  /** Undefined: the record goes to every instance. */
  readonly keyOf: (value: unknown, port: number) => Key | undefined
  /** Of the records of an operator without keys. */
  readonly distribution: 'dealt-out' | 'second-to-all'
}

/** Parallelism of each third of the rescaled run. */
const RESCALE_STEPS = [2, 3, 1] as const

/** One instance from the beginning to the end; every turn is long enough. */
export async function replayPlain(options: ReplayOptions, script: OperatorScript): Promise<ScriptOutput> {
  return await replayUndisturbed(options, script, wholeTurn)
}

/** Output is blocked behind every record, and after every single timer. */
export async function replayBlocked(options: ReplayOptions, script: OperatorScript): Promise<ScriptOutput> {
  return await replayUndisturbed(options, script, oneRecordTurn)
}

/**
 * The operator is cut before every input and fails behind the next one: it handles that input while the cut is being encoded, what it emits is
 * thrown away, and a new instance restored from the cut handles the input again.
 */
export async function replayRestored(options: ReplayOptions, script: OperatorScript): Promise<ScriptOutput> {
  const steps = new StepRecorder()
  let nowMs = 0
  let instance = start(options, nowMs, { subtask: 0, parallelism: 1 })
  for (const [index, step] of script.entries()) {
    const cut = instance.beginCut(index + 1)
    instance.feed(step)
    const state = await cut.finish()
    await instance.close()
    instance = start(options, nowMs, { subtask: 0, parallelism: 1 }, state)
    await instance.settle()
    instance.feed(step)
    await instance.settle(step)
    nowMs = timeBehind(step, nowMs)
    steps.add([instance.takeOutput()])
  }
  return await finish(steps, [instance])
}

/** Several instances, each with its key groups; their number changes twice, and state is handed out anew. */
export async function replayRescaled(options: ReplayOptions, script: OperatorScript): Promise<ScriptOutput> {
  const steps = new StepRecorder()
  let nowMs = 0
  let instances = startAll(options, nowMs, RESCALE_STEPS[0])
  for (const [index, step] of script.entries()) {
    const parallelism = parallelismAt(index, script.length)
    if (parallelism !== instances.length) instances = await rescale(options, nowMs, instances, parallelism)
    for (const instance of receivers(options, { step, index }, instances)) {
      instance.feed(step)
      await instance.settle(step)
    }
    nowMs = timeBehind(step, nowMs)
    steps.add(instances.map((instance) => instance.takeOutput()))
  }
  return await finish(steps, instances)
}

async function replayUndisturbed(
  options: ReplayOptions,
  script: OperatorScript,
  turn: InstanceOptions['turn'],
): Promise<ScriptOutput> {
  const steps = new StepRecorder()
  const instance = new OperatorInstance({ ...options, subtask: 0, parallelism: 1, nowMs: 0, turn })
  for (const step of script) {
    instance.feed(step)
    await instance.settle(step)
    steps.add([instance.takeOutput()])
  }
  instance.checkUnchanged()
  return await finish(steps, [instance])
}

async function finish(steps: StepRecorder, instances: readonly OperatorInstance[]): Promise<ScriptOutput> {
  const keysLeft = instances.reduce((sum, instance) => sum + instance.keyCount(), 0)
  for (const instance of instances) await instance.close()
  return { steps: steps.steps, keysLeft }
}

interface Place {
  readonly subtask: number
  readonly parallelism: number
}

function start(options: ReplayOptions, nowMs: number, place: Place, restored?: InstanceState): OperatorInstance {
  return new OperatorInstance({ ...options, ...place, nowMs, turn: wholeTurn, restored })
}

function startAll(
  options: ReplayOptions,
  nowMs: number,
  parallelism: number,
  restored?: readonly InstanceState[],
): OperatorInstance[] {
  return Array.from({ length: parallelism }, (_, subtask) =>
    start(options, nowMs, { subtask, parallelism }, restored?.[subtask]),
  )
}

async function rescale(
  options: ReplayOptions,
  nowMs: number,
  instances: readonly OperatorInstance[],
  parallelism: number,
): Promise<OperatorInstance[]> {
  const states: InstanceState[] = []
  for (const instance of instances) {
    states.push(await instance.beginCut(1).finish())
    await instance.close()
  }
  const chunks = states.flatMap((state) => state.chunks)
  const items = redistributeOperatorState(
    states.map((state) => state.items),
    parallelism,
  )
  return startAll(
    options,
    nowMs,
    parallelism,
    items.map((own) => ({ chunks, items: own })),
  )
}

function parallelismAt(index: number, length: number): number {
  return present(RESCALE_STEPS[Math.floor((index * RESCALE_STEPS.length) / length)], 'a step of the rescaled run')
}

/** A record goes to the instance of its key, or to one in turn where there are no keys; everything else to all. */
function receivers(
  options: ReplayOptions,
  { step, index }: { readonly step: ScriptStep; readonly index: number },
  instances: readonly OperatorInstance[],
): readonly OperatorInstance[] {
  if (step.kind === 'record' && !options.spec.keyed) {
    if (step.port > 0 && options.distribution === 'second-to-all') return instances
    return [present(instances[index % instances.length], 'the instance whose turn it is')]
  }
  const key = step.kind === 'record' ? options.keyOf(step.value, step.port) : undefined
  if (key === undefined) return instances
  const group = keyGroupOf(key, HARNESS_MAX_PARALLELISM)
  return [
    present(instances[operatorIndexOf(group, HARNESS_MAX_PARALLELISM, instances.length)], 'the instance of a key'),
  ]
}

function timeBehind(step: ScriptStep, nowMs: number): number {
  return step.kind === 'processing-time' ? step.nowMs : nowMs
}

/** Puts the outputs of parallel instances together. */
class StepRecorder {
  readonly steps: StepOutput[] = []
  #watermark = MIN_WATERMARK

  add(outputs: readonly InstanceOutput[]): void {
    // what comes next sees the smallest watermark, and never one that goes back
    this.#watermark = Math.max(this.#watermark, Math.min(...outputs.map((output) => output.watermark)))
    const counted: Record<string, number> = {}
    for (const output of outputs) {
      for (const [name, count] of output.counted) counted[name] = (counted[name] ?? 0) + count
    }
    this.steps.push({ emitted: outputs.flatMap((output) => output.emitted), watermark: this.#watermark, counted })
  }
}

/** Timers of one call before the test is said to be in an endless loop: no other clock would ever end it. */
const TIMERS_PER_TURN_MAX = 3_000_000

/** Long enough for whatever comes to rest. */
function wholeTurn(): Turn {
  let left = TIMERS_PER_TURN_MAX
  return { isOver: () => left-- === 0 && neverRests() }
}

function neverRests(): never {
  throw new EngineError(
    'SIM1001',
    `the operator does not come to rest: one step of the script has fired ${TIMERS_PER_TURN_MAX} timers. The test cannot go on. The usual reason is a timer ` +
      'that is registered again, each time that it fires, for a moment that has passed already.',
  )
}

/** A consumer that takes one record at a time. Asked between two timers: the first question comes before the first timer. */
function oneRecordTurn(emitted: () => number): Turn {
  const before = emitted()
  let questions = 0
  return { isOver: () => emitted() > before || questions++ > 0 }
}
