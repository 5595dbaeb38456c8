import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { present } from '../base/assert.ts'
import { type AttemptNumber, type CheckpointId, type SlotIndex, attemptNumber, checkpointId } from '../base/ids.ts'
import { seededRandom } from '../base/random.ts'
import { createJobState, step } from './job-machine.ts'
import type { Effect, JobFacts, JobState, MachineEvent, RegionAttempt, TimerName } from './job-state.ts'
import { TRANSCRIPT_FACTS, errorOf, scaleAt } from '../../test/job-transcript.ts'

/** One thing that the world around the machine can do next. */
interface Move {
  readonly name: string
  /** `good`: what a world without faults does; `fault`: only while faults are injected. */
  readonly nature: 'good' | 'fault'
  readonly make: () => void
}

/** The tasks of one attempt in one slot, as the slot sees them. */
interface Tasks {
  readonly region: number
  readonly attempt: AttemptNumber
  slot: SlotIndex
  state: 'deploying' | 'deployed' | 'running' | 'failed' | 'cancelling' | 'finishing' | 'finished' | 'hanging'
  drained: boolean
  committed: number
}

type Asked = 'restore' | 'acquire-slots' | 'trigger-checkpoint' | 'rescale'

/** A world of slots, storage and timers that answers the machine's effects in any order, late, or with faults. */
class World {
  state: JobState
  tasks: Tasks[] = []
  readonly outcomes: string[] = []
  /** What happened, for the message of a failed run. */
  readonly trace: string[] = []
  readonly reached = new Set<string>()
  readonly #facts: JobFacts
  readonly #widths: readonly number[]
  readonly #random = seededRandom(7)
  readonly #answers: { readonly effect: Asked; readonly attempt: AttemptNumber }[] = []
  #timers: { readonly name: TimerName; readonly atMs: number; readonly attempt: AttemptNumber }[] = []
  #nowMs = 0
  #published = 0
  #slotCount: number
  #checkpoints: 'suspended' | 'resumed' | 'abandoned' = 'suspended'
  #commands: 'none' | 'told to end' = 'none'

  constructor(facts: JobFacts, widths: readonly number[]) {
    this.#facts = facts
    this.#widths = widths
    this.#slotCount = Math.max(...widths)
    this.state = createJobState(facts)
    this.#send({ kind: 'start' })
  }

  get isOver(): boolean {
    return this.state.phase.name === 'ended'
  }

