/**
 * Operations that take longer than a request: started by one, asked about by others.
 *
 * A1 The same trigger id for the same thing starts it once, whenever it is asked for again while it is known.
 * A2 An outcome is kept for `keptMs` from when it was first seen; at most `countMax` are known, and what is under way is never forgotten
 *    for what comes: the new one is refused.
 */
import type { Env } from '../base/env.ts'
import { EngineError, type ErrorData } from '../base/errors.ts'

export type AsyncKind = 'stop' | 'checkpoint'

/** How it ended. */
export type AsyncOutcome =
  | { readonly kind: 'done'; readonly checkpoint: number }
  | { readonly kind: 'stopped'; readonly location: string }
  | { readonly kind: 'failed'; readonly error: ErrorData }

/** Undefined while it is under way. */
export type Probe = () => AsyncOutcome | undefined

export interface AsyncLimits {
  readonly keptMs: number
  readonly countMax: number
}

const LIMITS: AsyncLimits = { keptMs: 300_000, countMax: 1000 }
const WORDS_OF_ID = 4

interface Entry {
  probe: Probe
  ended: { readonly outcome: AsyncOutcome; readonly atMs: number } | undefined
}

export class AsyncOperations {
  readonly #env: Pick<Env, 'clock' | 'random'>
  readonly #limits: AsyncLimits
  readonly #entries = new Map<string, Entry>()

  constructor(env: Pick<Env, 'clock' | 'random'>, limits: AsyncLimits = LIMITS) {
    this.#env = env
    this.#limits = limits
  }

  /**
   * Resolves with the request id once it has begun.
   * @throws NET1012 when too many are under way, and whatever `begin` rejects with
   */
  async start(scope: AsyncScope, triggerId: string | undefined, begin: () => Promise<Probe>): Promise<string> {
    const id = triggerId ?? this.#newId()
    const key = keyOf(scope, id)
    this.#sweep()
    if (this.#entries.has(key)) return id // A1
    this.#makeRoom()
    const entry: Entry = { probe: () => undefined, ended: undefined }
    this.#entries.set(key, entry)
    try {
      entry.probe = await begin()
    } catch (thrown) {
      this.#entries.delete(key)
      throw thrown
    }
    return id
  }

  /** `unknown`: never started, or forgotten. */
  outcome(scope: AsyncScope, id: string): AsyncOutcome | 'under-way' | 'unknown' {
    this.#sweep()
    const entry = this.#entries.get(keyOf(scope, id))
    if (entry === undefined) return 'unknown'
    return entry.ended?.outcome ?? 'under-way'
  }

  #sweep(): void {
    const nowMs = this.#env.clock.monotonicMs()
    for (const [key, entry] of this.#entries) {
      const outcome = entry.ended === undefined ? entry.probe() : undefined
      if (outcome !== undefined) entry.ended = { outcome, atMs: nowMs }
      if (entry.ended !== undefined && nowMs - entry.ended.atMs > this.#limits.keptMs) this.#entries.delete(key)
    }
  }

  // A2
  #makeRoom(): void {
    if (this.#entries.size < this.#limits.countMax) return
    const oldestEnded = [...this.#entries].find(([, { ended }]) => ended !== undefined)
    if (oldestEnded === undefined) throw tooMany(this.#limits.countMax)
    this.#entries.delete(oldestEnded[0])
  }

  #newId(): string {
    const words = Array.from({ length: WORDS_OF_ID }, () => this.#env.random.u32())
    return words.map((word) => word.toString(16).padStart(8, '0')).join('')
  }
}

/** What is done, and to which job. */
export interface AsyncScope {
  readonly kind: AsyncKind
  readonly job: string
}

function keyOf({ kind, job }: AsyncScope, id: string): string {
  return `${kind}/${job}/${id}`
}

function tooMany(countMax: number): EngineError {
  return new EngineError(
    'NET1012',
    `${countMax} stops and checkpoints asked for over the REST API are still under way, which is the limit. This one was not started. Try again later.`,
  )
}
