/**
 * Running with another number of slots: more have come, or somebody outside allows more or fewer. docs/spec/job-lifecycle.md, "Rescaling".
 *
 * Owns: when it is worth a restart. Does not own: which slots there are (the pool).
 */
import { aliveNow, scaleOf } from './job-regions.ts'
import type { At, EventOf, JobCore, Phase, Step } from './job-state.ts'
import { restartAll } from './fail-over.ts'
import { go, targetSlotsOf } from './transitions.ts'

type Rescale = Extract<Phase, { readonly name: 'running' }>['rescale']

/** `delayed`: the slots must have been there for a while, for more may come, or these may go again. */
export function planRescale(core: JobCore, rescale: Rescale, urgency: 'now' | 'delayed'): Step {
  if (rescale === 'checkpointing') return go(core, { name: 'running', rescale }) // looks again when it is there
  const isWanted = targetSlotsOf(core) !== scaleOf(core).slotCount && core.facts.checkpointing === 'on'
  if (!isWanted) {
    const effects = rescale === 'delayed' ? [{ kind: 'cancel-timer', timer: 'scale-up' } as const] : []
    return go(core, { name: 'running', rescale: 'none' }, effects)
  }
  if (urgency === 'delayed') return delay(core)
  return go(core, { name: 'running', rescale: 'checkpointing' }, [
    { kind: 'cancel-timer', timer: 'scale-up' },
    { kind: 'trigger-checkpoint', reason: 'rescale' },
  ])
}

/** From here the tasks end on purpose: the checkpoint to go on from is complete. */
export function onRescaleCheckpoint(at: At<'running'>, { outcome }: EventOf<'rescale-checkpoint'>): Step {
  const { core } = at
  const from = scaleOf(core).slotCount
  const to = targetSlotsOf(core)
  if (from === to) return go(core, { name: 'running', rescale: 'none' })
  if (outcome === 'failed') return delay(core)
  const next = restartAll(core, aliveNow(at))
  return { state: next.state, effects: [{ kind: 'report', event: { kind: 'rescaling', from, to } }, ...next.effects] }
}

function delay(core: JobCore): Step {
  return go(core, { name: 'running', rescale: 'delayed' }, [
    { kind: 'start-timer', timer: 'scale-up', delayMs: core.facts.limits.scaleUpDelayMs },
  ])
}
