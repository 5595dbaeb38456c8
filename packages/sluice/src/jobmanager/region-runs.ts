/**
 * What is prepared for the attempts of the regions: enumerators, restored state.
 *
 * Owns: it, from the restore of a region until its attempt is over, and the order in which restores follow each other. Does not own: when a region
 * is restored (job-machine.ts), how (attempt-restore.ts).
 *
 * N1 A region has the enumerators of one attempt at most: those of an attempt that is over are closed before others take their place. One that does
 *    not close is waited for `CLOSE_WAIT_MS` and then given up.
 * N2 Restores never overlap: one that is not wanted any more may still be closing what it made.
 */
import { present } from '../base/assert.ts'
import { deferred } from '../base/deferred.ts'
import type { Env } from '../base/env.ts'
import { errorToData } from '../base/errors.ts'
import type { AttemptNumber, CheckpointId, VertexId } from '../base/ids.ts'
import type { CheckpointStore } from '../checkpoint/checkpoint-store.ts'
import type { TaskRestore } from '../checkpoint/handles.ts'
import type { CheckpointManifest } from '../checkpoint/manifest.ts'
import type { SkippedCheckpoint } from '../checkpoint/recovery.ts'
import type { PreparingLeader } from '../connector/sink.ts'
import type { FromReader, ToReader } from '../control/messages.ts'
import { AlignmentDriver } from './alignment-driver.ts'
import { type AttemptRestoreOptions, type PreparedAttempt, closeAll, prepareAttempt } from './attempt-restore.ts'
import type { JobFailure } from './job-events.ts'
import { type JobRegion, type JobScale, regionOfVertex } from './job-scale.ts'
import type { RegionIndex } from './job-state.ts'
import { asErrorData } from './slot-fleet.ts'
import type { SourceCoordinator } from './source-coordinator.ts'

/** What is needed of the job. */
export interface RegionRunsOwner {
  /** Resolves when the storage tells the truth. Rejects with an EngineError. */
  ready(): Promise<void>
  isWanted(attempt: AttemptNumber): boolean
  /** After `ready`. Undefined when checkpointing is off. */
  leader(): PreparingLeader | undefined
  newestCheckpoint(): CheckpointId | undefined
  tellReader(attempt: AttemptNumber, vertex: VertexId, message: ToReader): void
  fail(attempt: AttemptNumber, failure: JobFailure): void
  onSkipped(skipped: SkippedCheckpoint): void
  /** Other regions would have to go back, too. */
  onWiden(attempt: AttemptNumber): void
  onRestored(attempt: AttemptNumber, manifest: CheckpointManifest | undefined): void
}

export interface RegionRunsOptions {
  readonly env: Env
  readonly store: CheckpointStore | undefined
  readonly owner: RegionRunsOwner
}

export interface RestoreRequest {
  readonly scale: JobScale
  readonly regions: readonly { readonly region: JobRegion; readonly attempt: AttemptNumber }[]
  /** The newest of the job: the answer goes under it. */
  readonly attempt: AttemptNumber
}

interface RegionRun {
  readonly restores: ReadonlyMap<VertexId, readonly TaskRestore[]>
  readonly sources: readonly SourceCoordinator[]
}

/** How long an enumerator may take to close before the next one is made all the same. */
const CLOSE_WAIT_MS = 10_000

const NOTHING_PREPARED: RegionRun = { restores: new Map(), sources: [] }

export class RegionRuns {
  readonly #options: RegionRunsOptions
  readonly #runs = new Map<RegionIndex, RegionRun>()
  /** Sources of one group may be in several regions. */
  readonly #alignment: AlignmentDriver
  #settled: Promise<void> = Promise.resolve()
  /** Of the restore that is under way. */
  #preparing: { readonly attempt: AttemptNumber; readonly sources: SourceCoordinator[] } | undefined

  constructor(options: RegionRunsOptions) {
    this.#options = options
    this.#alignment = new AlignmentDriver(options.env.timers)
  }

