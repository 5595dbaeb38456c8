/** Our own simulated runs: a seed decides about the job, its input, the shape and what breaks. */
import { present } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import { below } from '../base/random.ts'
import { ruleBroken } from './sim-checks.ts'
import type { FaultBudget, FaultCounts } from './sim-faults.ts'
import { differenceOf, outputOf } from './sim-output.ts'
import type { SimHooks } from './sim-process.ts'
import { NAMED_SCENARIOS } from './sim-named-scenarios.ts'
import { type SimCase, type SimScenario, SCENARIOS } from './sim-scenarios.ts'
import { drawShape, streamOf, withTimeout } from './sim-shape.ts'
import { type SimRun, SimWorld } from './sim-world.ts'

export interface SeedOptions {
  readonly seed: number
  /** Name of a scenario; drawn when undefined. */
  readonly scenario?: string
  /** Parts of a drawn job that are left out, by their numbers. */
  readonly without?: readonly number[]
  /** For tests of the simulator: breaks what it is to find. */
  readonly hooks?: SimHooks
}

export interface SeedVerdict {
  readonly seed: number
  readonly scenario: string
  readonly faults: FaultCounts
  readonly processes: number
  readonly steps: number
  readonly virtualMs: number
  readonly checkpoints: number
  readonly traceHash: string
}

/** @throws SIM1001 when a rule is broken */
export async function runSeed(options: SeedOptions): Promise<SeedVerdict> {
  const { seed, hooks = {} } = options
  const { scenario, simCase } = caseOf(options)
  const budget = drawBudget(seed)
  const shape = withTimeout(drawShape(streamOf(seed, 'shape'), simCase.recordCount), simCase.timeoutMin)
  const { job, files, jobOn } = simCase
  const common = { job, jobOn, params: {}, files, seed, shape, hooks }
  try {
    const calm = new SimWorld({ ...common, faults: undefined })
    const undisturbed = await calm.run()
    checkOutput(simCase, calm, undisturbed, undefined)
    const world = new SimWorld({ ...common, faults: { budget, size: undisturbed.size } })
    const run = await world.run()
    checkOutput(simCase, world, run, undisturbed)
    const { faults, processes, virtualMs, traceHash, size } = run
    return {
      seed,
      scenario: scenario.name,
      faults,
      processes,
      virtualMs,
      traceHash,
      steps: size.steps,
      checkpoints: size.publications,
    }
  } catch (thrown) {
    throw withReplay(thrown, simCase, `npm run sim -- --seed ${seed}${replayArguments(options)}`)
  }
}

/** What a seed draws. */
function caseOf({ seed, scenario: name, without }: SeedOptions): { scenario: SimScenario; simCase: SimCase } {
  const draws = streamOf(seed, 'case')
  const scenario = scenarioOf(name, below(draws, SCENARIOS.length))
  return { scenario, simCase: scenario.create(draws, without) }
}

/** The job that a seed draws, without running it. */
export interface DrawnJob {
  /** '' for a job that is as it is. */
  readonly text: string
  /** Numbers of the parts that may be left out, in the order in which to try. */
  readonly parts: readonly number[]
}

export function drawnJob(options: Omit<SeedOptions, 'hooks'>): DrawnJob {
  const { text = '', parts = [] } = caseOf(options).simCase
  return { text, parts }
}

/** What decides about the job, as arguments of the command line. */
export function replayArguments({ scenario, without = [] }: Pick<SeedOptions, 'scenario' | 'without'>): string {
  const job = scenario === undefined ? '' : ` --job ${scenario}`
  return without.length === 0 ? job : `${job} --without ${without.join(',')}`
}

/** Those that seeds draw. */
export function scenarioNames(): readonly string[] {
  return SCENARIOS.map(({ name }) => name)
}

/** Those that are run by their names only. */
export function namedScenarioNames(): readonly string[] {
  return NAMED_SCENARIOS.map(({ name }) => name)
}

function scenarioOf(name: string | undefined, drawn: number): SimScenario {
  if (name === undefined) return present(SCENARIOS[drawn], 'a scenario')
  const found = [...SCENARIOS, ...NAMED_SCENARIOS].find((scenario) => scenario.name === name)
  if (found !== undefined) return found
  throw new EngineError(
    'CFG1002',
    `there is no simulated job "${name}". Nothing was run. There are ${[...scenarioNames(), ...namedScenarioNames()].join(', ')}.`,
  )
}

function drawBudget(seed: number): FaultBudget {
  const draws = streamOf(seed, 'plan')
  const share = (often: number): number => (draws.fraction() < 0.5 ? often : 0)
  return {
    crashes: below(draws, 6),
    slotLossShare: share(0.5),
    userThrowShare: share(0.5),
    diskFailureShare: share(0.6),
    stopShare: share(0.2),
    rescaleShare: share(0.5),
  }
}

// O1
function checkOutput(simCase: SimCase, world: SimWorld, run: SimRun, undisturbed: SimRun | undefined): void {
  const output = outputOf(run.files)
  const wrong = simCase.check(output)
  if (wrong !== undefined)
    throw world.explain(ruleBroken('O1', `the output is not what a plain loop over the input gives: ${wrong}`))
  if (undisturbed === undefined || !simCase.isDeterministic) return
  const difference = differenceOf(outputOf(undisturbed.files), output)
  if (difference !== undefined)
    throw world.explain(ruleBroken('O1', `the output is not that of the undisturbed run: ${difference}`))
}

/** The error with the job, where that was drawn, and with how to see it again. */
export function withReplay(thrown: unknown, { text }: Pick<SimCase, 'text'>, command: string): unknown {
  if (!(thrown instanceof EngineError)) return thrown
  const job = text === undefined ? '' : `\nThe job:\n  ${text.replaceAll('\n', '\n  ')}`
  return new EngineError(thrown.code, `${thrown.message}${job}\nReplay: ${command}`, {
    context: thrown.context,
    cause: thrown.cause,
  })
}
