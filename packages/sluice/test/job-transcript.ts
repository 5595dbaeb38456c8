/**
 * The job machine in text, for tests: commands in, phases and effects out.
 *
 * A line `> drained v/0` is an event of the current attempt, `> 3: drained v/0` one of attempt 3; `> wait 500` moves the clock. Under
 * it come the effects, indented, and the phase when it changed. Regions are called v, w and x: `w@3` is attempt 3 of the second one. Their
 * `widths` say in how many slots each runs; `> acquired 1 2` gives one slot of two that there are.
 */
import { expect } from 'vitest'
import { unreachable } from '../src/base/assert.ts'
import type { ErrorCode } from '../src/base/error-codes.ts'
import type { ErrorData } from '../src/base/errors.ts'
import { type AttemptNumber, attemptNumber, checkpointId, slotIndex } from '../src/base/ids.ts'
import { createJobState, stateName, step } from '../src/jobmanager/job-machine.ts'
import type { JobEvent } from '../src/jobmanager/job-events.ts'
import type {
  Effect,
  JobFacts,
  JobState,
  MachineEvent,
  RegionAttempt,
  Scale,
  SlotTasks,
  TimerName,
} from '../src/jobmanager/job-state.ts'

export const TRANSCRIPT_FACTS: JobFacts = {
  jobName: 'orders',
  slotsWanted: 2,
  regionCount: 1,
  checkpointing: 'on',
  restart: { strategy: 'fixed-delay', attemptsMax: 2, delayMs: 1000 },
  limits: {
    acquireTimeoutMs: 60_000,
    deployTimeoutMs: 60_000,
    cancellationTimeoutMs: 30_000,
    killGraceMs: 5000,
    commitTimeoutMs: 600_000,
    finalRetryMs: 1000,
    finalAttemptsMax: 3,
    scaleUpDelayMs: 5000,
  },
}

export function errorOf(code: ErrorCode, record?: string): ErrorData {
  return { code, message: `${code} happened`, context: record === undefined ? {} : { operator: 'v', record } }
}

const REGION_NAMES = ['v', 'w', 'x'] as const

/** @param widths slots of each region when there are enough */
export function scaleAt(slotCount: number, widths: readonly number[] = [slotCount]): Scale {
  const regions = widths.map((width, region) => {
    const slots = Array.from({ length: Math.min(width, slotCount) }, (_, index) => slotIndex(index))
    return { slots, tasks: slots.map((slot) => `${REGION_NAMES[region]}/${slot}`) }
  })
  return { slotCount, regions }
}

export interface TranscriptFacts extends Partial<JobFacts> {
  readonly widths?: readonly number[]
}

/** Runs the commands of a transcript and gives it back with what really happened. */
function replay(transcript: string, given: TranscriptFacts): string {
  const machine = new TranscriptMachine(given)
  const commands = transcript
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('>') || line.startsWith('#'))
  return commands
    .flatMap((line) => (line.startsWith('#') ? [line] : [line, ...machine.run(line.slice(1).trim())]))
    .join('\n')
}

/** A transcript as it is written in a test, without its indentation. */
function dedent(transcript: string): string {
  const lines = transcript.split('\n').filter((line) => line.trim() !== '')
  const margin = Math.min(...lines.map((line) => line.length - line.trimStart().length))
  return lines.map((line) => line.slice(margin).trimEnd()).join('\n')
}

export function expectTranscript(transcript: string, facts: TranscriptFacts = {}): void {
  const expected = dedent(transcript)
  expect(replay(expected, facts)).toBe(expected)
}

/** The way to `running`. */
export const TO_RUNNING = ['> start', '> acquired', '> restored', '> deployed 0', '> deployed 1']

/** Checks only what happens behind the way to a phase. */
export function expectAfter(way: readonly string[], transcript: string, facts: TranscriptFacts = {}): void {
  const expected = dedent(transcript)
  const before = replay(way.join('\n'), facts)
  expect(replay(`${way.join('\n')}\n${expected}`, facts).slice(before === '' ? 0 : before.length + 1)).toBe(expected)
}

class TranscriptMachine {
  state: JobState
  readonly #widths: readonly number[]
  #nowMs = 0

  constructor({ widths = [2], ...facts }: TranscriptFacts) {
    this.#widths = widths
    const shape = { regionCount: widths.length, slotsWanted: Math.max(...widths) }
    this.state = createJobState({ ...TRANSCRIPT_FACTS, ...shape, ...facts })
  }

