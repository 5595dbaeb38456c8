/**
 * The TaskManagers that are registered with this leader.
 *
 * Owns: who is registered under which connection, when each was heard, what it said about itself. Does not own: connections
 * (control-server.ts), slots (slot-manager.ts). Pure: time comes in.
 *
 * X1 A TaskManager id is registered at most once: a newer connection replaces the older one.
 * X2 What is known of a TaskManager is bounded: the newest `ARTIFACTS_KNOWN_MAX` bundles.
 */
import type { EngineError } from '../base/errors.ts'
import type { ArtifactHash, TaskManagerId } from '../base/ids.ts'
import type { FromTaskManager, TaskManagerFacts, TaskManagerVitals } from '../control/cluster-messages.ts'
import { type SilenceLimits, SilenceWatch } from '../control/heartbeat.ts'

export interface RegisteredTaskManager {
  readonly facts: TaskManagerFacts
  /** `host:port` of its connection. */
  readonly remote: string
  readonly vitals: TaskManagerVitals | undefined
  /** Wall clock when anything came from it last. */
  readonly heardWallMs: number
  /** Bundles that it fetched from here, as far as remembered. */
  readonly artifacts: ReadonlySet<ArtifactHash>
}

/** What a TaskManager says about its slots. */
export type SlotReport = Extract<FromTaskManager, { readonly kind: 'slot-ready' | 'from-slot' | 'slot-lost' }>

/** Who is told about TaskManagers. Calls come in the order in which things happened. */
export interface TaskManagerListener {
  onJoined(taskManager: RegisteredTaskManager): void
  /** All its slots are lost. */
  onGone(taskManager: TaskManagerId, error: EngineError): void
  onReport(taskManager: TaskManagerId, report: SlotReport): void
}

const ARTIFACTS_KNOWN_MAX = 64

export class TaskManagerRecord<Link> implements RegisteredTaskManager {
  readonly facts: TaskManagerFacts
  readonly remote: string
  readonly link: Link
  readonly #artifacts = new Set<ArtifactHash>()
  readonly #watch: SilenceWatch
  vitals: TaskManagerVitals | undefined
  heardWallMs: number

  constructor(options: {
    readonly facts: TaskManagerFacts
    readonly remote: string
    readonly link: Link
    readonly limits: SilenceLimits
    readonly at: HeardAt
  }) {
    this.facts = options.facts
    this.remote = options.remote
    this.link = options.link
    this.#watch = new SilenceWatch(options.limits, options.at.nowMs)
    this.heardWallMs = options.at.wallMs
  }

  get artifacts(): ReadonlySet<ArtifactHash> {
    return this.#artifacts
  }

  heard({ nowMs, wallMs }: HeardAt): void {
    this.#watch.heard(nowMs)
    this.heardWallMs = wallMs
  }

  /** Milliseconds of silence, once they reach the limit. */
  silentMs(nowMs: number): number | undefined {
    return this.#watch.look(nowMs)
  }

  // X2
  fetched(artifact: ArtifactHash): void {
    this.#artifacts.delete(artifact)
    this.#artifacts.add(artifact)
    for (const oldest of this.#artifacts) {
      if (this.#artifacts.size <= ARTIFACTS_KNOWN_MAX) return
      this.#artifacts.delete(oldest)
    }
  }
}

export interface HeardAt {
  readonly nowMs: number
  readonly wallMs: number
}

export class TaskManagerRegistry<Link> {
  readonly #records = new Map<TaskManagerId, TaskManagerRecord<Link>>()

  all(): readonly TaskManagerRecord<Link>[] {
    return [...this.#records.values()]
  }

  get(id: TaskManagerId): TaskManagerRecord<Link> | undefined {
    return this.#records.get(id)
  }

  /** X1. The record that was replaced. */
  add(record: TaskManagerRecord<Link>): TaskManagerRecord<Link> | undefined {
    const old = this.#records.get(record.facts.id)
    this.#records.delete(record.facts.id)
    this.#records.set(record.facts.id, record)
    return old
  }

  /** False when it is not registered any more, or under another connection. */
  remove(record: TaskManagerRecord<Link>): boolean {
    return this.#records.get(record.facts.id) === record && this.#records.delete(record.facts.id)
  }

  clear(): readonly TaskManagerRecord<Link>[] {
    const all = this.all()
    this.#records.clear()
    return all
  }
}
