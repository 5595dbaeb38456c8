/**
 * The rules about who does what when, looked at from outside with true time: C2, C3 of docs/spec/simulator.md.
 *
 * Owns: which attempt of each vertex is the newest one, which epoch has restored. Does not own: leadership and progress
 * (cluster-sim-world.ts), files (sim-checks.ts).
 */
import type { EngineError } from '../base/errors.ts'
import type { VertexId } from '../base/ids.ts'
import type { TaskSnapshot } from '../checkpoint/handles.ts'
import type { CheckpointManifest } from '../checkpoint/manifest.ts'
import type { SlotDeployment } from '../control/messages.ts'
import type { RecordWatch } from './cluster-sim-graph.ts'
import { ruleBroken } from './sim-checks.ts'

/** An attempt under one leader, as one number that grows. */
type AttemptKey = number

const ATTEMPTS_MAX = 1_000_000

interface Owner {
  readonly attempt: AttemptKey
  /** When it took over from the one before. */
  readonly sinceMs: number
}

export interface DeploymentChecksOptions {
  readonly nowMs: () => number
  /** How long the tasks of an attempt may go on once it was superseded. */
  readonly overlapMsMax: number
  /** Tells when a process was last stopped: it does not notice that time has passed before its timers have run. */
  readonly resumedAtMs: (process: string) => number
}

export class DeploymentChecks {
  readonly #options: DeploymentChecksOptions
  readonly #owners = new Map<VertexId, Owner>()
  /** By allocation: the epochs under which each attempt was deployed there. */
  readonly #epochs = new Map<string, Map<number, number>>()
  #newestEpoch = 0
  #broken: EngineError | undefined
  deployments = 0
  /** Records that were handled by an attempt that was superseded, in time. */
  overlaps = 0
  readonly epochs = new Set<number>()
  readonly slotCounts = new Set<number>()
  readonly #attempts = new Map<string, Set<AttemptKey>>()

  constructor(options: DeploymentChecksOptions) {
    this.#options = options
  }

  /** Thrown by the world before its next step: what notices it must not throw. */
  get broken(): EngineError | undefined {
    return this.#broken
  }

  /** The highest epoch that has deployed: it has read the storage before. */
  get newestEpoch(): number {
    return this.#newestEpoch
  }

  onDeploy(allocation: string, { epoch, attempt, tasks, slotCount }: SlotDeployment): void {
    this.deployments++
    this.epochs.add(epoch)
    this.slotCounts.add(slotCount)
    this.#newestEpoch = Math.max(this.#newestEpoch, epoch)
    const epochs = this.#epochs.get(allocation) ?? new Map<number, number>()
    this.#epochs.set(allocation, epochs.set(attempt, epoch))
    const key = keyOf(epoch, attempt)
    for (const { vertex } of tasks) {
      this.#attemptsOf(epoch, vertex).add(key)
      const owner = this.#owners.get(vertex)
      if (owner === undefined || owner.attempt < key)
        this.#owners.set(vertex, { attempt: key, sinceMs: this.#options.nowMs() })
    }
  }

  /** At the moment of its publication. C2, C3 */
  onPublished(manifest: CheckpointManifest): void {
    const { checkpoint, epoch } = manifest
    if (epoch < this.#newestEpoch)
      throw ruleBroken(
        'C2',
        `checkpoint ${checkpoint} was published by epoch ${epoch}, though epoch ${this.#newestEpoch} had restored before`,
      )
    for (const { id, tasks } of manifest.vertices) {
      const incarnations = new Set(tasks.flatMap(incarnationsOf))
      const isForeign = [...incarnations].some((incarnation) => !incarnation.startsWith(`${epoch}-`))
      if (incarnations.size > 1 || isForeign)
        throw ruleBroken(
          'C3',
          `checkpoint ${checkpoint} of epoch ${epoch} holds state of ${id} of ${[...incarnations].join(' and ')}`,
        )
    }
  }

  /** Attempts of a part of the job while the rest went on with its own. */
  get regionRestarts(): number {
    return [...this.epochs].reduce((sum, epoch) => {
      const counts = [...this.#attempts].filter(([key]) => key.startsWith(`${epoch} `)).map(([, { size }]) => size)
      return sum + Math.max(...counts) - Math.min(...counts)
    }, 0)
  }

  #attemptsOf(epoch: number, vertex: VertexId): Set<AttemptKey> {
    const key = `${epoch} ${vertex}`
    const attempts = this.#attempts.get(key) ?? new Set<AttemptKey>()
    this.#attempts.set(key, attempts)
    return attempts
  }

  /** For the operators of one slot. C3 */
  slot(process: string, allocation: string): RecordWatch {
    return (vertex, attempt) => {
      const epoch = this.#epochs.get(allocation)?.get(attempt)
      const owner = this.#owners.get(vertex)
      if (epoch === undefined || owner === undefined || owner.attempt <= keyOf(epoch, attempt)) return
      this.#onOverlap(process, `attempt ${attempt} of epoch ${epoch} of ${vertex}`, owner)
    }
  }

  #onOverlap(process: string, what: string, { sinceMs }: Owner): void {
    const { nowMs, overlapMsMax, resumedAtMs } = this.#options
    this.overlaps++
    const sinceAwakeMs = nowMs() - Math.max(sinceMs, resumedAtMs(process))
    if (sinceAwakeMs <= overlapMsMax) return
    this.#broken ??= ruleBroken(
      'C3',
      `${process} still handles records under ${what}, ${(nowMs() - sinceMs).toFixed(0)} ms after a newer attempt was deployed`,
    )
  }
}

/** Whose files a task's snapshot refers to, as epoch and attempt: it is the end of their names. */
function incarnationsOf({ operators }: TaskSnapshot): readonly string[] {
  return operators.flatMap(({ keyed }) => /-(\d+-\d+)$/.exec(keyed?.data.path ?? '')?.[1] ?? [])
}

function keyOf(epoch: number, attempt: number): AttemptKey {
  return epoch * ATTEMPTS_MAX + attempt
}
