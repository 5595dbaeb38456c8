import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { present } from '../base/assert.ts'
import { type AttemptNumber, type CheckpointId, type SlotIndex, attemptNumber, checkpointId } from '../base/ids.ts'
import { seededRandom } from '../base/random.ts'
import { createJobState, step } from './job-machine.ts'
import type { Effect, JobFacts, JobState, MachineEvent, TimerName } from './job-state.ts'
import { TRANSCRIPT_FACTS, errorOf } from '../../test/job-transcript.ts'

/** One thing that the world around the machine can do next. */
interface Move {
  readonly name: string
  /** `good`: what a world without faults does; `fault`: only while faults are injected. */
  readonly nature: 'good' | 'fault'
  readonly make: () => void
}

/** The tasks of one slot, as the slot sees them. */
interface SlotTasks {
  readonly attempt: AttemptNumber
  state: 'deploying' | 'deployed' | 'running' | 'failed' | 'cancelling' | 'finishing' | 'finished' | 'hanging'
  drained: boolean
  committed: number
}

/** A world of slots, storage and timers that answers the machine's effects in any order, late, or with faults. */
class World {
  state: JobState
  readonly slots = new Map<SlotIndex, SlotTasks>()
  readonly outcomes: string[] = []
  /** What happened, for the message of a failed run. */
  readonly trace: string[] = []
  readonly #facts: JobFacts
  readonly #random = seededRandom(7)
  readonly #answers: {
    readonly effect: 'restore' | 'acquire-slots' | 'trigger-checkpoint'
    readonly attempt: AttemptNumber
  }[] = []
  #timers: { readonly name: TimerName; readonly atMs: number; readonly attempt: AttemptNumber }[] = []
  #nowMs = 0
  #published = 0
  #checkpoints: 'suspended' | 'resumed' = 'suspended'
  #commands: 'none' | 'told to end' = 'none'

  constructor(facts: JobFacts) {
    this.#facts = facts
    this.state = createJobState(facts)
    this.#send({ kind: 'start' })
  }

  get isOver(): boolean {
    return this.state.phase.name === 'ended'
  }

  moves(nature: 'with faults' | 'without faults'): Move[] {
    const all = [
      ...this.#answerMoves(),
      ...[...this.slots].flatMap(([slot, tasks]) => this.#slotMoves(slot, tasks)),
      ...this.#timerMoves(),
      ...this.#commandMoves(),
    ]
    return nature === 'with faults' ? all : all.filter((move) => move.nature === 'good')
  }

  make(move: Move | undefined): void {
    if (move === undefined)
      expect.unreachable(`the job is stuck in ${this.state.phase.name}:\n${this.trace.join('\n')}`)
    this.trace.push(`${move.name} (${this.state.phase.name})`)
    move.make()
  }

  #send(event: MachineEvent): void {
    const before = this.state
    const next = step(this.state, event, { nowMs: this.#nowMs, wallMs: this.#nowMs, random: this.#random })
    this.state = next.state
    if (event.kind === 'stop' || event.kind === 'cancel') this.#commands = 'told to end'
    if (this.state.core.attempt !== before.core.attempt) expect(this.#commands).toBe('none') // J6
    for (const effect of next.effects) this.#perform(effect)
  }

  #perform(effect: Effect): void {
    const { attempt } = this.state.core
    switch (effect.kind) {
      case 'restore':
      case 'acquire-slots':
        this.#answers.push({ effect: effect.kind, attempt })
        return
      case 'trigger-checkpoint':
        expect(this.#checkpoints).toBe('resumed') // J7
        this.#answers.push({ effect: effect.kind, attempt })
        return
      case 'deploy':
        expect([...this.slots.keys()]).toEqual([]) // J1
        for (const slot of this.#facts.slots)
          this.slots.set(slot, { attempt, state: 'deploying', drained: false, committed: 0 })
        return
      case 'start-tasks':
        for (const tasks of this.slots.values()) if (tasks.state === 'deployed') tasks.state = 'running'
        return
      case 'finish-tasks':
        this.#expectCommitted()
        for (const tasks of this.slots.values()) if (tasks.state === 'running') tasks.state = 'finishing'
        return
      case 'cancel-tasks':
        for (const slot of effect.slots) this.#cancel(slot)
        return
      case 'kill-slots':
        for (const slot of effect.slots) this.slots.delete(slot)
        return
      case 'release-slots':
        this.slots.clear()
        return
      case 'start-timer':
        this.#timers.push({ name: effect.timer, atMs: this.#nowMs + effect.delayMs, attempt })
        return
      case 'cancel-timers':
        this.#timers = []
        return
      case 'resume-checkpoints':
        expect(this.#checkpoints).toBe('suspended') // J7
        this.#checkpoints = 'resumed'
        return
      case 'suspend-checkpoints':
        this.#checkpoints = 'suspended'
        return
      case 'end':
        this.outcomes.push(effect.outcome)
        expect([...this.slots.keys()]).toEqual([]) // J5
        return
      case 'open-sources':
      case 'close-sources':
      case 'report':
        return
    }
  }

  #cancel(slot: SlotIndex): void {
    const tasks = this.slots.get(slot)
    if (tasks !== undefined && tasks.state !== 'hanging') tasks.state = 'cancelling'
  }

  /** J4 */
  #expectCommitted(): void {
    for (const tasks of this.slots.values()) {
      if (tasks.state !== 'running') continue
      expect(tasks.drained).toBe(true)
      if (this.#facts.checkpointing === 'on') expect(tasks.committed).toBeGreaterThan(0)
    }
  }

  #answerMoves(): Move[] {
    return this.#answers.flatMap((answer): Move[] => {
      const { attempt, effect } = answer
      const reply = (name: string, nature: Move['nature'], event: () => MachineEvent): Move => ({
        name: `${effect} ${name}`,
        nature,
        make: () => {
          this.#answers.splice(this.#answers.indexOf(answer), 1)
          this.#send(event())
        },
      })
      if (effect === 'trigger-checkpoint') {
        return [
          reply('published', 'good', () => ({ kind: 'checkpoint-published', attempt, checkpoint: this.#publish() })),
          reply('failed', 'fault', () => ({ kind: 'checkpoint-failed', attempt, error: errorOf('CKP1006') })),
        ]
      }
      const done: MachineEvent =
        effect === 'restore' ? { kind: 'restored', attempt, restored: this.#restored() } : { kind: 'acquired', attempt }
      return [
        reply('done', 'good', () => done),
        reply('failed', 'fault', () => ({ kind: 'failure', attempt, failure: { error: errorOf('CKP1002') } })),
      ]
    })
  }

  #publish(): CheckpointId {
    this.#published++
    return checkpointId(this.#published)
  }

  #restored(): { readonly checkpoint: CheckpointId; readonly ageMs: number } | undefined {
    return this.#published === 0 ? undefined : { checkpoint: checkpointId(this.#published), ageMs: 0 }
  }

  #slotMoves(slot: SlotIndex, tasks: SlotTasks): Move[] {
    const { attempt } = tasks
    const task = `v/${slot}`
    const move = (name: string, nature: Move['nature'], make: () => void): Move => ({
      name: `slot ${slot} ${name}`,
      nature,
      make,
    })
    const stop = move('stops', 'good', () => {
      this.slots.delete(slot)
      this.#send({ kind: 'slot-stopped', attempt, slot })
    })
    const faults = [
      move('is lost', 'fault', () => {
        this.slots.delete(slot)
        this.#send({ kind: 'slot-lost', attempt, slot, error: errorOf('TSK1002') })
      }),
      move('fails', 'fault', () => {
        tasks.state = 'failed'
        this.#send({ kind: 'failure', attempt, failure: { error: errorOf('TSK1001', 'row 1'), slot } })
      }),
    ]
    switch (tasks.state) {
      case 'deploying':
        return [
          move('is deployed', 'good', () => {
            tasks.state = 'deployed'
            this.#send({ kind: 'deployed', attempt, slot })
          }),
          ...faults,
        ]
      case 'running':
        return [
          ...this.#runningMoves(tasks, task),
          ...faults,
          move('hangs', 'fault', () => void (tasks.state = 'hanging')),
        ]
      case 'cancelling':
        return [stop, ...faults, move('hangs', 'fault', () => void (tasks.state = 'hanging'))]
      case 'finishing':
        return [
          move('finishes', 'good', () => {
            tasks.state = 'finished'
            this.#send({ kind: 'finished', attempt, task })
          }),
          ...faults,
        ]
      case 'finished':
      case 'failed':
        return [stop]
      case 'deployed':
        return faults
      case 'hanging':
        // The watchdog of the slot's owner, unless the cancellation timeout is faster.
        return [present(faults[0], 'the loss of a slot')].map((lost) => ({ ...lost, nature: 'good' as const }))
    }
  }

  #runningMoves(tasks: SlotTasks, task: string): Move[] {
    const { attempt } = tasks
    const drain: Move = {
      name: `${task} drains`,
      nature: 'good',
      make: () => {
        tasks.drained = true
        this.#send({ kind: 'drained', attempt, task })
      },
    }
    const commit: Move = {
      name: `${task} commits`,
      nature: 'good',
      make: () => {
        tasks.committed = this.#published
        this.#send({ kind: 'committed', attempt, task, checkpoint: checkpointId(tasks.committed) })
      },
    }
    return [...(tasks.drained ? [] : [drain]), ...(tasks.committed < this.#published ? [commit] : [])]
  }

  #timerMoves(): Move[] {
    return this.#timers.map((timer) => ({
      name: `timer ${timer.name}`,
      nature: timer.name === 'acquire' || timer.name === 'cancellation' || timer.name === 'commits' ? 'fault' : 'good',
      make: () => {
        this.#timers = this.#timers.filter((other) => other !== timer)
        this.#nowMs = Math.max(this.#nowMs, timer.atMs)
        this.#send({ kind: 'timer', timer: timer.name, attempt: timer.attempt })
      },
    }))
  }

  #commandMoves(): Move[] {
    const { attempt } = this.state.core
    const stale: MachineEvent = {
      kind: 'failure',
      attempt: attemptNumber(attempt - 1),
      failure: { error: errorOf('INT1001') },
    }
    return [
      { name: 'stale failure', nature: 'fault', make: () => this.#send(stale) },
      { name: 'stop', nature: 'fault', make: () => this.#send({ kind: 'stop' }) },
      { name: 'cancel', nature: 'fault', make: () => this.#send({ kind: 'cancel' }) },
    ]
  }
}

const facts = fc.record({
  checkpointing: fc.constantFrom('on' as const, 'off' as const),
  restart: fc.constantFrom<JobFacts['restart']>(
    { strategy: 'none' },
    { strategy: 'fixed-delay', attemptsMax: 3, delayMs: 10 },
    { strategy: 'failure-rate', failuresMax: 2, failureIntervalMs: 50, delayMs: 10 },
    {
      strategy: 'exponential-delay',
      initialMs: 10,
      maxMs: 100,
      multiplier: 2,
      jitter: 0.1,
      resetAfterMs: 1000,
      attemptsMax: 'unlimited',
    },
  ),
})

/** Moves without faults after which a job that can end has ended. */
const SETTLE_MOVES_MAX = 200

test('from whatever faults and commands led to, the job ends when the world behaves, and never runs two attempts at once', () => {
  const reached = new Set<string>()
  fc.assert(
    fc.property(facts, fc.array(fc.nat(10_000), { maxLength: 80 }), (given, choices) => {
      const world = new World({ ...TRANSCRIPT_FACTS, ...given })
      for (const choice of choices) {
        // Mostly what a world without faults does: else hardly any run would get beyond the start.
        const moves = world.moves(choice % 10 < 7 ? 'without faults' : 'with faults')
        const chosen = moves[Math.floor(choice / 10) % moves.length]
        if (chosen !== undefined) world.make(chosen)
        reached.add(world.state.phase.name)
      }
      for (let move = 0; !world.isOver; move++) {
        expect(move).toBeLessThan(SETTLE_MOVES_MAX) // J3
        const moves = world.moves('without faults')
        world.make(moves[move % moves.length])
      }
      expect(world.outcomes.length).toBe(1) // J5
    }),
    { numRuns: 2000 },
  )
  expect([...reached].toSorted()).toEqual([
    'acquiring',
    'closing',
    'deploying',
    'draining',
    'ended',
    'finishing',
    'restarting',
    'restoring',
    'running',
    'stopping',
  ])
})
