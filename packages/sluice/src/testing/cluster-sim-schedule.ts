/**
 * What is to break in a simulated cluster, as data that can be printed, read and cut down.
 *
 * A fault is written `kind(arguments)@trigger`, faults are separated by `;`. A trigger is a letter and a number: `t` milliseconds of virtual
 * time, `s` events, `d` effects on the disk, `f` frames that arrived, `p` published checkpoints, `r` restarts of the job.
 *
 * Owns: the text and the draws. Does not own: what a fault does (cluster-sim-faults.ts).
 */
import type { Random } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import { below } from '../base/random.ts'
import { TASK_MANAGERS_MAX, type ClusterShape, hostNames } from './cluster-sim-shape.ts'

export type TriggerKind = 't' | 's' | 'd' | 'f' | 'p' | 'r'

interface Trigger {
  readonly of: TriggerKind
  readonly count: number
}

export type ClusterFault =
  /** The process on this machine dies, and is started again after a while. `leader` and `worker`: whoever that is then. */
  | { readonly kind: 'crash'; readonly host: string; readonly ms: number }
  /** The machine loses power: the same, but its peers are told nothing. */
  | { readonly kind: 'off'; readonly host: string; readonly ms: number }
  /** As SIGSTOP and SIGCONT do it. */
  | { readonly kind: 'pause'; readonly host: string; readonly ms: number }
  /** Nothing passes between two sets of machines; `one-way`: nothing from `a` to `b`. */
  | {
      readonly kind: 'cut'
      readonly a: readonly string[]
      readonly b: readonly string[]
      readonly direction: 'both' | 'one-way'
      readonly ms: number
    }
  /** Some connections break. */
  | { readonly kind: 'break'; readonly count: number }
  /** Everything on the network takes so many times as long. */
  | { readonly kind: 'lag'; readonly factor: number; readonly ms: number }
  | {
      readonly kind: 'disk'
      readonly how: 'slow' | 'fail' | 'hang'
      /** `all` or one machine. */
      readonly host: string
      readonly ms: number
    }
  /** The storage loses power, and with it every process. `ms`: until they are started again. */
  | { readonly kind: 'power'; readonly ms: number }
  /** The wall clock of a machine jumps. */
  | { readonly kind: 'clock'; readonly host: string; readonly ms: number }
  /** One slot of a TaskManager is gone. */
  | { readonly kind: 'slot'; readonly host: string }
  /** The next record of any operator makes its user function throw. */
  | { readonly kind: 'throw' }
  /** A TaskManager comes that was not there before. */
  | { readonly kind: 'join'; readonly host: string; readonly slots: number }
  /** A process ends as it is asked to; a TaskManager for good, a JobManager comes back after a while. */
  | { readonly kind: 'leave'; readonly host: string }
  /** Somebody changes how many slots the job may use. */
  | { readonly kind: 'scale'; readonly slots: number }

export interface ScheduledFault {
  readonly fault: ClusterFault
  readonly at: Trigger
}

export type Schedule = readonly ScheduledFault[]

export type FaultKind = ClusterFault['kind']

export const FAULT_KINDS: readonly FaultKind[] = [
  'crash',
  'off',
  'pause',
  'cut',
  'break',
  'lag',
  'disk',
  'power',
  'clock',
  'slot',
  'throw',
  'join',
  'leave',
  'scale',
]

/** In the place of a machine: where whoever leads then is. */
export const LEADER = 'leader'
/** In the place of a machine: a TaskManager that runs slots then. */
export const WORKER = 'worker'

export function scheduleText(schedule: Schedule): string {
  return schedule.map(({ fault, at }) => `${faultText(fault)}@${at.of}${at.count}`).join('; ')
}

function faultText(fault: ClusterFault): string {
  return `${fault.kind}(${argumentsOf(fault).join(',')})`
}

function argumentsOf(fault: ClusterFault): readonly (string | number)[] {
  switch (fault.kind) {
    case 'crash':
    case 'off':
    case 'pause':
    case 'clock':
      return [fault.host, fault.ms]
    case 'cut':
      return [fault.a.join('+'), fault.b.join('+'), fault.direction, fault.ms]
    case 'break':
      return [fault.count]
    case 'lag':
      return [fault.factor, fault.ms]
    case 'disk':
      return [fault.how, fault.host, fault.ms]
    case 'power':
      return [fault.ms]
    case 'slot':
    case 'leave':
      return [fault.host]
    case 'throw':
      return []
    case 'join':
      return [fault.host, fault.slots]
    case 'scale':
      return [fault.slots]
  }
}

const ENTRY = /^(\w+)\(([^)]*)\)@([tsdfpr])(\d+)$/

/** @throws CFG1002 for a text that is no schedule */
export function parseSchedule(text: string): Schedule {
  return text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseEntry)
}

function parseEntry(text: string): ScheduledFault {
  const [, kind = '', args = '', of = '', count = ''] = ENTRY.exec(text) ?? []
  const fault = parseFault(
    kind,
    args.split(',').map((arg) => arg.trim()),
  )
  if (fault === undefined)
    throw new EngineError(
      'CFG1002',
      `"${text}" is no fault of a simulated cluster. Nothing was run. A fault looks like crash(tm1,500)@t1200; the kinds are ${FAULT_KINDS.join(', ')}.`,
    )
  return { fault, at: { of: of as TriggerKind, count: Number(count) } } // the pattern has no other letters
}

