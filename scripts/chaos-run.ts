/**
 * One chaos run: a cluster of real processes, jobs in it, one fault after the other at moments that the seed chooses, and at the end the
 * committed output against a batch computation.
 *
 * R1 A fault strikes a cluster that has got over the one before: all processes are there, the job has all its slots and a new checkpoint.
 * R2 Whatever happens, no process, namespace or folder is left behind; the folder of a run that is not as promised is kept.
 */
import { mkdirSync, mkdtempSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ChaosCluster, type JobView } from './chaos-cluster.ts'
import { FAULTS, strike, whyLeftOut, type FaultKind, type Phase, type Strike } from './chaos-faults.ts'
import { FlightsRounds } from './chaos-flights.ts'
import { createHosts, type Hosts, type NetnsMode } from './chaos-hosts.ts'
import { checkCounted } from './chaos-output.ts'
import { ChaosProcesses } from './chaos-processes.ts'
import { Pulse } from './chaos-pulse.ts'
import { isGood, type ChaosReport, type CheckedJob, type FaultRecord } from './chaos-report.ts'

export interface ChaosPlan {
  readonly seed: number
  /** How many faults of each kind. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>
  /** No new fault after this time. */
  readonly minutesMax: number
  readonly netns: NetnsMode
  /** Engine options of the processes. */
  readonly settings: Readonly<Record<string, string>>
  readonly beyondLeasesMs: number
  readonly keyed: KeyedLoad
  /** Records per second of the flights job, which runs beside it again and again. Undefined: it does not. */
  readonly flightsRate: number | undefined
  /** Longest wait before a fault, so that it strikes anywhere between two checkpoints. */
  readonly jitterMs: number
  /** The folder of a good run, with the logs of all processes. */
  readonly folder: 'remove' | 'keep'
  readonly note: (text: string) => void
}

export interface KeyedLoad {
  readonly rate: number
  readonly keys: number
  readonly valueSize: number
  readonly interval: string
}

export interface ChaosOutcome {
  readonly report: ChaosReport
  /** Kept for looking at when the report is not good. */
  readonly folder: string
}

const JOB_MANAGERS = 2
const TASK_MANAGERS = 3
const SLOTS = 2
/** Two jobs of this size leave two slots free; one of the other takes all of them. */
const PARALLELISM: Readonly<Record<Phase, number>> = { spare: 2, full: SLOTS * TASK_MANAGERS }
const RECOVERY_WAIT_MS = 60_000
/** Between the first new output and the end of the fault: by then each subtask has had its first. */
const ALL_OUTPUT_WAIT_MS = 1000
const STEADY_MS = 1000
const LOOK_MS = 25

export async function runChaos(plan: ChaosPlan): Promise<ChaosOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-chaos-'))
  const processes = new ChaosProcesses(folder)
  plan.note(`folder ${folder}`)
  const hosts = createHosts(plan.netns, (command) => processes.addLastWish(command))
  let report: ChaosReport | undefined
  try {
    report = await new ChaosRun(plan, { folder, processes, hosts }).run()
    return { report, folder }
  } finally {
    const isDone = report !== undefined && isGood(report) && plan.folder === 'remove'
    await processes.end(isDone ? 'remove-folder' : 'keep-folder') // R2
    hosts.remove()
    if (report === undefined) plan.note(`kept for you to look at: ${folder}`)
  }
}

interface Parts {
  readonly folder: string
  readonly processes: ChaosProcesses
  readonly hosts: Hosts
}

class ChaosRun {
  readonly #plan: ChaosPlan
  readonly #parts: Parts
  readonly #cluster: ChaosCluster
  readonly #records: FaultRecord[] = []
  readonly #jobs: CheckedJob[] = []
  readonly #problems: string[] = []
  #random: () => number
  #plannedFaults = 0
  #stateBytesMax = 0

  constructor(plan: ChaosPlan, parts: Parts) {
    this.#plan = plan
    this.#parts = parts
    this.#random = randomOf(plan.seed)
    const size = { jobManagers: JOB_MANAGERS, taskManagers: TASK_MANAGERS, slots: SLOTS }
    this.#cluster = new ChaosCluster(parts.folder, { ...size, settings: plan.settings }, parts)
  }

