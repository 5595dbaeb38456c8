/**
 * Takes part in the election of the leader: performs what the leadership machine decides. docs/spec/leadership.md.
 *
 * Owns: the timers, the answers of the storage, the listener. Does not own: any decision (leadership-machine.ts), files (leader-files.ts).
 *
 * S1 Events are handled one after the other; what a listener calls waits until the step is done.
 * S2 `isHeld` is asked at the moment of use and looks at the clock: a process that was paused knows at once that its lease is over.
 */
import { assert } from '../base/assert.ts'
import { type Deferred, deferred } from '../base/deferred.ts'
import type { Env, Timer } from '../base/env.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import type { LeaderEpoch } from '../base/ids.ts'
import { LeaderFiles } from './leader-files.ts'
import { createLeadershipState, heldBy, stepLeadership } from './leadership-machine.ts'
import type {
  LeaderCandidate,
  LeaderInfo,
  LeadershipEffect,
  LeadershipEvent,
  LeadershipSettings,
  LeadershipState,
  LostReason,
  TimerName,
} from './leadership-state.ts'

export type { LeaderInfo, LeadershipSettings } from './leadership-state.ts'

/** Must not throw. */
interface LeadershipListener {
  /** From now on this process leads; `isHeld` says for how long. */
  onGained(epoch: LeaderEpoch): void
  /** It does not any more. `reason` is a whole sentence. Not called for a `stop`. */
  onLost(reason: string): void
  /** Who leads, as far as it is known here; this process too. Told when it changes. */
  onLeader(leader: LeaderInfo | undefined): void
  /** The shared storage does not answer as it should; told once until it does again. */
  onTrouble?(error: EngineError): void
}

export interface LeadershipOptions {
  readonly env: Env
  /** The shared folder. */
  readonly root: string
  readonly candidate: LeaderCandidate
  readonly settings: LeadershipSettings
  readonly listener: LeadershipListener
}

export interface Leadership {
  start(): void
  /** Not held any more when it returns. Resolves when a standby may take over at once, or the storage has not answered for a lease. Idempotent. */
  stop(): Promise<void>
  /** Undefined when it is not held now. */
  epoch(): LeaderEpoch | undefined
  isHeld(): boolean
  leader(): LeaderInfo | undefined
}

export function createLeadership(options: LeadershipOptions): Leadership {
  const { renewIntervalMs, leaseMs, leaseTimeoutMs } = options.settings
  assert(renewIntervalMs < leaseMs && leaseMs < leaseTimeoutMs, 'renew interval < lease < lease timeout', {
    renewIntervalMs,
    leaseMs,
    leaseTimeoutMs,
  })
  const shell = new LeadershipShell(options)
  return {
    start: () => shell.dispatch({ kind: 'start' }),
    stop: () => shell.stop(),
    epoch: () => shell.epoch(),
    isHeld: () => shell.epoch() !== undefined,
    leader: () => shell.leader(),
  }
}

class LeadershipShell {
  readonly #options: LeadershipOptions
  readonly #files: LeaderFiles
  readonly #timers = new Map<TimerName, Timer>()
  readonly #events: LeadershipEvent[] = []
  readonly #stopped: Deferred<void> = deferred()
  #state: LeadershipState
  #mode: 'waiting' | 'stepping' = 'waiting'
  #leader: LeaderInfo | undefined
  #storage: 'answers' | 'in-trouble' = 'answers'

  constructor(options: LeadershipOptions) {
    const { env, root, candidate } = options
    this.#options = options
    this.#files = new LeaderFiles({ disk: env.disk, root, random: env.random, candidate })
    this.#state = createLeadershipState(options.settings)
  }

  stop(): Promise<void> {
    this.dispatch({ kind: 'stop' })
    return this.#stopped.promise
  }