function parseFault(kind: string, args: readonly string[]): ClusterFault | undefined {
  const [first = '', second = '', third = '', fourth = ''] = args
  switch (kind) {
    case 'crash':
    case 'off':
    case 'pause':
    case 'clock':
      return { kind, host: first, ms: Number(second) }
    case 'cut':
      return {
        kind,
        a: first.split('+'),
        b: second.split('+'),
        direction: third === 'both' ? 'both' : 'one-way',
        ms: Number(fourth),
      }
    case 'break':
      return { kind, count: Number(first) }
    case 'lag':
      return { kind, factor: Number(first), ms: Number(second) }
    case 'disk':
      return {
        kind,
        how: first === 'hang' ? 'hang' : first === 'fail' ? 'fail' : 'slow',
        host: second,
        ms: Number(third),
      }
    case 'power':
      return { kind, ms: Number(first) }
    case 'slot':
    case 'leave':
      return { kind, host: first }
    case 'throw':
      return { kind }
    case 'join':
      return { kind, host: first, slots: Number(second) }
    case 'scale':
      return { kind, slots: Number(first) }
    default:
      return undefined
  }
}

/** Virtual time in which faults begin. */
const WINDOW_MS = 2500
const FAULTS_MAX = 10

export function drawSchedule(random: Random, shape: ClusterShape): Schedule {
  const draws = new ScheduleDraws(random, shape)
  // A seed has a mood: some kinds of faults only, so that each also happens alone and often.
  const kinds = random.fraction() < 0.5 ? FAULT_KINDS : draws.some(FAULT_KINDS, 1 + below(random, 3))
  return Array.from({ length: 1 + below(random, FAULTS_MAX) }, () => ({
    fault: draws.fault(draws.one(kinds)),
    at: draws.trigger(),
  }))
}

class ScheduleDraws {
  readonly #random: Random
  readonly #shape: ClusterShape
  #joined = 0

  constructor(random: Random, shape: ClusterShape) {
    this.#random = random
    this.#shape = shape
  }

  one<T>(all: readonly T[]): T {
    const [first] = all
    return all[below(this.#random, all.length)] ?? (first as T) // never empty
  }

  some<T>(all: readonly T[], count: number): readonly T[] {
    return Array.from({ length: count }, () => this.one(all))
  }

  trigger(): Trigger {
    const random = this.#random
    const kind = this.one<TriggerKind>(['t', 't', 't', 's', 'd', 'f', 'p', 'r'])
    if (kind === 't') return { of: 't', count: below(random, WINDOW_MS) }
    if (kind === 's') return { of: 's', count: below(random, 9000) }
    if (kind === 'd') return { of: 'd', count: 1 + below(random, 800) }
    if (kind === 'f') return { of: 'f', count: 1 + below(random, 2200) }
    return { of: kind, count: 1 + below(random, kind === 'p' ? 12 : 3) }
  }

  fault(kind: FaultKind): ClusterFault {
    const random = this.#random
    switch (kind) {
      case 'crash':
      case 'off':
        return { kind, host: this.#host(), ms: this.#downMs() }
      case 'pause':
        return { kind, host: this.#host(), ms: this.#spanMs() }
      case 'cut':
        return this.#cut()
      case 'break':
        return { kind, count: 1 + below(random, 3) }
      case 'lag':
        return { kind, factor: this.one([3, 10, 40]), ms: this.#spanMs() }
      case 'disk':
        return {
          kind,
          how: this.one(['slow', 'fail', 'hang']),
          host: this.one(['all', this.#host(), this.#host()]),
          ms: this.#spanMs(),
        }
      case 'power':
        return { kind, ms: this.#downMs() }
      case 'clock':
        return { kind, host: this.#host(), ms: this.one([-20_000, -900, 1000, 30_000, 4_000_000]) }
      case 'slot':
        return { kind, host: this.#taskManager() }
      case 'throw':
        return { kind }
      case 'join':
        return {
          kind,
          host: `tm${Math.min(TASK_MANAGERS_MAX, this.#shape.slots.length + ++this.#joined)}`,
          slots: 1 + below(random, 2),
        }
      case 'leave':
        return { kind, host: this.#host() }
      case 'scale':
        return { kind, slots: 1 + below(random, 4) }
    }
  }

  #cut(): ClusterFault {
    const all = [...hostNames('jm', this.#shape.jobManagers), ...hostNames('tm', this.#shape.slots.length)]
    const a = all.filter(() => this.#random.fraction() < 0.4)
    const [one, other] = [this.one(all), this.one(all)]
    const isSets = a.length > 0 && a.length < all.length
    return {
      kind: 'cut',
      a: isSets ? a : [one],
      b: isSets ? all.filter((host) => !a.includes(host)) : [other],
      direction: this.one(['both', 'both', 'one-way']),
      ms: this.#spanMs(),
    }
  }

  #host(): string {
    const random = this.#random
    if (random.fraction() < 0.5) return this.#taskManager()
    return random.fraction() < 0.6 ? LEADER : this.one(hostNames('jm', this.#shape.jobManagers))
  }

  #taskManager(): string {
    if (this.#random.fraction() < 0.7) return WORKER
    return this.one(hostNames('tm', this.#shape.slots.length))
  }

  /** Shorter and longer than the leases. */
  #spanMs(): number {
    return this.one([30, 150, 400, 700, 1200, 1200, 2500])
  }

  #downMs(): number {
    return this.one([10, 200, 1000, 3000])
  }
}