  restore(request: RestoreRequest): void {
    this.#settled = this.#settled.then(() => this.#restore(request)) // N2
  }

  /** No restore is under way, and what is over is closed. */
  settled(): Promise<void> {
    return this.#settled
  }

  restoresOf(region: RegionIndex): RegionRun['restores'] {
    return this.#of(region).restores
  }

  sourcesOf(region: RegionIndex): readonly SourceCoordinator[] {
    return this.#of(region).sources
  }

  /** Of all regions. */
  sources(): readonly SourceCoordinator[] {
    return [...this.#runs.values()].flatMap((run) => run.sources)
  }

  onReaderMessage(message: FromReader): void {
    this.sources()
      .find(({ uid }) => uid === message.source)
      ?.onReaderMessage(message)
  }

  /** Begins to close what the regions have; later restores wait for it. Never rejects. */
  close(regions: readonly RegionIndex[]): void {
    for (const region of regions) {
      this.#awaitClosed(closeAll(this.sourcesOf(region)))
      this.#runs.delete(region)
    }
    if (this.#preparing !== undefined && !this.#options.owner.isWanted(this.#preparing.attempt))
      void closeAll(this.#preparing.sources) // a discovery that hangs would keep the next restore, or the end of the job, waiting
  }

  // N1
  #awaitClosed(closed: Promise<void>): void {
    const late = deferred<void>()
    const timer = this.#options.env.timers.after(CLOSE_WAIT_MS, () => late.resolve())
    const closedOrLate = Promise.race([closed, late.promise]).then(() => timer.cancel())
    this.#settled = this.#settled.then(() => closedOrLate)
  }

  closeAll(): void {
    this.close([...this.#runs.keys()])
  }

  #of(region: RegionIndex): RegionRun {
    return this.#runs.get(region) ?? NOTHING_PREPARED
  }

  /** Never rejects. */
  async #restore(request: RestoreRequest): Promise<void> {
    const { owner } = this.#options
    const { attempt } = request
    this.#preparing = { attempt, sources: [] }
    try {
      await owner.ready()
      if (!owner.isWanted(attempt)) return
      const prepared = await prepareAttempt(this.#prepareOptions(request))
      if (prepared === undefined) return
      if (prepared === 'widen') return owner.onWiden(attempt)
      if (!owner.isWanted(attempt)) return await closeAll(prepared.sources)
      this.#put(request, prepared)
      owner.onRestored(attempt, prepared.manifest)
    } catch (error) {
      owner.fail(attempt, { error: asErrorData(error) })
    } finally {
      this.#preparing = undefined
    }
  }

  #prepareOptions({ scale, regions, attempt: newest }: RestoreRequest): AttemptRestoreOptions {
    const { env, store, owner } = this.#options
    const attempts = new Map(regions.map(({ region, attempt }) => [region.index, attempt]))
    return {
      graph: scale.graph,
      vertices: regions.flatMap(({ region }) => region.vertices),
      scope: regions.length === scale.regions.length ? 'job' : 'part',
      env,
      store,
      alignment: this.#alignment,
      channelOf: (vertex) => {
        const attempt = present(attempts.get(regionOfVertex(scale, vertex).index), 'the attempt of a region')
        return {
          send: (message) => owner.tellReader(attempt, vertex, message),
          fail: (error) => owner.fail(attempt, { error: errorToData(error), vertex }),
        }
      },
      onSource: (source) => this.#preparing?.sources.push(source),
      onSkipped: (skipped) => owner.onSkipped(skipped),
      isWanted: () => owner.isWanted(newest),
      leader: owner.leader(),
      newestKnown: owner.newestCheckpoint(),
    }
  }

  // N1
  #put({ regions }: RestoreRequest, { restores, sources }: PreparedAttempt): void {
    for (const { region } of regions) {
      const uids = new Set(region.vertices.flatMap(({ operators }) => operators.map(({ uid }) => uid)))
      this.#runs.set(region.index, { restores, sources: sources.filter(({ uid }) => uids.has(uid)) })
    }
  }
}
