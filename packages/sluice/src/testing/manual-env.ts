/**
 * An `Env` whose clock, timers and turns move only when the test says so.
 *
 * Owns: the virtual clock, the timer list, the turn queue, the lines printed. Does not own: the disk, which is given (and
 * has to complete in microtasks for `settle` to be deterministic).
 *
 * V1 Nothing runs by itself: timers fire in `advance`, turns run in `runTurns`, both in `settle` and `advanceAndSettle`.
 * V2 Timers fire in order of their moment, and of their registration at the same moment; the clock shows that moment.
 * V3 A callback never runs inside the call that registered it (E1), and a cancelled timer never fires (E2).
 */
import { assert } from '../base/assert.ts'
import type { Disk, Env, Sockets, Timer } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import { seededRandom } from '../base/random.ts'
import type { MemoryNetwork } from './memory-network.ts'
import { noNetwork } from './no-network.ts'

/** What the made-up world begins with. */
export interface ManualEnvOptions {
  /** Where the wall clock starts, milliseconds. Default 1,700,000,000,000. */
  readonly wallMs?: number
  /** Default 1. */
  readonly seed?: number
  /** Default: a disk that refuses everything. */
  readonly disk?: Disk
  /** Default: nobody can be reached. */
  readonly network?: MemoryNetwork
  /** Default: there is no world outside. */
  readonly sockets?: Sockets
  /** On which machine of the network this is. Default: `localhost`. */
  readonly machine?: string
}

/** An `Env` that stands still until it is told to go on. */
export interface ManualEnv extends Env {
  /** What was written to `stdout`. */
  readonly lines: readonly string[]
  /** Moves both clocks by `ms` and fires the timers that become due on the way, each at its moment. */
  advance(ms: number): void
  /** Moves the wall clock only: what an administrator or NTP does (E3). Fires nothing. */
  jumpWall(ms: number): void
  /** Runs turns, also those that turns add, until none is left; gives how many ran. Fails when they never end. */
  runTurns(): number
  /** Runs everything that can happen without the clock moving: turns, promise reactions, timers already due. */
  settle(): Promise<void>
  /** `advance` timer by timer with a `settle` after each, so that promise reactions see the clock at the right moment. */
  advanceAndSettle(ms: number): Promise<void>
  /** How many timers are pending. */
  timerCount(): number
  /** Milliseconds from now to the next timer. */
  nextTimerInMs(): number | undefined
}

/** Turns run in one `runTurns`, or rounds of one `settle`, before the test is said to be in an endless loop. */
const TURNS_MAX = 1_000_000

/**
 * An `Env` for tests of sources, sinks and whatever needs a clock: nothing happens by itself.
 *
 * @example
 * const env = createManualEnv({ disk: new MemoryDisk() })
 * env.timers.after(1000, () => env.stdout.writeLine('a second later'))
 * await env.advanceAndSettle(1000)
 * expect(env.lines).toEqual(['a second later'])
 */
export function createManualEnv(options: ManualEnvOptions = {}): ManualEnv {
  return new VirtualTime(options).toEnv(options)
}

interface PendingTimer {
  readonly atMs: number
  readonly fire: () => void
}

class VirtualTime {
  #monotonicMs = 0
  #wallOffsetMs: number
  /** Sorted by moment, then by registration. */
  readonly #timers: PendingTimer[] = []
  #turns: (() => void)[] = []

  constructor(options: ManualEnvOptions) {
    this.#wallOffsetMs = options.wallMs ?? 1_700_000_000_000
  }

  toEnv(options: ManualEnvOptions): ManualEnv {
    const lines: string[] = []
    const timers = { after: (delayMs: number, fire: () => void): Timer => this.#after(delayMs, fire) }
    const turns = { next: (run: () => void) => void this.#turns.push(run) }
    return {
      clock: { wallMs: () => Math.floor(this.#wallOffsetMs + this.#monotonicMs), monotonicMs: () => this.#monotonicMs },
      timers,
      turns,
      random: seededRandom(options.seed ?? 1),
      disk: options.disk ?? NO_DISK,
      network: options.network?.of({ turns, timers }, options.machine) ?? noNetwork(),
      ...(options.sockets === undefined ? {} : { sockets: options.sockets }),
      stdout: { writeLine: (line) => void lines.push(line) },
      lines,
      advance: (ms) => this.#advance(ms),
      jumpWall: (ms) => void (this.#wallOffsetMs += ms),
      runTurns: () => this.#runTurns(),
      settle: () => this.#settle(),
      advanceAndSettle: (ms) => this.#advanceAndSettle(ms),
      timerCount: () => this.#timers.length,
      nextTimerInMs: () => this.#nextTimerInMs(),
    }
  }

  #after(delayMs: number, fire: () => void): Timer {
    const timer = { atMs: this.#monotonicMs + Math.max(0, delayMs), fire }
    let at = this.#timers.length
    while (at > 0 && (this.#timers[at - 1]?.atMs ?? 0) > timer.atMs) at--
    this.#timers.splice(at, 0, timer)
    return { cancel: () => this.#cancel(timer) }
  }

  #cancel(timer: PendingTimer): void {
    const at = this.#timers.indexOf(timer)
    if (at >= 0) this.#timers.splice(at, 1)
  }

  #advance(ms: number): void {
    const untilMs = this.#monotonicMs + ms
    while (this.#fireNext(untilMs));
    this.#monotonicMs = untilMs
  }

  async #advanceAndSettle(ms: number): Promise<void> {
    const untilMs = this.#monotonicMs + ms
    await this.#settle()
    while (this.#fireNext(untilMs)) await this.#settle()
    this.#monotonicMs = untilMs
    await this.#settle()
  }

  #fireNext(untilMs: number): boolean {
    const next = this.#timers[0]
    if (next === undefined || next.atMs > untilMs) return false
    this.#timers.shift()
    this.#monotonicMs = Math.max(this.#monotonicMs, next.atMs)
    next.fire()
    return true
  }

  #runTurns(): number {
    let ran = 0
    while (this.#turns.length > 0) {
      const turns = this.#turns
      this.#turns = []
      for (const run of turns) run()
      ran += turns.length
      assert(ran <= TURNS_MAX, 'turns never end', { ran })
    }
    return ran
  }

  async #settle(): Promise<void> {
    let quietRounds = 0
    for (let round = 0; quietRounds < 2; round++) {
      assert(round <= TURNS_MAX, 'settle never ends', { round })
      await microtasks()
      const moved = this.#fireNext(this.#monotonicMs) || this.#runTurns() > 0
      quietRounds = moved ? 0 : quietRounds + 1
    }
  }

  #nextTimerInMs(): number | undefined {
    const next = this.#timers[0]
    return next === undefined ? undefined : Math.max(0, next.atMs - this.#monotonicMs)
  }
}

/** Resolves when every promise reaction that can run has run. */
function microtasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function refuse(): never {
  throw new EngineError('INT1001', 'this test gave no disk to createManualEnv. Pass one as `disk`.')
}

const NO_DISK: Disk = {
  read: refuse,
  readRange: refuse,
  openWrite: refuse,
  rename: refuse,
  link: refuse,
  remove: refuse,
  removeTree: refuse,
  makeDirectory: refuse,
  list: refuse,
  stat: refuse,
  truncate: refuse,
  syncDirectory: refuse,
}
