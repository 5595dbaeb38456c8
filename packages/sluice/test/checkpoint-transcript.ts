/**
 * Protocols in text, for tests: commands in, effects out (checkpoint/testdata/*.txt).
 *
 * A line `> ack 42 map/0` is a command; under it come the effects it caused, indented. Other lines are kept as they are.
 */
import { parseDuration } from '../src/base/duration.ts'
import { EngineError } from '../src/base/errors.ts'
import { assert, unreachable } from '../src/base/assert.ts'
import { type CheckpointId, checkpointId, subtaskIndex, vertexId } from '../src/base/ids.ts'
import { type AlignerEffect, type AlignerEvent, BarrierAligner } from '../src/checkpoint/barrier-aligner.ts'
import { initialCheckpointState, stepCheckpoints } from '../src/checkpoint/checkpoint-machine.ts'
import type {
  CheckpointEffect,
  CheckpointReport,
  CheckpointState,
  MachineEvent,
  TimerEvent,
} from '../src/checkpoint/checkpoint-protocol.ts'
import type { IdBlock } from '../src/checkpoint/checkpoint-store.ts'
import type { DeclineReason, TaskAddress } from '../src/checkpoint/handles.ts'

/** Gives the transcript back with what really happened under each command. */
export function replay(transcript: string, run: (command: string) => readonly string[]): string {
  const kept = transcript.split('\n').filter((line) => !line.startsWith('    '))
  return kept
    .flatMap((line) =>
      line.startsWith('>') ? [line, ...run(line.slice(1).trim()).map((out) => `    ${out}`)] : [line],
    )
    .join('\n')
}

/** Commands: `channels N`, `barrier CHANNEL ID [at-least-once]`, `cancel CHANNEL ID`, `aborted ID`. */
export function alignerRunner(): (command: string) => readonly string[] {
  let aligner = new BarrierAligner(1)
  return (command) => {
    const words = command.split(' ')
    if (words[0] === 'channels') {
      aligner = new BarrierAligner(Number(words[1]))
      return []
    }
    return aligner.apply(alignerEvent(words)).map(alignerLine)
  }
}

function alignerEvent([kind, first, second, mode]: readonly string[]): AlignerEvent {
  const channel = Number(first)
  switch (kind) {
    case 'barrier':
      return { kind, channel, checkpoint: idOf(second), mode: mode === 'at-least-once' ? mode : 'exactly-once' }
    case 'cancel':
      return { kind, channel, checkpoint: idOf(second) }
    case 'aborted':
      return { kind, checkpoint: idOf(first) }
    default:
      return unreachable('a transcript has known commands only', kind)
  }
}

function alignerLine(effect: AlignerEffect): string {
  switch (effect.kind) {
    case 'block':
      return `block channel ${effect.channel}`
    case 'unblock-all':
      return 'unblock all'
    case 'decline':
      return `decline ${effect.checkpoint}: ${effect.reason}`
    case 'alignment-started':
    case 'alignment-ended':
    case 'snapshot':
    case 'forward-cancel':
      return `${effect.kind} ${effect.checkpoint}`
  }
}

/**
 * Commands: `configure interval=1s pause=0ms timeout=10s concurrent=1 failures=0 retained=3 completed=40,41 ids=1000`, `wait 500ms` (timers that
 * become due fire), and every event by its name: `run`, `request 1`, `snapshotted 42 map/0 map/1`, `ack 42 map/0`,
 * `decline 42 map/0 failed`, `found 42 ours`, …
 */
export function machineRunner(): (command: string) => readonly string[] {
  let simulation = new MachineSimulation(configure(''))
  return (command) => {
    const [name = '', rest = ''] = /^(\S+) ?(.*)$/.exec(command)?.slice(1) ?? []
    if (name === 'configure') {
      simulation = new MachineSimulation(configure(rest))
      return []
    }
    return name === 'wait'
      ? simulation.wait(parseDuration(rest))
      : simulation.apply(machineEvent(name, rest.split(' ')))
  }
}

class MachineSimulation {
  readonly #timers = new Map<string, { readonly atMs: number; readonly fires: TimerEvent }>()
  #state: CheckpointState
  #nowMs = 0

  constructor(state: CheckpointState) {
    this.#state = state
  }

  apply(event: MachineEvent): readonly string[] {
    const { state, effects } = stepCheckpoints(this.#state, event, this.#nowMs)
    this.#state = state
    for (const effect of effects) this.#keepTime(effect)
    return effects.map(machineLine)
  }

  wait(durationMs: number): readonly string[] {
    const untilMs = this.#nowMs + durationMs
    const lines: string[] = []
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#timers.delete(next.name)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      lines.push(`${this.#nowMs} ms: ${next.name}`, ...this.apply(next.fires))
    }
    this.#nowMs = untilMs
    return lines
  }

  #next(untilMs: number): { readonly name: string; readonly atMs: number; readonly fires: TimerEvent } | undefined {
    return [...this.#timers]
      .map(([name, timer]) => ({ name, ...timer }))
      .filter(({ atMs }) => atMs <= untilMs)
      .sort((a, b) => a.atMs - b.atMs)[0]
  }

  #keepTime(effect: CheckpointEffect): void {
    if (effect.kind === 'start-timer') this.#timers.set(effect.name, effect)
    if (effect.kind === 'cancel-timer') this.#timers.delete(effect.name)
  }
}

