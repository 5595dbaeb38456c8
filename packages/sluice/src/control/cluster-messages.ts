/**
 * What a JobManager and a TaskManager say to each other over one connection, behind the handshake. docs/spec/cluster.md, docs/spec/control.md.
 *
 * W1 The TaskManager speaks first, with `register`. Nothing else is said before `registered`.
 * W2 Both directions are ordered. What is said about an allocation after its end is dropped and counted.
 * W3 A connection belongs to one leader epoch: the one the handshake agreed on. A TaskManager never goes back to a lower one.
 */
import type { NetworkAddress } from '../base/env.ts'
import type { ErrorData } from '../base/errors.ts'
import type { AllocationId, ArtifactHash, JobId, LeaderEpoch, SlotIndex, TaskManagerId } from '../base/ids.ts'
import type { FromSlot, ToSlot } from './messages.ts'

/** From what every process builds the same graph of a job. */
export interface JobSpec {
  readonly job: JobId
  readonly name: string
  /** The bundle; hosts that have the job in memory (the simulator) do not look for it. */
  readonly artifact: ArtifactHash
  readonly params: Readonly<Record<string, string>>
  /** Stronger than what the job sets, strongest first. */
  readonly layers: readonly SpecLayer[]
  /** Root of the checkpoints of the job, as an absolute path on the shared storage; undefined: checkpointing is off. */
  readonly storageRoot?: string
}

export interface SpecLayer {
  readonly origin: string
  readonly values: Readonly<Record<string, string>>
}

/** What a TaskManager says about itself. */
export interface TaskManagerFacts {
  readonly id: TaskManagerId
  /** Of the machine, as people know it. */
  readonly host: string
  readonly pid: number
  readonly slotCount: number
  /** Version of the package. */
  readonly version: string
  readonly metricsAddress?: NetworkAddress
  readonly memoryBytes: number
  readonly cpuCores: number
  /** Wall clock when it was sent: a clock that is far off is named in a warning. */
  readonly wallMs: number
}

export type FromTaskManager =
  | { readonly kind: 'register'; readonly facts: TaskManagerFacts }
  /** Every `heartbeatIntervalMs`; `seq` grows by one. */
  | { readonly kind: 'heartbeat'; readonly seq: number; readonly vitals: TaskManagerVitals }
  /** The slot has built the graph and takes a deployment. `data`: where its data connections arrive; undefined without a network. */
  | {
      readonly kind: 'slot-ready'
      readonly allocation: AllocationId
      readonly layoutHash: string
      readonly data?: NetworkAddress
    }
  | { readonly kind: 'from-slot'; readonly allocation: AllocationId; readonly message: FromSlot }
  /** The thread ended, could not be started, hangs and was ended, or was killed as told. Last word about the allocation. */
  | { readonly kind: 'slot-lost'; readonly allocation: AllocationId; readonly error: ErrorData }
  /** The bytes of a bundle from `offset`. */
  | { readonly kind: 'fetch-artifact'; readonly artifact: ArtifactHash; readonly offset: number }
  | { readonly kind: 'answer'; readonly request: number; readonly result: InfoResult }
  /** It ends on purpose: its slots are lost from now on. */
  | { readonly kind: 'leaving'; readonly reason: string }

/** What changes, for people and metrics. */
export interface TaskManagerVitals {
  readonly heapUsedBytes: number
  readonly cpuRatio: number
  readonly eventLoopDelayMs: number
  readonly slotsInUse: number
}

export type ToTaskManager =
  | {
      readonly kind: 'registered'
      readonly epoch: LeaderEpoch
      readonly heartbeatIntervalMs: number
      /** Without an acknowledged heartbeat for so long, counted from when it was sent, the TaskManager ends all its slots. */
      readonly leaseMs: number
      /** Name and content of a file on the shared storage: a TaskManager that cannot read it shares another storage. */
      readonly marker?: StorageMarker
    }
  | { readonly kind: 'heartbeat-ack'; readonly seq: number }
  /** `slot` is its number for now: each deployment says which number it has (`deployment.slot`), and a later one may give it another. */
  | {
      readonly kind: 'start-slot'
      readonly allocation: AllocationId
      readonly spec: JobSpec
      readonly slot: SlotIndex
    }
  | { readonly kind: 'to-slot'; readonly allocation: AllocationId; readonly message: ToSlot }
  /** Ends the thread at once; `slot-lost` follows. */
  | { readonly kind: 'kill-slot'; readonly allocation: AllocationId }
  /** The job does not need it any more: ends the thread; nothing follows. */
  | { readonly kind: 'release-slot'; readonly allocation: AllocationId }
  | {
      readonly kind: 'artifact-part'
      readonly artifact: ArtifactHash
      readonly offset: number
      readonly bytes: Uint8Array
      readonly totalBytes: number
    }
  | { readonly kind: 'artifact-missing'; readonly artifact: ArtifactHash }
  | { readonly kind: 'ask'; readonly request: number; readonly question: InfoQuestion }

export interface StorageMarker {
  readonly path: string
  readonly content: string
}

/** What the REST API asks of a TaskManager. */
export type InfoQuestion = { readonly kind: 'log'; readonly bytesMax: number } | { readonly kind: 'metrics' }

export type InfoResult =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'failed'; readonly error: ErrorData }