  async run(): Promise<ChaosReport> {
    const { note, seed } = this.#plan
    const started = performance.now()
    await this.#cluster.start()
    note(
      `cluster of ${JOB_MANAGERS} JobManagers and ${TASK_MANAGERS} TaskManagers: ready after ${secondsSince(started)} s`,
    )
    const kinds = Object.keys(this.#plan.faults) as FaultKind[]
    const leftOut = kinds.flatMap((kind) => {
      const reason = whyLeftOut(kind, this.#parts.hosts)
      return reason === undefined ? [] : [{ kind, reason }]
    })
    for (const phase of ['spare', 'full'] as const) {
      const wanted = kinds.filter((kind) => FAULTS[kind].phase === phase && !leftOut.some((out) => out.kind === kind))
      const untilMs =
        performance.now() + (this.#plan.minutesMax * 60_000 * wanted.length) / (kinds.length - leftOut.length)
      if (wanted.length === 0) continue
      await this.#runPhase(phase, this.#order(wanted), untilMs).catch((thrown: unknown) => {
        this.#note(`jobs with ${phase} slots: ${messageOf(thrown)}`)
      })
    }
    const [cpu] = cpus()
    const machine = `${cpus().length} × ${cpu?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.version}`
    const common = { faults: this.#records, plannedFaults: this.#plannedFaults, leftOut, jobs: this.#jobs }
    return { seed, machine, ...common, stateBytesMax: this.#stateBytesMax, problems: this.#problems }
  }

  /** Each kind as often as planned, in an order that the seed chooses. */
  #order(kinds: readonly FaultKind[]): readonly FaultKind[] {
    const list = kinds.flatMap((kind) => Array.from({ length: this.#plan.faults[kind] ?? 0 }, () => kind))
    const keyed = list.map((kind) => ({ kind, place: this.#random() }))
    return keyed.sort((one, other) => one.place - other.place).map(({ kind }) => kind)
  }

  async #runPhase(phase: Phase, order: readonly FaultKind[], untilMs: number): Promise<void> {
    const folder = join(this.#parts.folder, phase)
    mkdirSync(folder)
    const job = await this.#submitKeyed(phase, folder)
    const flights = phase === 'spare' ? this.#startFlights(folder) : undefined
    const pulse = new Pulse(join(folder, 'pulse'))
    await this.#untilSettled(job, -1)
    for (const [index, kind] of order.entries()) {
      if (performance.now() > untilMs) break
      this.#plannedFaults++
      const isDone = await this.#runFault(kind, { job, pulse, place: `${index + 1} of ${order.length}` })
      if (!isDone) break
    }
    await this.#endKeyed(phase, job, pulse)
    this.#jobs.push(...((await flights?.end()) ?? []))
  }

  #submitKeyed(phase: Phase, folder: string): Promise<string> {
    const { rate, keys, valueSize, interval } = this.#plan.keyed
    const params = { output: join(folder, 'keyed'), pulse: join(folder, 'pulse'), rate: String(rate), interval }
    return this.#cluster.submit({
      module: 'scripts/chaos-keyed-job.ts',
      parallelism: PARALLELISM[phase],
      params: { ...params, keys: String(keys), valueSize: String(valueSize) },
      options: RESTARTS,
    })
  }

  /** False when the run cannot go on. */
  async #runFault(
    kind: FaultKind,
    at: { readonly job: string; readonly pulse: Pulse; readonly place: string },
  ): Promise<boolean> {
    const { job, pulse, place } = at
    const { note, jitterMs, beyondLeasesMs } = this.#plan
    try {
      await sleep(Math.floor(this.#random() * jitterMs))
      const before = await this.#viewOf(job)
      const known = pulse.writers()
      const pick = <T>(choices: readonly T[]): T => this.#pick(choices)
      const scene = { cluster: this.#cluster, hosts: this.#parts.hosts, job, beyondLeasesMs, pick, note }
      const hit = await strike(kind, scene)
      const times = await this.#measure(kind, hit, { pulse, known })
      await hit.heal()
      await this.#untilSettled(job, before.checkpoint)
      this.#records.push({ kind, target: hit.target, ...times })
      const { firstOutputMs } = times
      const outcome =
        firstOutputMs === undefined ? 'got over' : `new output after ${(firstOutputMs / 1000).toFixed(2)} s`
      note(`fault ${place}: ${kind} of ${hit.target}: ${outcome}`)
      return true
    } catch (thrown) {
      this.#note(`${kind} (${place}): ${messageOf(thrown)}; ${JSON.stringify(await this.#cluster.job(job))}`)
      return false
    }
  }

  async #measure(
    kind: FaultKind,
    { atMs }: Strike,
    { pulse, known }: { readonly pulse: Pulse; readonly known: ReadonlySet<string> },
  ): Promise<Pick<FaultRecord, 'firstOutputMs' | 'allOutputMs'>> {
    if (FAULTS[kind].goalMs === undefined) return { firstOutputMs: undefined, allOutputMs: undefined }
    const deadline = performance.now() + RECOVERY_WAIT_MS
    while (pulse.beatsBeside(known).length === 0) {
      if (performance.now() > deadline) throw new TypeError(`no new output within ${RECOVERY_WAIT_MS / 1000} s`)
      await sleep(LOOK_MS)
    }
    await sleep(ALL_OUTPUT_WAIT_MS)
    const beats = pulse.beatsBeside(known)
    const times = beats.map((beat) => beat.atMs - atMs)
    return { firstOutputMs: Math.min(...times), allOutputMs: Math.max(...times) }
  }

  // R1
  async #untilSettled(job: string, checkpoint: number): Promise<void> {
    await this.#cluster.untilRegistered(TASK_MANAGERS)
    let [seen, since] = ['', performance.now()]
    await this.#cluster.until('the job runs again with all its slots and a new checkpoint', async () => {
      const view = await this.#cluster.job(job)
      if (view?.state === 'FAILED') throw new TypeError('the job failed for good')
      this.#stateBytesMax = Math.max(this.#stateBytesMax, view?.stateBytes ?? 0)
      const standing = view === undefined ? '' : standingOf(view, checkpoint)
      if (standing !== seen || standing === '') [seen, since] = [standing, performance.now()]
      return performance.now() - since >= STEADY_MS
    })
  }

  async #viewOf(job: string): Promise<JobView> {
    let view: JobView | undefined
    await this.#cluster.until('the job is shown', async () => (view = await this.#cluster.job(job)) !== undefined)
    if (view === undefined) throw new TypeError(`there is no job ${job}`)
    return view
  }

  async #endKeyed(phase: Phase, job: string, pulse: Pulse): Promise<void> {
    try {
      await this.#cluster.stopJob(job)
      await this.#untilEnded(job)
      const folder = join(this.#parts.folder, phase, 'keyed')
      const checkpoint = await this.#cluster.lastCheckpoint(job)
      const ends = pulse.lastIndexes(checkpoint)
      if (Math.max(...ends) < 0)
        this.#note(`nobody wrote down where checkpoint ${checkpoint} ends: its last records are not proved`)
      const check = await checkCounted(folder, this.#plan.keyed.keys, ends)
      // What was written behind the checkpoint of the stop is nobody's: the job reads it again when it resumes.
      this.#jobs.push({ job: `keyed job (${phase})`, ...check, leftovers: [] })
    } catch (thrown) {
      this.#note(`the end of the keyed job: ${messageOf(thrown)}`)
    }
  }

  async #untilEnded(job: string, waitMaxMs?: number): Promise<void> {
    const isOver = async (): Promise<boolean> => {
      const view = await this.#cluster.job(job)
      if (view?.state === 'FAILED' || view?.state === 'CANCELED')
        throw new TypeError(`job ${job} has ended: ${view.state}`)
      return view?.state === 'FINISHED'
    }
    await this.#cluster.until(`job ${job} has ended`, isOver, waitMaxMs)
  }

  #startFlights(folder: string): FlightsRounds | undefined {
    const rate = this.#plan.flightsRate
    if (rate === undefined) return undefined
    const rounds = new FlightsRounds(folder, async (run) => {
      const params = { ...run, rate: String(rate) }
      const submission = {
        module: 'examples/flight-delays.ts',
        parallelism: PARALLELISM.spare,
        params,
        options: RESTARTS,
      }
      await this.#untilEnded(await this.#cluster.submit(submission), FLIGHTS_WAIT_MS)
    })
    rounds.start((thrown) => this.#note(`the flights job: ${messageOf(thrown)}`))
    return rounds
  }

  #note(problem: string): void {
    this.#problems.push(problem)
    this.#plan.note(`PROBLEM: ${problem}`)
  }

  #pick<T>(choices: readonly T[]): T {
    const choice = choices[Math.floor(this.#random() * choices.length)]
    if (choice === undefined) throw new TypeError('nobody to choose from: does the job run?')
    return choice
  }
}

const FLIGHTS_WAIT_MS = 30 * 60_000
/** The first delay as by default; the next fault is a first one again. */
const RESTARTS = { 'restart.strategy': 'exponential-delay', 'restart.backoff.resetAfter': '3s' }

/** Empty while the job is not as it should be; what must not change meanwhile otherwise. */
function standingOf({ state, slotsHeld, slotsWanted, restartCount, checkpoint }: JobView, before: number): string {
  const isWell = state === 'RUNNING' && slotsHeld === slotsWanted && checkpoint > before
  return isWell ? `restarted ${restartCount} times` : ''
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

function secondsSince(start: number): string {
  return ((performance.now() - start) / 1000).toFixed(1)
}

/** Numbers in [0, 1), the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32
  }
}
