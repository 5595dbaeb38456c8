/**
 * The only loop that runs user code: gives the tasks of one slot their steps, in turn, and hands the thread back in between.
 *
 * Owns: which tasks are ready. Does not own: the thread, the messages, the tasks' lives.
 *
 * L1 A task that is not ready costs nothing; `wake` makes it ready.
 * L2 The loop keeps the thread for at most `turnMs` or `stepsMax` steps, then lets messages, timers and disk completions in.
 * L3 Every ready task gets one step before any gets its second.
 */
import type { Env } from '../base/env.ts'
import type { StreamTask } from './stream-task.ts'

export interface LoopLimits {
  /** Milliseconds. */
  readonly turnMs: number
  readonly stepsMax: number
}

/** A short turn keeps barriers and credits moving; a hand-over costs a few microseconds. */
export const LOOP_LIMITS: LoopLimits = { turnMs: 2, stepsMax: 256 }

/** Lets somebody outside the thread see that it moves. */
export interface LoopProgress {
  /** User code is about to run. */
  enter(): void
  leave(): void
}

export class TaskLoop {
  readonly #env: Env
  readonly #limits: LoopLimits
  readonly #progress: LoopProgress
  #tasks: readonly StreamTask[] = []
  #ready: boolean[] = []
  #isScheduled = false
  #isRunning = false

  constructor(env: Env, limits: LoopLimits, progress: LoopProgress) {
    this.#env = env
    this.#limits = limits
    this.#progress = progress
  }

  /** Replaces the tasks. */
  run(tasks: readonly StreamTask[]): void {
    this.#tasks = tasks
    this.#ready = tasks.map(() => true)
    this.#schedule()
  }

  /** Makes the task at `index` of `run` ready. */
  wake(index: number): void {
    this.#ready[index] = true
    if (!this.#isRunning) this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#tasks.length === 0) return
    this.#isScheduled = true
    this.#env.turns.next(() => this.#turn())
  }

  #turn(): void {
    this.#isScheduled = false
    this.#isRunning = true
    this.#progress.enter()
    const endMs = this.#env.clock.monotonicMs() + this.#limits.turnMs
    let stepsLeft = this.#limits.stepsMax
    let hasReady = true
    while (hasReady && stepsLeft > 0 && this.#env.clock.monotonicMs() < endMs) {
      hasReady = this.#round()
      stepsLeft -= this.#tasks.length
    }
    this.#progress.leave()
    this.#isRunning = false
    if (this.#ready.includes(true)) this.#schedule()
  }

  /** L3. True when any task is ready again. */
  #round(): boolean {
    const tasks = this.#tasks
    let hasReady = false
    for (let index = 0; index < tasks.length; index++) {
      if (this.#ready[index] !== true) continue
      this.#ready[index] = false
      if (tasks[index]?.step() === 'progress') this.#ready[index] = true
    }
    for (let index = 0; index < tasks.length; index++) hasReady ||= this.#ready[index] === true
    return hasReady
  }
}
