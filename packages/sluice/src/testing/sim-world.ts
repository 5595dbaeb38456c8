/**
 * A whole simulated run: process after process on one disk, until the job has finished.
 *
 * Owns: when processes crash, lose slots, stop; the rules about progress and failures (O6 to O8). Does not own: what breaks (sim-faults.ts),
 * the rules about files (sim-checks.ts), whether the output is right (simulator.ts, sim-seeds.ts).
 *
 * R1 Nothing of a process runs after its end, and the next one starts with what its end left on the disk.
 * R2 Every rule that is broken ends the run with SIM1001; nothing else does.
 */
import type { JobDefinition } from '../api/define-job.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import type { Env, Random } from '../base/env.ts'
import { FileChecks, ruleBroken } from './sim-checks.ts'
import { SimDisk } from './sim-disk.ts'
import { simEnv } from './sim-env.ts'
import {
  CALM,
  type FaultBudget,
  type FaultCounts,
  LifeFaults,
  type LifePlan,
  type RunSize,
  drawCrash,
  drawPlan,
  noFaultCounts,
} from './sim-faults.ts'
import { LifeRun } from './sim-life-run.ts'
import { visibleFiles } from './sim-output.ts'
import { type SimHooks, SimProcess } from './sim-process.ts'
import { SimLife, SimScheduler } from './sim-scheduler.ts'
import { type SimShape, drawParallelism, streamOf } from './sim-shape.ts'

export interface SimRunOptions {
  readonly job: JobDefinition
  /** The job as one process builds it. Default: `job`. */
  readonly jobOn?: ((env: Env) => JobDefinition) | undefined
  readonly params: Readonly<Record<string, string>>
  /** Input, by path. */
  readonly files: Readonly<Record<string, string | Uint8Array>>
  readonly seed: number
  readonly shape: SimShape
  readonly hooks: SimHooks
  /** Undefined: nothing breaks. */
  readonly faults: { readonly budget: FaultBudget; readonly size: RunSize } | undefined
}

export interface SimRun {
  /** Committed files by path. */
  readonly files: ReadonlyMap<string, string>
  readonly faults: FaultCounts
  readonly size: RunSize
  readonly traceHash: string
  readonly processes: number
  readonly virtualMs: number
}

/** Processes of one run, those that failing disks ended included. */
const PROCESSES_MAX = 60

const STATE_ROOT = '/.sluice/simulated'

export class SimWorld {
  readonly #options: SimRunOptions
  readonly #scheduler: SimScheduler
  readonly #disk: SimDisk
  readonly #checks: FileChecks
  readonly #counts = noFaultCounts()
  readonly #plans: Random
  readonly #faultDraws: Random
  readonly #delays: Random
  #parallelism: number
  #processes = 0
  #current: LifeRun | undefined
  #records = 0
  #sourceRecords = 0