  /** S2 */
  epoch(): LeaderEpoch | undefined {
    const held = heldBy(this.#state)
    return held !== undefined && this.#nowMs() < held.heldUntilMs ? held.epoch : undefined
  }

  leader(): LeaderInfo | undefined {
    return this.#leader
  }

  /** S1 */
  dispatch(event: LeadershipEvent): void {
    this.#events.push(event)
    if (this.#mode === 'stepping') return
    this.#mode = 'stepping'
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#step(next)
    } finally {
      this.#mode = 'waiting'
    }
  }

  #step(event: LeadershipEvent): void {
    const { state, effects } = stepLeadership(this.#state, event, this.#nowMs())
    this.#state = state
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: LeadershipEffect): void {
    const { listener, candidate } = this.#options
    switch (effect.kind) {
      case 'look':
        return this.#look(effect.operation)
      case 'claim':
        return this.#claim(effect)
      case 'renew':
        return this.#renew(effect)
      case 'release':
        return this.#release(effect)
      case 'start-timer':
        return this.#startTimer(effect.timer, effect.atMs)
      case 'cancel-timer':
        return this.#cancelTimer(effect.timer)
      case 'gained':
        this.#setLeader({ ...candidate, epoch: effect.epoch })
        return listener.onGained(effect.epoch)
      case 'lost':
        this.#setLeader(undefined)
        return listener.onLost(`Leader epoch ${effect.epoch} is over: ${LOST_WORDS[effect.reason]}`)
      case 'leader':
        return this.#setLeader(effect.leader)
      case 'trouble':
        return this.#tellTrouble(effect.error)
      case 'stopped':
        this.#setLeader(undefined)
        return this.#stopped.resolve()
    }
  }

  #look(operation: number): void {
    const startedMs = this.#nowMs()
    this.#answer(
      this.#files.look().then((look) => ({ kind: 'looked', operation, look: { ...look, startedMs } })),
      (error) => ({ kind: 'look-failed', operation, error }),
    )
  }

  #claim({ operation, epoch }: Extract<LeadershipEffect, { kind: 'claim' }>): void {
    const startedMs = this.#nowMs()
    this.#answer(
      this.#files.claim(epoch).then((outcome) => ({ kind: 'claimed', operation, startedMs, outcome })),
      (error) => ({ kind: 'claim-failed', operation, error }),
    )
  }

  #renew({ operation, epoch, counter }: Extract<LeadershipEffect, { kind: 'renew' }>): void {
    const startedMs = this.#nowMs()
    this.#answer(
      this.#files.renew(epoch, counter).then((newestEpoch) => ({ kind: 'renewed', operation, startedMs, newestEpoch })),
      (error) => ({ kind: 'renew-failed', operation, error }),
    )
  }

  /** Whether it succeeds or not: a standby takes over at once, or a little later. */
  #release({ operation, epoch }: Extract<LeadershipEffect, { kind: 'release' }>): void {
    this.#answer(
      this.#files.release(epoch).then(() => ({ kind: 'released', operation })),
      () => ({ kind: 'released', operation }),
    )
  }

  #answer(answer: Promise<LeadershipEvent>, onFailure: (error: EngineError) => LeadershipEvent): void {
    const told = answer.then(
      (event) => {
        this.#storage = 'answers'
        return event
      },
      (thrown: unknown) => onFailure(this.#unusable(thrown)),
    )
    void told.then((event) => this.dispatch(event))
  }

  #startTimer(timer: TimerName, atMs: number): void {
    this.#cancelTimer(timer)
    const fire = (): void => {
      this.#timers.delete(timer)
      this.dispatch({ kind: timer })
    }
    this.#timers.set(timer, this.#options.env.timers.after(atMs - this.#nowMs(), fire))
  }

  #cancelTimer(timer: TimerName): void {
    this.#timers.get(timer)?.cancel()
    this.#timers.delete(timer)
  }

  #setLeader(leader: LeaderInfo | undefined): void {
    const before = this.#leader
    if (before?.epoch === leader?.epoch && before?.id === leader?.id) return
    this.#leader = leader
    this.#options.listener.onLeader(leader)
  }

  #tellTrouble(error: EngineError): void {
    if (this.#storage === 'in-trouble') return
    this.#storage = 'in-trouble'
    this.#options.listener.onTrouble?.(error)
  }

  #unusable(thrown: unknown): EngineError {
    const { root } = this.#options
    return new EngineError(
      'CLU1003',
      `the shared storage ${root} cannot be used to agree on a leader: ${messageOf(thrown)}. This JobManager leads only while its ` +
        'last renewal counts, and tries again. See that the folder is there and that this process may read and write it.',
      { cause: thrown, context: { path: root } },
    )
  }

  #nowMs(): number {
    return this.#options.env.clock.monotonicMs()
  }
}

const LOST_WORDS: Readonly<Record<LostReason, string>> = {
  'lease-over': 'the shared storage did not take a renewal in time.',
  superseded: 'another JobManager has claimed a higher one.',
  'claim-gone': 'its claim was removed from the shared storage.',
}
