/** What is said to people about slots: waits, losses. Pure. */
import { EngineError } from '../base/errors.ts'
import type { TaskManagerId } from '../base/ids.ts'
import { type SlotClaim, type SlotHost, goesOnAtMs } from './slot-policy.ts'

/** Where the wait of a job stands. */
export function waitingWords(jobName: string, claim: SlotClaim, hosts: readonly SlotHost[]): string {
  const { wanted, steps, seen } = claim
  const count = seen.slots === 0 ? 'none' : String(seen.slots)
  const has = steps === undefined ? `has ${count}` : `can use ${count} of those there are`
  const needs = `job "${jobName}" needs ${counted(wanted, 'slot')} and ${has}`
  return `${needs}; ${registeredWords(hosts)}. ${waitWords(claim)} ${adviceFor(claim)}`
}

function registeredWords(hosts: readonly SlotHost[]): string {
  if (hosts.length === 0) return 'no TaskManager is registered'
  const total = hosts.reduce((sum, { slotCount }) => sum + slotCount, 0)
  const used = hosts.reduce((sum, host) => sum + [...host.used.values()].reduce((a, b) => a + b, 0), 0)
  const sizes = new Set(hosts.map(({ slotCount }) => slotCount))
  const slots = sizes.size === 1 ? slotsEach(hosts) : `with ${counted(total, 'slot')} in all`
  const inUse = used === 0 ? '' : `, ${used} of them in use`
  return `${counted(hosts.length, 'TaskManager')} ${slots} ${hosts.length === 1 ? 'is' : 'are'} registered${inUse}`
}

function slotsEach(hosts: readonly SlotHost[]): string {
  const slots = `with ${counted(hosts[0]?.slotCount ?? 0, 'slot')}`
  return hosts.length === 1 ? slots : `${slots} each`
}

function waitWords(claim: SlotClaim): string {
  if (claim.settings.mode === 'fixed') return 'It waits for more.'
  if (claim.seen.slots === 0) return `It waits for ${firstWords(claim)}.`
  const inMs = goesOnAtMs(claim) - claim.sinceMs
  return `It waits for more and goes on with ${claim.seen.slots} ${(inMs / 1000).toFixed(1)} s after it asked.`
}

function firstWords({ steps }: SlotClaim): string {
  return steps === undefined ? 'the first one' : `${steps[0]}: one for each of its slot-sharing groups`
}

function adviceFor({ settings }: SlotClaim): string {
  if (settings.mode === 'adaptive') return 'Start another TaskManager to run all of it.'
  return 'Start another TaskManager, or lower the parallelism, or set scheduler.mode to adaptive.'
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

export function slotNotReady(jobName: string, host: TaskManagerId, timeoutMs: number): EngineError {
  return new EngineError(
    'CLU1007',
    `a slot of job "${jobName}" on TaskManager ${host} was not ready within ${timeoutMs} ms. It is ended and the job restarts. ` +
      'Look for code at the top level of the job module that runs for long, at the log of that TaskManager, or raise slot.startTimeout.',
    { context: { job: jobName } },
  )
}

export function slotGivenAway(jobName: string): EngineError {
  return new EngineError(
    'CLU1008',
    `the slots of job "${jobName}" were given to another job, because it waited for more than there are and the other one could run with them. ` +
      'It waits until there are enough for it too. Start another TaskManager, lower the parallelism, or set scheduler.mode to adaptive.',
    { context: { job: jobName } },
  )
}
