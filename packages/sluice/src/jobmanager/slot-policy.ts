/**
 * Which slots of the cluster go to which job, as pure functions. Spec: docs/spec/scheduling.md.
 *
 * Owns: the order in which jobs are served, when one goes on with fewer slots than it wants, where its slots are, who gives slots back.
 * Does not own: allocations, messages, timers – slot-manager.ts carries the plan out. `nowMs` is monotonic.
 *
 * A1 No slot is given twice: a plan never gives more slots of a TaskManager than are free there.
 * A2 A job never gets more slots than it wants, and all of them at once or, adaptive and after its wait, as many as there are and it can use.
 * A3 Claims are served in the order of their jobs. One that is still within its wait keeps what is free from those behind it.
 * A4 Two jobs that each hold a part of what they want never block each other: after its wait a claim that cannot be served gives back what it
 *    holds when that serves another one.
 * A5 The same input gives the same plan.
 */
import type { ArtifactHash, JobId, TaskManagerId } from '../base/ids.ts'
import { usableSlots } from '../graph/slot-groups.ts'

export interface SlotSettings {
  /** `adaptive` goes on with the slots there are; `fixed` waits for all. */
  readonly mode: 'adaptive' | 'fixed'
  /** How long the first start waits for all slots, and how long any claim may hold slots that others wait for. */
  readonly slotWaitMs: number
  /** How long a start after the first waits for all slots. */
  readonly restartSlotWaitMs: number
  /** How long the number of slots has to stay the same before a job goes on with fewer than it wants. */
  readonly settleMs: number
}

/** A TaskManager as the policy sees it. */
export interface SlotHost {
  readonly id: TaskManagerId
  readonly slotCount: number
  /** Slots in use, or being ended, by job. */
  readonly used: ReadonlyMap<JobId, number>
  /** Bundles that it has, as far as is known. */
  readonly artifacts: ReadonlySet<ArtifactHash>
}

/** A job that waits for slots. */
export interface SlotClaim {
  readonly job: JobId
  readonly artifact: ArtifactHash
  readonly settings: SlotSettings
  readonly wanted: number
  /** Numbers of slots that it can use, ascending; undefined: every one from 1 on. */
  readonly steps?: readonly number[] | undefined
  /** Slots that it has and keeps. */
  readonly held: number
  readonly sinceMs: number
  readonly waitMs: number
  /** How many slots it could have used at the last look, those it holds included, and since when it has been so many. */
  readonly seen: { readonly slots: number; readonly sinceMs: number }
  /** TaskManagers where it just lost a slot: others are better. */
  readonly avoid: ReadonlySet<TaskManagerId>
}

/** A job that runs with fewer slots than it wants. */
export interface SlotWish {
  readonly job: JobId
  readonly wanted: number
  readonly steps?: readonly number[] | undefined
  readonly held: number
}

interface SlotGrant {
  readonly job: JobId
  /** Where each new slot is; empty: go on with what is held. */
  readonly hosts: readonly TaskManagerId[]
}

export interface SlotPlan {
  readonly grants: readonly SlotGrant[]
  /** Claims that wait on, with what was seen now. */
  readonly waiting: readonly SlotClaim[]
  /** Jobs that give back all they hold; the plan has to be made anew without it. */
  readonly yields: readonly JobId[]
  /** For each wish: how many slots the job could have. */
  readonly offers: ReadonlyMap<JobId, number>
  /** When the same claims have to be looked at again although nothing changed; Infinity: never. */
  readonly lookAgainAtMs: number
}

export interface SlotDemand {
  readonly hosts: readonly SlotHost[]
  /** In the order of their jobs, oldest first; so are the wishes. */
  readonly claims: readonly SlotClaim[]
  readonly wishes: readonly SlotWish[]
}

/** A number of slots that never settles ends the wait after so many settle times. */
const SETTLE_ROUNDS_MAX = 10

export function planSlots(demand: SlotDemand, nowMs: number): SlotPlan {
  const ledger = new FreeSlots(demand.hosts)
  const grants: SlotGrant[] = []
  const waiting: SlotClaim[] = []
  let reserved = false
  for (const claim of demand.claims) {
    const looked = look(claim, reserved ? 0 : ledger.free, nowMs)
    const count = servedWith(looked, nowMs)
    if (count !== undefined) grants.push({ job: claim.job, hosts: ledger.take(looked, count) })
    else waiting.push(looked)
    reserved ||= count === undefined && goesFirst(looked, nowMs) // A3
  }
  return {
    grants,
    waiting,
    yields: yieldsAmong(waiting, ledger.free, nowMs),
    offers: offersFor(demand.wishes, reserved ? 0 : ledger.free),
    lookAgainAtMs: waiting.reduce((atMs, claim) => Math.min(atMs, nextLookMs(claim, nowMs)), Infinity),
  }
}

/** The claim with what it could use now. */
function look(claim: SlotClaim, free: number, nowMs: number): SlotClaim {
  const slots = usableSlots(claim.steps, Math.min(claim.wanted, claim.held + free))
  return slots === claim.seen.slots ? claim : { ...claim, seen: { slots, sinceMs: nowMs } }
}