  run(command: string): string[] {
    const waits = /^wait (\d+)$/.exec(command)
    if (waits !== null) {
      this.#nowMs += Number(waits[1])
      return []
    }
    const before = stateName(this.state.phase)
    const moment = { nowMs: this.#nowMs, wallMs: this.#nowMs, random: { u32: () => 0, fraction: () => 0.5 } }
    const next = step(this.state, this.#parse(command), moment)
    this.state = next.state
    const after = stateName(next.state.phase)
    const lines = next.effects.flatMap((effect) => this.#effectLine(effect)).map((line) => `    ${line}`)
    return before === after ? lines : [...lines, `    = ${after}, attempt ${next.state.core.attempt}`]
  }

  #parse(command: string): MachineEvent {
    const [, given, name = '', rest = ''] = /^(?:(\d+): )?(\S+) ?(.*)$/.exec(command) ?? []
    if (name === 'acquired') return this.#acquired(rest, given)
    return parseEvent(name, rest, given === undefined ? this.#attemptFor(name, rest) : attemptNumber(Number(given)))
  }

  #acquired(rest: string, given: string | undefined): MachineEvent {
    const [slots = Math.max(...this.#widths), available = slots] = rest === '' ? [] : rest.split(' ').map(Number)
    const attempt = given === undefined ? this.state.core.attempt : attemptNumber(Number(given))
    return { kind: 'acquired', attempt, scale: scaleAt(slots, this.#widths), available }
  }

  /** Of the region whose task is named; else the newest. */
  #attemptFor(name: string, rest: string): AttemptNumber {
    const { core } = this.state
    const region = REGION_NAMES.findIndex((letter) => rest.startsWith(`${letter}/`))
    const attempt = core.attempts[region]
    return attempt === undefined || name === 'failure' ? core.attempt : attempt
  }

  #effectLine(effect: Effect): string[] {
    if (effect.kind === 'cancel-tasks') return [`cancel-tasks ${this.#tasksText(effect.tasks)}`]
    if ('regions' in effect) return [`${effect.kind}${this.#regionsText(effect.regions)}`]
    return effectLine(effect)
  }

  #regionsText(regions: readonly RegionAttempt[]): string {
    if (this.#widths.length === 1) return ''
    return ` ${regions.map(({ region, attempt }) => `${REGION_NAMES[region]}@${attempt}`).join(' ')}`
  }

  #tasksText(tasks: readonly SlotTasks[]): string {
    if (this.#widths.length === 1) return tasks.map(({ slot }) => slot).join(' ')
    const { attempts } = this.state.core
    return [...Map.groupBy(tasks, ({ attempt }) => attempt)]
      .map(
        ([attempt, of]) =>
          `${REGION_NAMES[attempts.indexOf(attempt)]}@${attempt}: ${of.map(({ slot }) => slot).join(' ')}`,
      )
      .join(', ')
  }
}

function parseEvent(name: string, rest: string, attempt: AttemptNumber): MachineEvent {
  const [first = '', second = ''] = rest.split(' ')
  switch (name) {
    case 'start':
    case 'stop':
    case 'cancel':
    case 'suspend':
      return { kind: name }
    case 'slots-max':
    case 'capacity':
      return { kind: name, slots: Number(first) }
    case 'waiting':
      return { kind: name, message: rest }
    case 'restored':
      return {
        kind: name,
        attempt,
        restored: first === '' ? undefined : { checkpoint: checkpointId(Number(first)), ageMs: 0 },
      }
    case 'restore-widened':
      return { kind: name, attempt }
    case 'deployed':
    case 'slot-stopped':
      return { kind: name, attempt, slot: slotIndex(Number(first)) }
    case 'slot-lost':
      return { kind: name, slot: slotIndex(Number(first)), error: errorOf((second || 'TSK1002') as ErrorCode) } // from the transcript
    case 'drained':
    case 'finished':
      return { kind: name, attempt, task: first }
    case 'committed':
      return { kind: name, attempt, task: first, checkpoint: checkpointId(Number(second)) }
    case 'checkpoint-published':
      return { kind: name, attempt, checkpoint: checkpointId(Number(first)) }
    case 'checkpoint-failed':
      return { kind: name, attempt, error: errorOf('CKP1006') }
    case 'rescale-checkpoint':
      return { kind: name, attempt, outcome: first as 'published' | 'failed' } // from the transcript
    case 'job-failure':
      return { kind: name, failure: { error: errorOf(first as ErrorCode) } } // from the transcript
    case 'failure':
      return {
        kind: name,
        attempt,
        failure: { error: errorOf(first as ErrorCode, second === '' ? undefined : second) },
      } // from the transcript
    case 'timer':
      return { kind: name, attempt, timer: first as TimerName } // from the transcript
    default:
      return unreachable('a transcript names an event that does not exist', name)
  }
}

function effectLine(effect: Effect): string[] {
  switch (effect.kind) {
    case 'report':
      return reportLine(effect.event)
    case 'kill-slots':
      return [`${effect.kind} ${effect.slots.join(' ')}`]
    case 'start-timer':
      return [`timer ${effect.timer} ${effect.delayMs}`]
    case 'cancel-timer':
      return [`cancel-timer ${effect.timer}`]
    case 'trigger-checkpoint':
      return [`trigger-checkpoint ${effect.reason}`]
    case 'end':
      return [`end ${effect.outcome}${effect.error === undefined ? '' : ` ${effect.error.code}`}`]
    default:
      return [effect.kind]
  }
}

function reportLine(event: JobEvent): string[] {
  switch (event.kind) {
    case 'failed':
      return [`report failed ${event.failure.error.code}`]
    case 'failure-merged':
      return [`report failure-merged ${event.failure.error.code}`]
    case 'restored':
      return [`report restored ${event.checkpoint}`]
    case 'restarting':
      return [
        `report restarting in ${event.inMs}${event.crashLoop === undefined ? '' : `, ${event.crashLoop.failureCount} times at ${event.crashLoop.record}`}`,
      ]
    case 'rescaled':
    case 'rescaling':
      return [`report ${event.kind} ${event.from} ${event.to}`]
    case 'waiting-for-slots':
      return [`report ${event.kind} ${event.message}`]
    case 'stop-checkpoint-failed':
    case 'started-fresh':
      return [`report ${event.kind}`]
    default:
      return []
  }
}
