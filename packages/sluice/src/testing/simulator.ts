/** The simulator for jobs of users: one call runs a job in a made-up world from a seed, with faults, and compares. */
import type { JobDefinition } from '../api/define-job.ts'
import { EngineError } from '../base/errors.ts'
import { ruleBroken } from './sim-checks.ts'
import type { FaultBudget, FaultCounts } from './sim-faults.ts'
import { type SimOutput, differenceOf, outputOf } from './sim-output.ts'
import { type SimShape, drawShape, streamOf } from './sim-shape.ts'
import { type SimRun, SimWorld } from './sim-world.ts'

/** What is run and what may break. */
export interface SimulateOptions {
  /** Decides about everything that is drawn; the same seed gives the same run. Default 1. */
  readonly seed?: number
  /** Parameters of the job. */
  readonly params?: Readonly<Record<string, string>>
  /** The input, by path, as the job names it. No other file is there. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  /** How many processes crash at the most; fewer when the job ends before. Default 3. */
  readonly crashes?: number
  /**
   * `all` (default): also lost slots, throwing functions, failing disk operations, stops, another parallelism at a restart.
   * `crashes`: nothing else than crashes.
   */
  readonly faults?: 'all' | 'crashes'
  /**
   * `lines` (default): the committed lines of each directory must be those of an undisturbed run, in any order.
   * `nothing`: for jobs whose result depends on the order of their input (late records); use `check`.
   */
  readonly compare?: 'lines' | 'nothing'
  /** Says what is wrong with an output, if anything is. Asked for the undisturbed run too. */
  readonly check?: (output: SimOutput) => string | undefined
}

/** What came of a simulated run. */
export interface Simulation {
  /** Everything that the job committed, by path with a leading slash. */
  readonly files: Readonly<Record<string, string>>
  /** Its lines, sorted, by directory with a leading slash. */
  readonly output: SimOutput
  /** What really happened. */
  readonly faults: Readonly<FaultCounts>
  /** Processes that it took. */
  readonly processes: number
  /** Checkpoints that were published. */
  readonly checkpoints: number
  /** The same for the same seed and the same program. */
  readonly traceHash: string
}

const CRASHES_DEFAULT = 3
/** Records of an input that is not in files, for the first guess of a pace. */
const RECORDS_GUESSED = 1000

/**
 * Runs a job twice on a virtual clock and a made-up disk: undisturbed, and with faults drawn from the seed. Checks after
 * each step that nothing is visible too early, lost or changed, and at the end that both gave the same output. The job runs with checkpoints
 * on, a pace and limits drawn from the seed, whatever it sets itself. Takes milliseconds; run it for many seeds.
 *
 * @throws SIM1001 with seed, faults and the first difference; whatever building the job throws
 * @example
 * const input = Array.from({ length: 500 }, (_, i) => `${JSON.stringify({ shop: i % 24, price: i })}\n`).join('')
 * for (let seed = 1; seed <= 50; seed++) {
 *   const { output } = await simulate(job, { seed, params: { input: 'orders.jsonl', output: 'out' }, files: { 'orders.jsonl': input } })
 *   expect(output.get('/out')).toHaveLength(24)
 * }
 */
export async function simulate(job: JobDefinition, options: SimulateOptions = {}): Promise<Simulation> {
  const { seed = 1, params = {}, files = {} } = options
  const shape = drawShape(streamOf(seed, 'shape'), countRecords(files))
  const common = { job, params, files, seed, shape, hooks: {} }
  try {
    const calm = new SimWorld({ ...common, faults: undefined })
    const undisturbed = await calm.run()
    expectRight(options, calm, undisturbed)
    const world = new SimWorld({
      ...common,
      shape: repaced(shape, undisturbed),
      faults: { budget: budgetOf(options), size: undisturbed.size },
    })
    const run = await world.run()
    expectRight(options, world, run)
    expectSame(options, world, outputOf(undisturbed.files), outputOf(run.files))
    return simulationOf(run)
  } catch (thrown) {
    throw thrown instanceof EngineError && thrown.code === 'SIM1001' ? withSeed(thrown, seed) : thrown
  }
}

function expectRight({ check }: SimulateOptions, world: SimWorld, run: SimRun): void {
  const wrong = check?.(outputOf(run.files))
  if (wrong !== undefined) throw world.explain(ruleBroken('O1', `the check of the test says: ${wrong}`))
}

function expectSame(
  { compare = 'lines' }: SimulateOptions,
  world: SimWorld,
  expected: SimOutput,
  actual: SimOutput,
): void {
  const difference = compare === 'lines' ? differenceOf(expected, actual) : undefined
  if (difference !== undefined)
    throw world.explain(ruleBroken('O1', `the output is not that of the undisturbed run: ${difference}`))
}

function simulationOf({ files, faults, processes, size, traceHash }: SimRun): Simulation {
  return {
    files: Object.fromEntries(files),
    output: outputOf(files),
    faults,
    processes,
    checkpoints: size.publications,
    traceHash,
  }
}

function budgetOf({ crashes = CRASHES_DEFAULT, faults = 'all' }: SimulateOptions): FaultBudget {
  const share = faults === 'all' ? 0.4 : 0
  return {
    crashes,
    slotLossShare: share,
    userThrowShare: share,
    diskFailureShare: share,
    stopShare: share / 4,
    rescaleShare: share,
  }
}

/** A pace that fits the records that were really read, so that faults and checkpoints fall between them. */
function repaced(shape: SimShape, { size, virtualMs }: SimRun): SimShape {
  const fittingRate = Math.max(20, size.sourceRecords)
  return virtualMs < SHORT_RUN_MS || virtualMs > LONG_RUN_MS ? { ...shape, ratePerSecond: fittingRate } : shape
}

const SHORT_RUN_MS = 200
const LONG_RUN_MS = 10_000

function countRecords(files: Readonly<Record<string, string | Uint8Array>>): number {
  const texts = Object.values(files)
  if (texts.length === 0) return RECORDS_GUESSED
  return texts.reduce(
    (count, text) => count + (typeof text === 'string' ? text.split('\n').length : RECORDS_GUESSED),
    0,
  )
}

function withSeed(error: EngineError, seed: number): EngineError {
  return new EngineError(
    'SIM1001',
    `${error.message}\nReplay: simulate(job, { seed: ${seed}, … }) with the same options`,
    {
      context: error.context,
      cause: error.cause,
    },
  )
}