/** A2. How many more slots it is given now; undefined: it waits. */
function servedWith(claim: SlotClaim, nowMs: number): number | undefined {
  const { seen, wanted, held } = claim
  const isServed = seen.slots >= wanted || (seen.slots >= 1 && nowMs >= goesOnAtMs(claim))
  return isServed ? Math.max(0, seen.slots - held) : undefined
}

/** When it goes on with fewer slots than it wants if their number stays as it is. */
export function goesOnAtMs({ settings, sinceMs, waitMs, seen }: SlotClaim): number {
  if (settings.mode === 'fixed') return Infinity
  const waitedAtMs = sinceMs + waitMs
  const settledAtMs = Math.min(seen.sinceMs + settings.settleMs, waitedAtMs + SETTLE_ROUNDS_MAX * settings.settleMs)
  return Math.max(waitedAtMs, settledAtMs)
}

/** A3. */
function goesFirst(claim: SlotClaim, nowMs: number): boolean {
  const { settings, sinceMs, waitMs } = claim
  return nowMs < (settings.mode === 'adaptive' ? goesOnAtMs(claim) : sinceMs + waitMs)
}

/** From then on it gives back what it holds if that serves another one. */
function givesBackAtMs(claim: SlotClaim): number {
  const { settings, sinceMs, waitMs, held } = claim
  const goesOnAnyway = settings.mode === 'adaptive' && held >= leastOf(claim)
  return held === 0 || goesOnAnyway ? Infinity : sinceMs + Math.max(settings.slotWaitMs, waitMs)
}

function nextLookMs(claim: SlotClaim, nowMs: number): number {
  const moments = [claim.sinceMs + claim.waitMs, goesOnAtMs(claim), givesBackAtMs(claim)]
  return Math.min(...moments.filter((atMs) => atMs > nowMs))
}

/** A4. The youngest jobs give back first, and no more of them than it takes. */
function yieldsAmong(waiting: readonly SlotClaim[], free: number, nowMs: number): readonly JobId[] {
  const holders = waiting.filter((claim) => nowMs >= givesBackAtMs(claim)).toReversed()
  for (const claim of waiting) {
    const yields: JobId[] = []
    let gathered = free
    for (const holder of holders) {
      if (gathered >= neededBy(claim)) break
      if (holder.job === claim.job) continue
      yields.push(holder.job)
      gathered += holder.held
    }
    if (yields.length > 0 && gathered >= neededBy(claim)) return yields
    if (goesFirst(claim, nowMs)) return [] // it would keep what is given back
  }
  return []
}

function neededBy(claim: SlotClaim): number {
  const { settings, wanted, held } = claim
  return settings.mode === 'adaptive' ? Math.max(0, leastOf(claim) - held) : wanted - held
}

/** An adaptive one starts with a single slot for each of its slot-sharing groups. */
function leastOf({ steps }: SlotClaim): number {
  return steps?.[0] ?? 1
}

/** What is offered to one job is not offered to the next: they would all be scaled up for the same slots. */
function offersFor(wishes: readonly SlotWish[], free: number): ReadonlyMap<JobId, number> {
  const offers = new Map<JobId, number>()
  let left = free
  for (const { job, wanted, steps, held } of wishes) {
    const more = Math.max(0, usableSlots(steps, Math.min(wanted, held + left)) - held)
    offers.set(job, held + more)
    left -= more
  }
  return offers
}

/** What is free where, while a plan is being made. A1. */
class FreeSlots {
  readonly #hosts: HostLedger[]
  free: number

  constructor(hosts: readonly SlotHost[]) {
    this.#hosts = hosts.map((host) => ({ host, used: total(host.used), given: new Map<JobId, number>() }))
    this.free = this.#hosts.reduce((sum, { host, used }) => sum + Math.max(0, host.slotCount - used), 0)
  }

  take(claim: SlotClaim, count: number): readonly TaskManagerId[] {
    return Array.from({ length: count }, () => this.#takeOne(claim))
  }

  #takeOne(claim: SlotClaim): TaskManagerId {
    const candidates = this.#hosts.filter(({ host, used }) => used < host.slotCount)
    const best = candidates.reduce((a, b) => (compare(claim, b, a) < 0 ? b : a))
    best.used++
    best.given.set(claim.job, (best.given.get(claim.job) ?? 0) + 1)
    this.free--
    return best.host.id
  }
}

interface HostLedger {
  readonly host: SlotHost
  used: number
  readonly given: Map<JobId, number>
}

/** Negative: `a` is the better place for one more slot of the job. Equal ones stay in their order. */
function compare(claim: SlotClaim, a: HostLedger, b: HostLedger): number {
  return (
    Number(claim.avoid.has(a.host.id)) - Number(claim.avoid.has(b.host.id)) ||
    slotsOf(claim.job, a) - slotsOf(claim.job, b) ||
    a.used / a.host.slotCount - b.used / b.host.slotCount ||
    Number(b.host.artifacts.has(claim.artifact)) - Number(a.host.artifacts.has(claim.artifact))
  )
}

function slotsOf(job: JobId, { host, given }: HostLedger): number {
  return (host.used.get(job) ?? 0) + (given.get(job) ?? 0)
}

function total(used: ReadonlyMap<JobId, number>): number {
  return [...used.values()].reduce((sum, count) => sum + count, 0)
}
