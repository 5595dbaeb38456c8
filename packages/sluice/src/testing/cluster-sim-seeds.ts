/** Our own simulated clusters: a seed decides about the job, its input, the shape of the cluster and what breaks. */
import { present } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import { below } from '../base/random.ts'
import type { ClusterHooks } from './cluster-sim-process.ts'
import { type Schedule, drawSchedule, parseSchedule, scheduleText } from './cluster-sim-schedule.ts'
import { drawClusterShape } from './cluster-sim-shape.ts'
import type { ClusterRun } from './cluster-sim-report.ts'
import { ClusterWorld } from './cluster-sim-world.ts'
import { ruleBroken } from './sim-checks.ts'
import { outputOf } from './sim-output.ts'
import { NAMED_SCENARIOS } from './sim-named-scenarios.ts'
import { replayArguments, withReplay } from './sim-seeds.ts'
import { CLUSTER_SCENARIOS, type SimScenario } from './sim-scenarios.ts'
import { streamOf, withTimeout } from './sim-shape.ts'

export interface ClusterSeedOptions {
  readonly seed: number
  /** Name of a scenario; drawn when undefined. */
  readonly scenario?: string
  /** Parts of a drawn job that are left out, by their numbers. */
  readonly without?: readonly number[]
  /** Instead of the one that is drawn: the text of a schedule. '' lets nothing break. */
  readonly schedule?: string
  /** For tests of the simulator: breaks what it is to find. */
  readonly hooks?: ClusterHooks
}

export interface ClusterVerdict extends Omit<ClusterRun, 'files'> {
  readonly seed: number
  readonly scenario: string
  readonly schedule: string
}

/** @throws SIM1001 when a rule is broken */
export async function runClusterSeed(options: ClusterSeedOptions): Promise<ClusterVerdict> {
  const { seed, hooks = {} } = options
  const draws = streamOf(seed, 'case')
  const scenario = scenarioOf(options.scenario, below(draws, CLUSTER_SCENARIOS.length + 2))
  const simCase = scenario.create(draws, options.without)
  const shape = withTimeout(drawClusterShape(streamOf(seed, 'cluster'), simCase.recordCount), simCase.timeoutMin)
  const schedule = scheduleOf(options, () => drawSchedule(streamOf(seed, 'plan'), shape))
  const { job, jobOn, files } = simCase
  const world = new ClusterWorld({ job, jobOn, files, seed, shape, hooks, schedule })
  try {
    const { files: output, ...run } = await world.run()
    const wrong = simCase.check(outputOf(output))
    if (wrong !== undefined)
      throw world.explain(ruleBroken('C1', `the output is not what a plain loop over the input gives: ${wrong}`))
    return { ...run, seed, scenario: scenario.name, schedule: scheduleText(schedule) }
  } catch (thrown) {
    throw withReplay(thrown, simCase, replayOf(options, schedule))
  }
}

export function clusterScenarioNames(): readonly string[] {
  return CLUSTER_SCENARIOS.map(({ name }) => name)
}

function scheduleOf({ schedule }: ClusterSeedOptions, draw: () => Schedule): Schedule {
  return schedule === undefined ? draw() : parseSchedule(schedule)
}

function scenarioOf(name: string | undefined, drawn: number): SimScenario {
  // The last one, of two regions, is wanted more often than the others.
  if (name === undefined) return present(CLUSTER_SCENARIOS[drawn] ?? CLUSTER_SCENARIOS.at(-1), 'a scenario')
  const found = [...CLUSTER_SCENARIOS, ...NAMED_SCENARIOS].find((scenario) => scenario.name === name)
  if (found !== undefined) return found
  throw new EngineError(
    'CFG1002',
    `there is no job "${name}" for a simulated cluster. Nothing was run. There are ${clusterScenarioNames().join(', ')}.`,
  )
}

function replayOf(options: ClusterSeedOptions, schedule: Schedule): string {
  return `npm run sim -- --cluster --seed ${options.seed}${replayArguments(options)} --schedule '${scheduleText(schedule)}'`
}
