/**
 * The committables of one sink subtask from the moment they are durable: committed, tried again, handed to the post-commit stage.
 *
 * Owns: the list of what is not done, and the order and the repetitions of commits. Does not own: cuts (sink-driver.ts), what a failure does to
 * the task (whoever waits for `commitUpTo`).
 *
 * Q1 A committable is in `pending` until it is committed and its post-commit stage is done: W1 of sink-driver.ts.
 * Q2 One call of the committer at a time, in order of checkpoints, and only for checkpoints known to be restorable.
 * Q3 What is to be tried again holds back what becomes due later, and waits longer each time, `retriesMax` times.
 * Q4 The post-commit stage sees whole checkpoints, in order.
 * Q5 After `close` nothing more is tried, and nobody is told that it was committed.
 */
import type { Timer, Timers } from '../base/env.ts'
import { EngineError, asEngineError, messageOf } from '../base/errors.ts'
import type { CommitRequest, Committer } from '../connector/sink.ts'
import type { Counter } from '../operators/operator.ts'

/** What one checkpoint has to commit. */
export interface CommitBatch {
  readonly checkpoint: number
  readonly committables: readonly unknown[]
}

export interface CommitQueueOptions {
  readonly uid: string
  readonly subtask: number
  readonly committer: Committer<unknown> | undefined
  readonly postCommit: (batch: CommitBatch) => Promise<void>
  readonly timers: Timers
  readonly retriesMax: number
  /** Throws when nothing may be committed any more. */
  readonly expectLease: () => void
  counter(name: 'commitRetries' | 'alreadyCommitted'): Counter
}

/** Pause before a committable is tried for the second time; doubles with each, up to the greatest. */
const RETRY_DELAY_MS = 100
const RETRY_DELAY_MS_MAX = 10_000

interface Batch {
  readonly checkpoint: number
  readonly entries: Entry[]
}

type Verdict =
  | { readonly kind: 'committed' }
  | { readonly kind: 'later'; readonly error: unknown }
  | { readonly kind: 'failed'; readonly error: unknown }

interface Entry {
  committable: unknown
  retries: number
  isCommitted: boolean
}

const COMMITTED: Verdict = Object.freeze({ kind: 'committed' })

export class CommitQueue {
  readonly #options: CommitQueueOptions
  #batches: Batch[] = []
  /** Every checkpoint up to here is known to be restorable, or covered by one that is. */
  #restorableUpTo = 0
  #commits: Promise<void> = Promise.resolve()
  #pause: { readonly timer: Timer; readonly over: () => void } | undefined
  #isClosed = false

  constructor(options: CommitQueueOptions) {
    this.#options = options
  }

  add({ checkpoint, committables }: CommitBatch): void {
    const entries = committables.map((committable) => ({ committable, retries: 0, isCommitted: false }))
    if (entries.length > 0) this.#batches.push({ checkpoint, entries })
  }

  // Q1
  pending(): readonly CommitBatch[] {
    return this.#batches.map(({ checkpoint, entries }) => ({
      checkpoint,
      committables: entries.map(({ committable }) => committable),
    }))
  }

  /** Resolves when everything up to there is done. Rejects with what failed the task has to fail with. */
  commitUpTo(checkpoint: number): Promise<void> {
    this.#restorableUpTo = Math.max(this.#restorableUpTo, checkpoint)
    this.#commits = this.#commits.then(() => this.#commitDue())
    this.#commits.catch(toldToCaller)
    return this.#commits
  }

  /** What was asked for is done, or has failed. */
  settled(): Promise<void> {
    return this.#commits
  }

  /** Waits for a call that is under way. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#pause?.timer.cancel()
    this.#pause?.over()
    await this.#commits.catch(toldToCaller)
  }

  /** Everything that is due by now in one call: commits that are slower than checkpoints do not fall behind further and further. */
  async #commitDue(): Promise<void> {
    for (let due = this.#due(); due.length > 0; due = this.#due()) {
      await this.#commit(due)
      await this.#finish(due)
      const again = due.flatMap(({ entries }) => entries).filter(({ isCommitted }) => !isCommitted)
      if (again.length > 0) await this.#wait(Math.max(...again.map(({ retries }) => retries)))
      if (this.#isClosed && this.#due().length > 0) throw this.#ended() // Q5
    }
  }

  // Q2, Q3
  #due(): readonly Batch[] {
    const due = this.#batches.filter((batch) => batch.checkpoint <= this.#restorableUpTo)
    due.sort((a, b) => a.checkpoint - b.checkpoint)
    const triedCount = due.findLastIndex(({ entries }) => entries.some(({ retries }) => retries > 0)) + 1
    return triedCount === 0 ? due : due.slice(0, triedCount)
  }

  async #commit(due: readonly Batch[]): Promise<void> {
    const { committer, expectLease } = this.#options
    const entries = due.flatMap((batch) => batch.entries).filter(({ isCommitted }) => !isCommitted)
    if (committer === undefined || entries.length === 0) {
      for (const entry of entries) entry.isCommitted = true
      return
    }
    expectLease()
    const requests = entries.map((entry) => new Request(entry, this.#options))
    await committer.commit(requests)
    for (const request of requests) request.apply()
  }

  // Q4
  async #finish(due: readonly Batch[]): Promise<void> {
    for (const batch of due) {
      if (!batch.entries.every(({ isCommitted }) => isCommitted)) return
      const committables = batch.entries.map(({ committable }) => committable)
      await this.#options.postCommit({ checkpoint: batch.checkpoint, committables }).catch((error: unknown) => {
        throw this.#notTold(batch.checkpoint, error)
      })
      this.#batches.splice(this.#batches.indexOf(batch), 1)
    }
  }

  #wait(retries: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    const delayMs = Math.min(RETRY_DELAY_MS_MAX, RETRY_DELAY_MS * 2 ** (retries - 1))
    return new Promise((over) => {
      this.#pause = { timer: this.#options.timers.after(delayMs, over), over }
    })
  }

  #notTold(checkpoint: number, error: unknown): EngineError {
    const { uid, subtask } = this.#options
    const what = `the post-commit stage of sink "${uid}" failed for checkpoint ${checkpoint}. Its output is committed; the job restarts, commits again and calls the stage again. Look at the cause`
    return asEngineError(error, 'SNK1002', what, { operator: uid, subtask, checkpoint })
  }

  #ended(): EngineError {
    const { uid, subtask } = this.#options
    return new EngineError(
      'SNK1002',
      `sink "${uid}" was closed while a committable waited to be tried again. Nothing is lost: it is in the last checkpoint, and the job commits it when it goes on from there. Nothing needs to be done.`,
      { context: { operator: uid, subtask } },
    )
  }
}

