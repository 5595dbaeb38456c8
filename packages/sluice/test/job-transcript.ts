/**
 * The job machine in text, for tests: commands in, phases and effects out.
 *
 * A line `> drained v/0` is an event of the current attempt, `> 3: drained v/0` one of attempt 3; `> wait 500` moves the clock. Under
 * it come the effects, indented, and the phase when it changed.
 */
import { expect } from 'vitest'
import { unreachable } from '../src/base/assert.ts'
import type { ErrorCode } from '../src/base/error-codes.ts'
import type { ErrorData } from '../src/base/errors.ts'
import { type AttemptNumber, attemptNumber, checkpointId, slotIndex } from '../src/base/ids.ts'
import { createJobState, stateName, step } from '../src/jobmanager/job-machine.ts'
import type { JobEvent } from '../src/jobmanager/job-events.ts'
import type { Effect, JobFacts, JobState, MachineEvent, TimerName } from '../src/jobmanager/job-state.ts'

export const TRANSCRIPT_FACTS: JobFacts = {
  jobName: 'orders',
  slots: [slotIndex(0), slotIndex(1)],
  tasks: ['v/0', 'v/1'],
  checkpointing: 'on',
  restart: { strategy: 'fixed-delay', attemptsMax: 2, delayMs: 1000 },
  limits: {
    acquireTimeoutMs: 60_000,
    cancellationTimeoutMs: 30_000,
    killGraceMs: 5000,
    commitTimeoutMs: 600_000,
    finalRetryMs: 1000,
    finalAttemptsMax: 3,
  },
}

export function errorOf(code: ErrorCode, record?: string): ErrorData {
  return { code, message: `${code} happened`, context: record === undefined ? {} : { operator: 'v', record } }
}

/** Runs the commands of a transcript and gives it back with what really happened. */
function replay(transcript: string, facts: JobFacts = TRANSCRIPT_FACTS): string {
  const machine = new TranscriptMachine(facts)
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

export function expectTranscript(transcript: string, facts: Partial<JobFacts> = {}): void {
  const expected = dedent(transcript)
  expect(replay(expected, { ...TRANSCRIPT_FACTS, ...facts })).toBe(expected)
}

/** The way to `running`. */
export const TO_RUNNING = ['> start', '> restored', '> acquired', '> deployed 0', '> deployed 1']

/** Checks only what happens behind the way to a phase. */
export function expectAfter(way: readonly string[], transcript: string, facts: Partial<JobFacts> = {}): void {
  const expected = dedent(transcript)
  const all = { ...TRANSCRIPT_FACTS, ...facts }
  const before = replay(way.join('\n'), all)
  expect(replay(`${way.join('\n')}\n${expected}`, all).slice(before === '' ? 0 : before.length + 1)).toBe(expected)
}

class TranscriptMachine {
  state: JobState
  #nowMs = 0

  constructor(facts: JobFacts) {
    this.state = createJobState(facts)
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
    const lines = next.effects.flatMap(effectLine).map((line) => `    ${line}`)
    return before === after ? lines : [...lines, `    = ${after}, attempt ${next.state.core.attempt}`]
  }

  #parse(command: string): MachineEvent {
    const [, attempt, name = '', rest = ''] = /^(?:(\d+): )?(\S+) ?(.*)$/.exec(command) ?? []
    return parseEvent(name, rest, attempt === undefined ? this.state.core.attempt : attemptNumber(Number(attempt)))
  }
}

function parseEvent(name: string, rest: string, attempt: AttemptNumber): MachineEvent {
  const [first = '', second = ''] = rest.split(' ')
  switch (name) {
    case 'start':
    case 'stop':
    case 'cancel':
      return { kind: name }
    case 'restored':
      return {
        kind: name,
        attempt,
        restored: first === '' ? undefined : { checkpoint: checkpointId(Number(first)), ageMs: 0 },
      }
    case 'acquired':
      return { kind: name, attempt }
    case 'deployed':
    case 'slot-stopped':
      return { kind: name, attempt, slot: slotIndex(Number(first)) }
    case 'slot-lost':
      return { kind: name, attempt, slot: slotIndex(Number(first)), error: errorOf((second || 'TSK1002') as ErrorCode) } // from the transcript
    case 'drained':
    case 'finished':
      return { kind: name, attempt, task: first }
    case 'committed':
      return { kind: name, attempt, task: first, checkpoint: checkpointId(Number(second)) }
    case 'checkpoint-published':
      return { kind: name, attempt, checkpoint: checkpointId(Number(first)) }
    case 'checkpoint-failed':
      return { kind: name, attempt, error: errorOf('CKP1006') }
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
    case 'cancel-tasks':
    case 'kill-slots':
      return [`${effect.kind} ${effect.slots.join(' ')}`]
    case 'start-timer':
      return [`timer ${effect.timer} ${effect.delayMs}`]
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
    case 'stop-checkpoint-failed':
    case 'started-fresh':
      return [`report ${event.kind}`]
    default:
      return []
  }
}