  constructor(options: SimRunOptions) {
    const { seed, shape } = options
    this.#options = options
    this.#scheduler = new SimScheduler({ random: streamOf(seed, 'order'), eventCostMaxMs: shape.eventCostMaxMs })
    this.#disk = new SimDisk({
      scheduler: this.#scheduler,
      random: streamOf(seed, 'disk'),
      delayMaxMs: shape.diskDelayMaxMs,
    })
    const concurrent = shape.options['checkpoint.concurrentMax'] === '1' ? 'one-at-a-time' : 'several'
    this.#checks = new FileChecks({ disk: this.#disk, stateRoot: STATE_ROOT, concurrent })
    this.#plans = streamOf(seed, 'plan')
    this.#faultDraws = streamOf(seed, 'faults')
    this.#delays = streamOf(seed, 'delays')
    this.#parallelism = shape.parallelism
    for (const [path, content] of Object.entries(options.files)) this.#disk.place(path, content)
    this.#disk.watcher = this.#checks
  }

  /** Runs the job to its end. Rejects with SIM1001, which says everything that is known. */
  async run(): Promise<SimRun> {
    const inputs = new Set(this.#disk.files().keys())
    try {
      const last = await this.#runToEnd()
      const files = visibleFiles(this.#disk, (path) => inputs.has(path))
      const size = this.#size()
      const [virtualMs, processes] = [this.#scheduler.nowMs, this.#processes]
      await this.#expectNoSecondRun(last)
      const after = visibleFiles(this.#disk, (path) => inputs.has(path))
      if (!isSameFiles(files, after)) throw ruleBroken('O8', 'another start of the finished job changed its output')
      return { files, faults: this.#counts, size, traceHash: this.#scheduler.traceHash(), processes, virtualMs }
    } catch (thrown) {
      throw this.#explained(thrown)
    }
  }

  /** What is known about the run now, for a rule that is looked at behind its end. */
  explain(error: EngineError): EngineError {
    return this.#explained(error)
  }

  /** Gives the process in which the job finished. */
  async #runToEnd(): Promise<LifeRun> {
    for (;;) {
      if (this.#processes >= PROCESSES_MAX)
        throw ruleBroken('O6', `the job had not finished after ${PROCESSES_MAX} processes`)
      const life = await this.#runProcess(this.#nextPlan())
      if (life.ending === 'finished') return life
    }
  }

  #nextPlan(): LifePlan {
    const { faults } = this.#options
    if (faults === undefined) return CALM
    const { budget, size } = faults
    if (this.#counts.crashes < budget.crashes && this.#processes < PROCESSES_MAX / 2)
      return drawPlan(this.#plans, budget, size, 'crashing')
    // Faults without a crash for a while, then none at all.
    const isLastWithFaults = this.#processes < budget.crashes + 2
    return isLastWithFaults ? drawPlan(this.#plans, budget, size, 'last') : CALM
  }

  async #runProcess(plan: LifePlan): Promise<LifeRun> {
    const life = this.#begin(plan)
    this.#current = life
    const stopped = await this.#scheduler.run(() => life.beforeStep())
    if (stopped === 'nothing-left' && !life.isOver)
      throw ruleBroken('O6', 'nothing is left to wait for, and the job has not ended')
    this.#records = Math.max(this.#records, life.faults.recordCount)
    const { outcome } = life.process
    if (outcome?.kind === 'ended') this.#sourceRecords = Math.max(this.#sourceRecords, outcome.result.recordsRead)
    life.life.end() // R1
    if (life.ending === 'crashed') this.#crash()
    return life
  }

  #begin(plan: LifePlan): LifeRun {
    const { job, jobOn, params, shape, hooks, faults } = this.#options
    if (faults !== undefined && this.#processes > 0 && this.#plans.fraction() < faults.budget.rescaleShare)
      this.#rescale()
    this.#checks.onProcessStart()
    const life = new SimLife(this.#processes++, this.#scheduler.nowMs)
    const lifeFaults = new LifeFaults(plan, this.#faultDraws, this.#counts)
    this.#disk.faults = lifeFaults
    const env = simEnv({
      scheduler: this.#scheduler,
      disk: this.#disk,
      random: this.#delays,
      delays: shape.delays,
      life,
    })
    const process = new SimProcess({
      job: jobOn?.(env) ?? job,
      params,
      shape,
      hooks,
      parallelism: this.#parallelism,
      env,
      random: this.#faultDraws,
      pid: this.#processes,
      stateRoot: STATE_ROOT,
      onRecord: (operator) => lifeFaults.onRecord(operator),
      onEvent: (event) => run.onEvent(event),
    })
    const base = {
      effects: this.#disk.effectCount,
      publications: this.#checks.publicationCount,
      visible: this.#checks.visibleCount,
    }
    const run = new LifeRun({
      plan,
      life,
      process,
      faults: lifeFaults,
      counts: this.#counts,
      scheduler: this.#scheduler,
      isTimeoutShort: shape.isTimeoutShort,
      reached: (of) => {
        if (of === 'steps') return life.steps
        if (of === 'restarts') return run.restartCount
        if (of === 'disk-effects') return this.#disk.effectCount - base.effects
        return of === 'publications'
          ? this.#checks.publicationCount - base.publications
          : this.#checks.visibleCount - base.visible
      },
    })
    process.start()
    return run
  }

  #rescale(): void {
    const next = drawParallelism(this.#plans)
    if (next !== this.#parallelism) this.#counts.rescales++
    this.#parallelism = next
  }

  #crash(): void {
    if (this.#checks.publishedCount > 0) this.#counts.crashesAfterCheckpoint++
    this.#checks.beforeCrash()
    this.#disk.crash(drawCrash(this.#faultDraws, this.#counts))
    this.#checks.afterCrash()
  }

  // O5, O8
  async #expectNoSecondRun(last: LifeRun): Promise<void> {
    const isCleared = last.process.uncleared === undefined
    if (last.faults.injectedCount === 0 && isCleared) this.#checks.expectNothingLeft()
    const again = await this.#runProcess(CALM)
    if (again.ending !== 'finished')
      throw ruleBroken('O8', `another start of the finished job ended as ${again.ending}`)
    if (isCleared && again.process.outcome?.kind !== 'finished-before')
      throw ruleBroken('O8', 'another start ran the finished job again')
  }

  #size(): RunSize {
    return {
      steps: this.#scheduler.steps,
      diskEffects: this.#disk.effectCount,
      publications: this.#checks.publicationCount,
      visibleFiles: this.#checks.visibleCount,
      records: Math.max(1, this.#records),
      sourceRecords: this.#sourceRecords,
    }
  }

  // R2
  #explained(thrown: unknown): EngineError {
    const what =
      thrown instanceof EngineError && thrown.code === 'SIM1001'
        ? thrown.message
        : `the engine let an error through: ${messageOf(thrown)}`
    const happened = Object.entries(this.#counts).filter(([, count]) => count > 0)
    const { seed, shape, job } = this.#options
    const lines = [
      what,
      `  job "${job.name}", seed ${seed}, process ${this.#processes}, parallelism ${this.#parallelism}, ${this.#scheduler.nowMs.toFixed(0)} ms of virtual time`,
      `  faults: ${happened.map(([name, count]) => `${name} ${count}`).join(', ') || 'none'}`,
      `  plan: ${JSON.stringify(this.#current?.plan)}`,
      `  shape: ${JSON.stringify(shape)}`,
      `  failures: ${this.#current?.failures.join('\n    ') ?? 'none'}`,
      `  state: ${this.#current?.process.describe() ?? 'not started'}`,
      `  waiting: ${this.#scheduler.waiting().join('; ')}`,
      `  last events:\n    ${this.#scheduler.tail().join('\n    ')}`,
      'The run is deterministic: the same seed shows the same again.',
    ]
    return new EngineError('SIM1001', lines.join('\n'), { context: { job: job.name }, cause: thrown })
  }
}

function isSameFiles(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([path, text]) => b.get(path) === text)
}