  moves(nature: 'with faults' | 'without faults'): Move[] {
    const all = [
      ...this.#answerMoves(),
      ...this.tasks.flatMap((tasks) => this.#taskMoves(tasks)),
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
    if (event.kind === 'stop' || event.kind === 'cancel' || event.kind === 'suspend') this.#commands = 'told to end'
    if (this.state.core.attempt !== before.core.attempt) expect(this.#commands).toBe('none') // J6
    this.#noteReached()
    for (const effect of next.effects) this.#perform(effect)
  }

  #noteReached(): void {
    const { phase } = this.state
    const isPart = 'regions' in phase && phase.regions.size < this.#facts.regionCount
    this.reached.add(isPart ? `${phase.name} in part` : phase.name)
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
        this.#answers.push({ effect: effect.reason === 'rescale' ? 'rescale' : effect.kind, attempt })
        return
      case 'deploy':
        return effect.regions.forEach((region) => this.#deploy(region))
      case 'start-tasks':
        for (const tasks of this.#of(effect.regions)) if (tasks.state === 'deployed') tasks.state = 'running'
        return
      case 'finish-tasks':
        this.#expectCommitted()
        for (const tasks of this.#of(effect.regions)) if (tasks.state === 'running') tasks.state = 'finishing'
        return
      case 'cancel-tasks':
        for (const told of effect.tasks) this.#cancel(told)
        return
      case 'kill-slots':
        this.tasks = this.tasks.filter(({ slot }) => !effect.slots.includes(slot))
        return
      case 'release-slots':
        this.tasks = []
        return
      case 'start-timer':
        this.#timers = this.#timers.filter(({ name }) => name !== effect.timer)
        this.#timers.push({ name: effect.timer, atMs: this.#nowMs + effect.delayMs, attempt })
        return
      case 'cancel-timer':
        this.#timers = this.#timers.filter(({ name }) => name !== effect.timer)
        return
      case 'cancel-timers':
        this.#timers = []
        return
      case 'resume-checkpoints':
        expect(this.#checkpoints).toBe('suspended') // J7
        this.#expectAllRun()
        this.#checkpoints = 'resumed'
        return
      case 'suspend-checkpoints':
        if (this.#checkpoints !== 'abandoned') this.#checkpoints = 'suspended'
        return
      case 'abandon-checkpoints':
        this.#checkpoints = 'abandoned'
        return
      case 'end':
        this.outcomes.push(effect.outcome)
        expect(effect.outcome === 'suspended').toBe(this.#checkpoints === 'abandoned') // J9
        expect(this.tasks).toEqual([]) // J5
        return
      case 'open-sources':
      case 'close-sources':
      case 'report':
        return
    }
  }

  #of(regions: readonly RegionAttempt[]): readonly Tasks[] {
    const attempts = new Set(regions.map(({ attempt }) => attempt))
    return this.tasks.filter(({ attempt }) => attempts.has(attempt))
  }

  #deploy({ region, attempt }: RegionAttempt): void {
    expect(this.tasks.filter((tasks) => tasks.region === region)).toEqual([]) // J1
    for (const slot of present(scaleAt(this.#slotCount, this.#widths).regions[region], 'a region').slots) {
      this.tasks.push({ region, attempt, slot, state: 'deploying', drained: false, committed: 0 })
    }
  }

  #cancel(told: { readonly attempt: AttemptNumber; readonly slot: SlotIndex }): void {
    const tasks = this.tasks.find(({ attempt, slot }) => attempt === told.attempt && slot === told.slot)
    if (tasks !== undefined) {
      if (tasks.state !== 'hanging') tasks.state = 'cancelling'
      return
    }
    // A slot answers for what it does not have.
    const region = this.state.core.attempts.indexOf(told.attempt)
    this.tasks.push({ ...told, region, state: 'cancelling', drained: false, committed: 0 })
  }

  /** J4 */
  #expectCommitted(): void {
    for (const tasks of this.tasks) {
      if (tasks.state !== 'running') continue
      expect(tasks.drained).toBe(true)
      if (this.#facts.checkpointing === 'on') expect(tasks.committed).toBeGreaterThan(0)
    }
  }

  /** J7, but for what has failed and is not known yet. */
  #expectAllRun(): void {
    const waiting = this.tasks.filter(({ state }) => state === 'deploying' || state === 'deployed')
    expect(waiting).toEqual([])
    for (const [region, { slots }] of scaleAt(this.#slotCount, this.#widths).regions.entries()) {
      expect(this.tasks.filter((tasks) => tasks.region === region).map(({ slot }) => slot)).toEqual(slots)
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
      const failed = reply('failed', 'fault', () => ({
        kind: 'failure',
        attempt,
        failure: { error: errorOf('CKP1002') },
      }))
      switch (effect) {
        case 'trigger-checkpoint':
          return [
            reply('published', 'good', () => ({ kind: 'checkpoint-published', attempt, checkpoint: this.#publish() })),
            reply('failed', 'fault', () => ({ kind: 'checkpoint-failed', attempt, error: errorOf('CKP1006') })),
          ]
        case 'rescale':
          return [
            reply('published', 'good', () => ({ kind: 'rescale-checkpoint', attempt, outcome: 'published' })),
            reply('failed', 'fault', () => ({ kind: 'rescale-checkpoint', attempt, outcome: 'failed' })),
          ]
        case 'restore':
          return [
            reply('done', 'good', () => ({ kind: 'restored', attempt, restored: this.#restored() })),
            failed,
            ...(this.#isPart() ? [reply('widened', 'fault', () => ({ kind: 'restore-widened', attempt }))] : []),
          ]
        case 'acquire-slots':
          return [
            reply('done', 'good', () => this.#acquired(attempt, 'as before')),
            ...this.#otherCounts(reply, attempt),
            failed,
          ]
      }
    })
  }

  #isPart(): boolean {
    const { phase } = this.state
    return 'regions' in phase && phase.regions.size < this.#facts.regionCount
  }

  #otherCounts(
    reply: (name: string, nature: Move['nature'], event: () => MachineEvent) => Move,
    attempt: AttemptNumber,
  ): Move[] {
    return [
      reply('gives fewer', 'fault', () => this.#acquired(attempt, 'fewer')),
      reply('gives more', 'fault', () => this.#acquired(attempt, 'more')),
    ]
  }

  /** Slots that are too many are gone with what runs in them. */
  #acquired(attempt: AttemptNumber, change: 'as before' | 'fewer' | 'more'): MachineEvent {
    const isCurrent = this.state.phase.name === 'acquiring' && attempt === this.state.core.attempt
    const wanted = Math.min(this.#facts.slotsWanted, this.state.core.slotsMax)
    const count = this.#slotCount + { 'as before': 0, fewer: -1, more: 1 }[change]
    const slots = Math.max(1, Math.min(wanted, count))
    if (isCurrent) {
      this.#slotCount = slots
      this.tasks = this.tasks.filter(({ slot }) => slot < slots)
    }
    return { kind: 'acquired', attempt, scale: scaleAt(slots, this.#widths), available: slots }
  }

  #publish(): CheckpointId {
    this.#published++
    return checkpointId(this.#published)
  }

  #restored(): { readonly checkpoint: CheckpointId; readonly ageMs: number } | undefined {
    return this.#published === 0 ? undefined : { checkpoint: checkpointId(this.#published), ageMs: 0 }
  }

  #loseSlot(slot: SlotIndex): void {
    this.tasks = this.tasks.filter((tasks) => tasks.slot !== slot)
    this.#send({ kind: 'slot-lost', slot, error: errorOf('TSK1002') })
  }

  #taskMoves(tasks: Tasks): Move[] {
    const { attempt, slot, region } = tasks
    const move = (name: string, nature: Move['nature'], make: () => void): Move => ({
      name: `${attempt} in slot ${slot} ${name}`,
      nature,
      make,
    })
    const stop = move('stops', 'good', () => {
      this.tasks = this.tasks.filter((other) => other !== tasks)
      this.#send({ kind: 'slot-stopped', attempt, slot })
    })
    const lost = move('is lost', 'fault', () => this.#loseSlot(slot))
    const faults = [
      lost,
      move('fails', 'fault', () => {
        if (tasks.state !== 'cancelling') tasks.state = 'failed'
        this.#send({ kind: 'failure', attempt, failure: { error: errorOf('TSK1001', 'row 1'), slot } })
      }),
    ]
    const hang = move('hangs', 'fault', () => void (tasks.state = 'hanging'))
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
        return [...this.#runningMoves(tasks, `${'vwx'[region]}/${slot}`), ...faults, hang]
      case 'cancelling':
        return [stop, ...faults, hang]
      case 'finishing':
        return [
          move('finishes', 'good', () => {
            tasks.state = 'finished'
            this.#send({ kind: 'finished', attempt, task: `${'vwx'[region]}/${slot}` })
          }),
          ...faults,
        ]
      case 'finished':
        return [stop]
      case 'failed':
        return [] // until it is told to end
      case 'deployed':
        return faults
      case 'hanging':
        // The watchdog of the slot's owner, unless the cancellation timeout is faster.
        return [{ ...lost, nature: 'good' }]
    }
  }

  #runningMoves(tasks: Tasks, task: string): Move[] {
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
    const rare = new Set<TimerName>(['acquire', 'deploy', 'cancellation', 'commits', 'scale-up'])
    return this.#timers.map((timer) => ({
      name: `timer ${timer.name}`,
      nature: rare.has(timer.name) ? 'fault' : 'good',
      make: () => {
        this.#timers = this.#timers.filter((other) => other !== timer)
        this.#nowMs = Math.max(this.#nowMs, timer.atMs)
        this.#send({ kind: 'timer', timer: timer.name, attempt: timer.attempt })
      },
    }))
  }

  #commandMoves(): Move[] {
    const stale: MachineEvent = {
      kind: 'failure',
      attempt: attemptNumber(-1),
      failure: { error: errorOf('INT1001') },
    }
    const fault = (name: string, event: MachineEvent): Move => ({
      name,
      nature: 'fault',
      make: () => this.#send(event),
    })
    const hasStarted = this.state.core.scale !== undefined
    return [
      fault('stale failure', stale),
      fault('stop', { kind: 'stop' }),
      fault('cancel', { kind: 'cancel' }),
      fault('suspend', { kind: 'suspend' }),
      fault('a wait is told', { kind: 'waiting', message: 'waits' }),
      ...(hasStarted
        ? [
            fault('more slots come', { kind: 'capacity', slots: this.#facts.slotsWanted }),
            fault('fewer slots are allowed', { kind: 'slots-max', slots: 1 }),
            fault('all slots are allowed', { kind: 'slots-max', slots: this.#facts.slotsWanted }),
            fault('the driver fails', { kind: 'job-failure', failure: { error: errorOf('CKP1005') } }),
          ]
        : []),
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

const shapes = fc.constantFrom<readonly number[]>([2], [2, 2], [2, 1], [1, 2, 2])

/** Moves without faults after which a job that can end has ended. */
const SETTLE_MOVES_MAX = 300

test('from whatever faults and commands led to, the job ends when the world behaves, and no region ever runs two attempts at once', () => {
  const reached = new Set<string>()
  fc.assert(
    fc.property(facts, shapes, fc.array(fc.nat(10_000), { maxLength: 100 }), (given, widths, choices) => {
      const shape = { regionCount: widths.length, slotsWanted: Math.max(...widths) }
      const world = new World({ ...TRANSCRIPT_FACTS, ...given, ...shape }, widths)
      for (const choice of choices) {
        // Mostly what a world without faults does: else hardly any run would get beyond the start.
        const moves = world.moves(choice % 10 < 8 ? 'without faults' : 'with faults')
        const chosen = moves[Math.floor(choice / 10) % moves.length]
        if (chosen !== undefined) world.make(chosen)
      }
      for (let move = 0; !world.isOver; move++) {
        expect(move).toBeLessThan(SETTLE_MOVES_MAX) // J3
        const moves = world.moves('without faults')
        world.make(moves[move % moves.length])
      }
      expect(world.outcomes.length).toBe(1) // J5
      for (const phase of world.reached) reached.add(phase)
    }),
    { numRuns: 3000 },
  )
  expect([...reached].toSorted()).toEqual([
    'acquiring',
    'acquiring in part',
    'closing',
    'deploying',
    'deploying in part',
    'draining',
    'ended',
    'finishing',
    'restarting',
    'restarting in part',
    'restoring',
    'restoring in part',
    'running',
    'stopping',
  ])
})
