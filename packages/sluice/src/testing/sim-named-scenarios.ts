/** Scenarios that are run by their names only: no seed draws them, so that the seeds of the others stay what they are. */
import { slotGroups } from './sim-group-scenario.ts'
import { randomJobs } from './sim-random-scenario.ts'
import type { SimScenario } from './sim-scenarios.ts'

export const NAMED_SCENARIOS: readonly SimScenario[] = [slotGroups, randomJobs]
