/**
 * The life of a job as a pure machine: `step(state, event, moment) → { state, effects }`. docs/spec/job-lifecycle.md.
 *
 * Owns: which phase follows, the attempt number, the restart budget, the failure history. Does not own: slots, clocks, enumerators,
 * checkpoints: they are reached by effects, whose results come back as events.
 *
 * J1 to J9 in docs/spec/job-lifecycle.md.
 */
import { GrowingMap } from '../base/growing-map.ts'
import { attemptNumber } from '../base/ids.ts'
import { cellOf } from '../base/transition-table.ts'
import type { JobStateName } from './job-events.ts'
import { regionOf } from './job-regions.ts'
import type { At, JobFacts, JobState, MachineEvent, Moment, Phase, PhaseName, PhaseTable, Step } from './job-state.ts'
import { NO_FAILURES } from './restart-strategy.ts'
import { acquiring } from './states/acquiring.ts'
import { closing } from './states/closing.ts'
import { created } from './states/created.ts'
import { deploying } from './states/deploying.ts'
import { draining } from './states/draining.ts'
import { ended } from './states/ended.ts'
import { finishing } from './states/finishing.ts'
import { restarting } from './states/restarting.ts'
import { restoring } from './states/restoring.ts'
import { running } from './states/running.ts'
import { stopping } from './states/stopping.ts'

const PHASES: { readonly [Name in PhaseName]: PhaseTable<Name> } = {
  created,
  restoring,
  acquiring,
  deploying,
  running,
  draining,
  finishing,
  stopping,
  restarting,
  closing,
  ended,
}

export function createJobState(facts: JobFacts): JobState {
  return {
    core: {
      facts,
      attempt: attemptNumber(facts.regionCount - 1),
      attempts: Array.from({ length: facts.regionCount }, (_, region) => attemptNumber(region)),
      scale: undefined,
      available: 0,
      slotsMax: facts.slotsWanted,
      drained: GrowingMap.of(),
      restart: NO_FAILURES,
      restartCount: 0,
      failures: [],
      restoredCheckpoint: undefined,
      staleEventCount: 0,
    },
    phase: { name: 'created' },
  }
}

export function step(state: JobState, event: MachineEvent, moment: Moment): Step {
  if (isStale(state, event)) return dropStale(state) // J2
  const cell: AnyCell = cellOf(PHASES, state.phase.name, event.kind)
  const next = cell({ ...state, moment }, event)
  const from = stateName(state.phase)
  const to = stateName(next.state.phase)
  if (from === to) return next
  const report = { kind: 'state-changed', state: to, attempt: next.state.core.attempt } as const
  return { state: next.state, effects: [{ kind: 'report', event: report }, ...next.effects] }
}

/** The name of a phase as users see it. */
export function stateName(phase: Phase): JobStateName {
  return phase.name === 'ended' ? phase.outcome : phase.name
}

/** Of a region: its attempt is over. Of the job: another attempt has begun since. */
function isStale({ core }: JobState, event: MachineEvent): boolean {
  switch (event.kind) {
    case 'failure':
    case 'deployed':
    case 'slot-stopped':
    case 'drained':
    case 'finished':
    case 'committed':
      return regionOf(core, event.attempt) === undefined
    default:
      return 'attempt' in event && event.attempt !== core.attempt
  }
}

function dropStale(state: JobState): Step {
  const core = { ...state.core, staleEventCount: state.core.staleEventCount + 1 }
  return { state: { core, phase: state.phase }, effects: [] }
}

type AnyCell = (
  at: { readonly core: At<'created'>['core']; readonly phase: Phase; readonly moment: Moment },
  event: MachineEvent,
) => Step
