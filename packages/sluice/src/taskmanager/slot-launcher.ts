/**
 * What the TaskManager needs of whoever runs its slots: threads of this process (cluster/thread-slot-launcher.ts), or this thread
 * (taskmanager/inline-launcher.ts, for the simulator and tests).
 *
 * Owns: nothing; this is the seam.
 *
 * K1 The listener is never called inside `launch`, `send`, `kill` or `end`.
 * K2 `onReady` at most once, before every `onMessage`; `onLost` at most once, as the last call; nothing after `end` was called.
 * K3 Links between slots of this process are the launcher's business; those to other processes come from `deployment.peers`.
 * K4 `end` and `kill` come to their end in bounded time: what will not go is `stuck`, or lost with TSK1006.
 */
import type { NetworkAddress } from '../base/env.ts'
import type { EngineError, ErrorData } from '../base/errors.ts'
import type { AllocationId, LeaderEpoch, SlotIndex } from '../base/ids.ts'
import type { JobSpec } from '../control/cluster-messages.ts'
import type { FromSlot, ToSlot } from '../control/messages.ts'

export interface SlotLaunch {
  readonly allocation: AllocationId
  readonly spec: JobSpec
  readonly slot: SlotIndex
  /** Of the leader that asked for the slot. */
  readonly epoch: LeaderEpoch
  /** Where the bundle is on the disk; undefined when the launcher needs none. */
  readonly artifactPath: string | undefined
}

export interface SlotReady {
  readonly layoutHash: string
  /** Where slots of other processes connect; undefined without a network. */
  readonly data?: NetworkAddress
}

export interface SlotListener {
  /** The slot has built the graph and takes a deployment. */
  onReady(ready: SlotReady): void
  /** Everything that the slot says but `ready`. */
  onMessage(message: Exclude<FromSlot, { kind: 'ready' }>): void
  /** It could not be started, ended, hangs and was ended, or was killed. TSK1006: it goes on, and this process has to end. */
  onLost(error: ErrorData): void
}

export interface LaunchedSlot {
  send(message: ToSlot): void
  /** Ends it whatever it does; `onLost` tells `error`, or TSK1006. Idempotent. */
  kill(error: EngineError): void
  /** Ends it in silence. Idempotent. */
  end(): Promise<SlotEnd>
}

export type SlotEnd = 'ended' | 'stuck'

export interface SlotLauncher {
  /** `none`: it has the jobs in memory, no bundle is fetched before `launch`. Default: `needed`. */
  readonly bundles?: 'needed' | 'none' | undefined
  launch(launch: SlotLaunch, listener: SlotListener): LaunchedSlot
  /** Slots may commit until then, in monotonic milliseconds of the TaskManager's clock; `over`: not any more. */
  leaseUntil(untilMs: number | 'over'): void
}