function configure(text: string): CheckpointState {
  const given = new Map(
    text
      .split(' ')
      .map((pair) => pair.split('=', 2))
      .map(([name = '', value = '']) => [name, value]),
  )
  const duration = (name: string, fallback: string): number => parseDuration(given.get(name) ?? fallback)
  const count = (name: string, fallback: number): number => Number(given.get(name) ?? fallback)
  const completed = (given.get('completed') ?? '')
    .split(',')
    .filter((id) => id !== '')
    .map(idOf)
  return initialCheckpointState({
    settings: {
      mode: 'exactly-once',
      intervalMs: given.get('interval') === 'off' ? undefined : duration('interval', '1s'),
      pauseMinMs: duration('pause', '0ms'),
      timeoutMs: duration('timeout', '10s'),
      concurrentMax: count('concurrent', 1),
      failuresMax: count('failures', 0),
      retained: count('retained', 3),
    },
    ids: idsFrom((completed.at(-1) ?? 0) + 1, count('ids', 1_000)),
    completed,
  })
}

function machineEvent(name: string, words: readonly string[]): MachineEvent {
  const [first = '', second = '', third = ''] = words
  switch (name) {
    case 'run':
      return { kind: name, fraction: Number(first) }
    case 'suspend':
    case 'stop':
    case 'reserve-failed':
      return { kind: name }
    case 'reserved':
      return { kind: name, ids: idsFrom(Number(first), Number(second)) }
    case 'reserve-refused':
      return { kind: name, error: new EngineError('CKP1007', 'another epoch was claimed.') }
    case 'request':
      return { kind: name, request: Number(first) }
    case 'snapshotted':
      return { kind: name, checkpoint: idOf(first), enumerators: [], tasks: words.slice(1).map(taskOf) }
    case 'ack':
      return { kind: name, checkpoint: idOf(first), snapshot: { ...taskOf(second), operators: [], stats: NO_STATS } }
    case 'decline':
      return { kind: name, checkpoint: idOf(first), task: taskOf(second), reason: declineReason(third), error: FAILURE }
    case 'published':
    case 'exists':
      return { kind: name, checkpoint: idOf(first) }
    case 'snapshot-failed':
    case 'publish-unknown':
    case 'look-up-failed':
      return { kind: name, checkpoint: idOf(first), error: FAILURE }
    case 'found':
      assert(second === 'ours' || second === 'foreign' || second === 'none', 'what was found is ours, foreign or none')
      return { kind: name, checkpoint: idOf(first), content: second }
    default:
      return unreachable('a transcript has known commands only', name)
  }
}

function machineLine(effect: CheckpointEffect): string {
  switch (effect.kind) {
    case 'start-timer':
      return `start-timer ${effect.name} at ${effect.atMs} ms`
    case 'cancel-timer':
      return `cancel-timer ${effect.name}`
    case 'publish':
      return `publish ${effect.checkpoint} with ${effect.contents.snapshots.map(({ vertex, subtask }) => `${vertex}/${subtask}`).join(' ')}`
    case 'subsume':
      return `subsume ${effect.checkpoints.join(' ')}, forget below ${effect.decidedBelow}`
    case 'request-done':
      return `request-done ${effect.request} by ${effect.checkpoint}`
    case 'request-failed':
      return `request-failed ${effect.request}: ${effect.error.code}`
    case 'quiesced':
    case 'reserve-ids':
      return effect.kind
    case 'fail-job':
      return `fail-job ${effect.error.code}`
    case 'report':
      return `report ${reportLine(effect.report)}`
    case 'snapshot-enumerators':
    case 'send-trigger':
    case 'look-up':
    case 'notify-complete':
    case 'notify-aborted':
    case 'discard':
      return `${effect.kind} ${effect.checkpoint}`
  }
}

function reportLine(report: CheckpointReport): string {
  switch (report.kind) {
    case 'triggered':
      return `triggered ${report.checkpoint}`
    case 'completed':
      return `completed ${report.summary.checkpoint} after ${report.summary.durationMs} ms`
    case 'failed':
      return `failed ${report.checkpoint}: ${report.reason} ${report.error.code}`
    case 'postponed':
      return `postponed until ${report.untilMs} ms`
    case 'ignored':
      return `ignored ${report.what} of ${report.checkpoint}`
    case 'subsumed':
      return `subsumed ${report.checkpoints.join(' ')}`
  }
}

const FAILURE = new EngineError('CKP1001', 'the disk is full.')
const NO_STATS = { alignmentMs: 0, syncMs: 0, asyncMs: 0, stateBytes: 0 }

function idsFrom(first: number, count: number): IdBlock {
  return { first: checkpointId(first), last: checkpointId(first + count - 1) }
}

function idOf(text: string | undefined): CheckpointId {
  return checkpointId(Number(text))
}

function taskOf(text: string): TaskAddress {
  const [vertex = '', subtask = ''] = text.split('/')
  return { vertex: vertexId(vertex), subtask: subtaskIndex(Number(subtask)) }
}

function declineReason(text: string): DeclineReason {
  assert(text === 'failed' || text === 'subsumed' || text === 'cancelled-upstream', 'a decline has a known reason', {
    text,
  })
  return text
}