class Request implements CommitRequest<unknown> {
  readonly #entry: Entry
  readonly #options: CommitQueueOptions
  #verdict: Verdict = COMMITTED
  /** Over when the call of the committer is: it counts as it stands then. */
  #call: 'open' | 'over' = 'open'

  constructor(entry: Entry, options: CommitQueueOptions) {
    this.#entry = entry
    this.#options = options
  }

  get committable(): unknown {
    return this.#entry.committable
  }

  get numberOfRetries(): number {
    return this.#entry.retries
  }

  retryLater(error?: unknown): void {
    this.#say({ kind: 'later', error })
  }

  updateAndRetryLater(committable: unknown, error?: unknown): void {
    this.#say({ kind: 'later', error })
    this.#entry.committable = committable
  }

  signalAlreadyCommitted(): void {
    this.#say(COMMITTED)
    this.#options.counter('alreadyCommitted').add(1)
  }

  signalFailed(error: unknown): void {
    this.#say({ kind: 'failed', error })
  }

  #say(verdict: Verdict): void {
    if (this.#call === 'over') throw this.#tooLate()
    this.#verdict = verdict
  }

  /** The call is over: its last word counts. */
  apply(): void {
    this.#call = 'over'
    const { kind } = this.#verdict
    if (kind === 'failed') throw this.#lost(this.#verdict.error)
    this.#entry.isCommitted = kind === 'committed'
    if (kind === 'committed') return
    if (this.#entry.retries >= this.#options.retriesMax) throw this.#gaveUp(this.#verdict.error)
    this.#entry.retries++
    this.#options.counter('commitRetries').add(1)
  }

  /** Always SNK1003, which no restart repairs. */
  #lost(error: unknown): EngineError {
    const { uid, subtask } = this.#options
    const context = { operator: uid, subtask }
    if (error instanceof EngineError && error.code === 'SNK1003') return error.within(context)
    return new EngineError(
      'SNK1003',
      `sink "${uid}" can never commit ${preview(this.committable)}: ${messageOf(error)}. What it stands for is lost if nothing is done, so the job stops; the last checkpoint still has it. ` +
        'Look at what happened where the sink writes; when it is settled, start again.',
      { context, cause: error },
    )
  }

  /** Thrown into whatever the committer left running: what it says there would be lost in silence. */
  #tooLate(): EngineError {
    const { uid, subtask } = this.#options
    return new EngineError(
      'SNK1002',
      `the committer of sink "${uid}" said what became of ${preview(this.committable)} when its call of commit() was over and counted as committed. Whether it is must ` +
        'be looked at where the sink writes. Let the promise of commit() resolve when everything has been said: await what it starts.',
      { context: { operator: uid, subtask } },
    )
  }

  #gaveUp(error: unknown): EngineError {
    const { uid, subtask } = this.#options
    return new EngineError(
      'SNK1002',
      `sink "${uid}" could not commit ${preview(this.committable)} in ${this.#entry.retries + 1} tries${error === undefined ? '' : `: ${messageOf(error)}`}. ` +
        'Nothing is lost: the job restarts and commits again. Look at what it writes to; option sink.committer.retries says how often it is tried.',
      { context: { operator: uid, subtask }, cause: error },
    )
  }
}

/** Characters of a committable that an error message shows. */
const PREVIEW_MAX = 200

function preview(committable: unknown): string {
  try {
    const text = JSON.stringify(committable, (_name, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part))
    return text.length <= PREVIEW_MAX ? text : `${text.slice(0, PREVIEW_MAX)}…`
  } catch {
    return 'a committable' // cyclic, or nothing that JSON knows
  }
}

/** Whoever asked for the commit waits for it, and fails the task. */
function toldToCaller(): void {}
