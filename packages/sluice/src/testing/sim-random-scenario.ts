/** The scenario of random jobs: a pipeline drawn from the seed, its input, and what plain loops make of it. */
import type { Random } from '../base/env.ts'
import { randomJob, checkRandomOutput } from './sim-random-job.ts'
import { drawPlan } from './sim-random-draw.ts'
import { planText, planWithout, type RandomPlan } from './sim-random-plan.ts'
import { type SimCase, type SimScenario, drawRoll } from './sim-scenarios.ts'

export const randomJobs: SimScenario = {
  name: 'random',
  create: (random, without = []) => randomCase(random, without),
}

/** Many tasks take many writes, one after the other on the slowest disks. */
const TIMEOUT_MIN = '600ms'

function randomCase(random: Random, without: readonly number[]): SimCase {
  const roll = drawRoll(random)
  const drawn = drawPlan(random)
  const plan = planWithout(drawn, without)
  const parts = { plan, roll }
  const sources = plan.steps.filter((step) => step.kind === 'source').map(({ source }) => source)
  return {
    // only to know its name: processes build it with their own timers
    job: randomJob(parts, { after: () => ({ cancel: () => {} }) }),
    jobOn: ({ timers }) => randomJob(parts, timers),
    files: Object.assign({}, ...sources.map(({ files }) => files)),
    recordCount: sources.reduce((sum, { items }) => sum + items.length, 0),
    check: (output) => checkRandomOutput(plan, output),
    isDeterministic: false,
    timeoutMin: TIMEOUT_MIN,
    text: planText(plan),
    parts: partIds(plan),
  }
}

/** What may be left out, the last one first. */
function partIds({ steps }: RandomPlan): readonly number[] {
  return steps.map(({ id }) => id).toReversed()
}
