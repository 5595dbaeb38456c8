import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EngineError } from '../base/errors.ts'
import { type CheckpointId, checkpointId, subtaskIndex, vertexId } from '../base/ids.ts'
import { isQuiescent } from './checkpoint-endings.ts'
import { initialCheckpointState, stepCheckpoints } from './checkpoint-machine.ts'
import type {
  CheckpointEffect,
  CheckpointSettings,
  CheckpointState,
  MachineEvent,
  TimerEvent,
} from './checkpoint-protocol.ts'
import type { IdBlock } from './checkpoint-store.ts'
import type { TaskAddress, TaskSnapshot } from './handles.ts'

/** What the world does next; impossible moves are passed over. */
type Move =
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'request' | 'failover' | 'restart' | 'stop' }
  | { readonly kind: 'ack' | 'decline' | 'cancelled'; readonly pick: number }
  | { readonly kind: 'publish'; readonly outcome: 'done' | 'lost' | 'written, but failed' | 'foreign' }
  | { readonly kind: 'look-up'; readonly outcome: 'done' | 'failed' }
  | { readonly kind: 'late ack'; readonly pick: number }
  | { readonly kind: 'reserve'; readonly outcome: 'done' | 'failed' | 'refused' }

const TASKS: readonly TaskAddress[] = [0, 1].map((subtask) => ({
  vertex: vertexId('map'),
  subtask: subtaskIndex(subtask),
}))
/** Few, so that they run out. */
const IDS_AT_ONCE = 3
const FENCED = new EngineError('CKP1007', 'another epoch was claimed.')
const FAILURE = new EngineError('CKP1001', 'the disk is full.')
const STATS = { alignmentMs: 0, syncMs: 0, asyncMs: 0, stateBytes: 0 }

const moves: fc.Arbitrary<Move> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(10, 300, 1000, 3000) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('ack' as const), pick: fc.nat(7) }) },
  { weight: 6, arbitrary: publishMoves('done') },
  { weight: 2, arbitrary: publishMoves('lost', 'written, but failed', 'foreign') },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('look-up' as const),
      outcome: fc.constantFrom('done' as const, 'failed' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('decline' as const, 'cancelled' as const, 'late ack' as const),
      pick: fc.nat(7),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('request' as const, 'restart' as const) }) },
  { weight: 3, arbitrary: reserveMoves('done') },
  { weight: 1, arbitrary: reserveMoves('failed', 'refused') },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('failover' as const) }) },
)

function publishMoves<Outcome extends Extract<Move, { kind: 'publish' }>['outcome']>(
  ...outcomes: readonly Outcome[]
): fc.Arbitrary<Move> {
  return fc.record({ kind: fc.constant('publish' as const), outcome: fc.constantFrom(...outcomes) })
}

const storages = fc.constantFrom<Storage>('own', 'own', 'shared', 'blind')

const settings: fc.Arbitrary<CheckpointSettings> = fc.record({
  mode: fc.constant('exactly-once' as const),
  intervalMs: fc.constantFrom(undefined, 500, 1000),
  pauseMinMs: fc.constantFrom(0, 200, 2000),
  timeoutMs: fc.constantFrom(700, 5000),
  concurrentMax: fc.integer({ min: 1, max: 3 }),
  failuresMax: fc.integer({ min: 0, max: 3 }),
  retained: fc.integer({ min: 1, max: 3 }),
})

function reserveMoves<Outcome extends Extract<Move, { kind: 'reserve' }>['outcome']>(
  ...outcomes: readonly Outcome[]
): fc.Arbitrary<Move> {
  return fc.record({ kind: fc.constant('reserve' as const), outcome: fc.constantFrom(...outcomes) })
}

/** `own`: this leader alone writes it; `shared`: another one may publish; `blind`: look-ups never succeed. */
type Storage = 'own' | 'shared' | 'blind'

/** Tasks, storage and timers around the machine; checks every effect against what really is. */
class World {
  readonly #settings: CheckpointSettings
  readonly #storage: Storage
  readonly #timers = new Map<string, { readonly atMs: number; readonly fires: TimerEvent }>()
  readonly #acked = new Map<CheckpointId, Set<number>>()
  readonly #publishing: CheckpointId[] = []
  readonly #lookUps: CheckpointId[] = []
  readonly #everPublished = new Set<CheckpointId>()
  /** What the storage has. */
  readonly #manifests = new Set<CheckpointId>()
  readonly #foreign = new Set<CheckpointId>()
  readonly #openRequests = new Set<number>()
  #state: CheckpointState
  #reservations = 0
  #reservedUpTo = IDS_AT_ONCE
  #forgottenBelow = 0
  #nowMs = 0
  #requests = 0
  #newestTriggered = 0
  #failuresInRow = 0
  #jobFailures = 0
  #expectedJobFailures = 0

  constructor(given: CheckpointSettings, storage: Storage) {
    this.#settings = given
    this.#storage = storage
    this.#state = initialCheckpointState({ settings: given, ids: idsFrom(1, IDS_AT_ONCE), completed: [] })
    this.#apply({ kind: 'run', fraction: 0.5 })
  }

  move(move: Move): void {
    switch (move.kind) {
      case 'wait':
        return this.#wait(move.ms)
      case 'request':
        return this.#request()
      case 'failover':
        return this.#apply({ kind: 'suspend' })
      case 'restart':
        if (this.#state.lifecycle === 'suspended' && isQuiescent(this.#state)) this.#apply({ kind: 'run', fraction: 0 })
        return
      case 'stop':
        return this.#apply({ kind: 'stop' })
      case 'ack':
      case 'decline':
      case 'cancelled':
        return this.#answer(move.kind, move.pick)
      case 'late ack':
        return this.#lateAck(move.pick)
      case 'publish':
        return this.#finishPublish(move.outcome)
      case 'look-up':
        return this.#finishLookUp(move.outcome)
      case 'reserve':
        return this.#finishReservation(move.outcome)
    }
  }

  /** Stops, lets the storage answer, and checks that nothing is left. */
  end(): void {
    this.move({ kind: 'stop' })
    for (let round = 0; round < 50 && !isQuiescent(this.#state); round++) {
      this.#finishPublish('done')
      this.#finishLookUp('done')
      this.#finishReservation('done')
      this.#wait(1000)
    }
    expect(isQuiescent(this.#state)).toBe(true)
    expect([...this.#openRequests]).toEqual([])
    expect([...this.#timers.keys()]).toEqual([])
    expect(this.#jobFailures).toBe(this.#expectedJobFailures)
    for (const completed of this.#state.completed) expect(this.#manifests).toContain(completed)
  }

  #apply(event: MachineEvent): void {
    const { state, effects } = stepCheckpoints(this.#state, event, this.#nowMs)
    const before = this.#state
    this.#state = state
    expect(state.active.length).toBeLessThanOrEqual(this.#settings.concurrentMax) // P2
    for (const effect of effects) this.#perform(effect, before)
  }

  #perform(effect: CheckpointEffect, before: CheckpointState): void {
    switch (effect.kind) {
      case 'reserve-ids':
        this.#reservations += 1
        return expect(this.#reservations).toBe(1)
      case 'snapshot-enumerators':
        expect(effect.checkpoint).toBeGreaterThan(this.#newestTriggered) // P1
        expect(effect.checkpoint).toBeLessThanOrEqual(this.#reservedUpTo) // P1
        this.#newestTriggered = effect.checkpoint
        return this.#apply({ kind: 'snapshotted', checkpoint: effect.checkpoint, enumerators: [], tasks: TASKS })
      case 'send-trigger':
        return void this.#acked.set(effect.checkpoint, new Set())
      case 'start-timer':
        return void this.#timers.set(effect.name, effect)
      case 'cancel-timer':
        return void this.#timers.delete(effect.name)
      case 'publish':
        expect(this.#everPublished.has(effect.checkpoint)).toBe(false) // P4
        expect(new Set(effect.contents.snapshots.map(({ subtask }) => Number(subtask)))).toEqual(new Set([0, 1]))
        expect(effect.checkpoint).toBeGreaterThanOrEqual(this.#forgottenBelow)
        this.#everPublished.add(effect.checkpoint)
        return void this.#publishing.push(effect.checkpoint)
      case 'look-up':
        return void this.#lookUps.push(effect.checkpoint)
      case 'discard':
        expect(this.#manifests.has(effect.checkpoint)).toBe(false) // P5
        expect(this.#publishing).not.toContain(effect.checkpoint)
        expect(this.#foreign).not.toContain(effect.checkpoint)
        return
      case 'notify-aborted':
        return expect(this.#manifests.has(effect.checkpoint)).toBe(false)
      case 'notify-complete':
        return expect(this.#manifests.has(effect.checkpoint)).toBe(true)
      case 'subsume':
        for (const old of effect.checkpoints) {
          this.#manifests.delete(old)
          expect(Math.max(0, ...this.#manifests)).toBeGreaterThan(old) // P5
        }
        this.#forgottenBelow = effect.decidedBelow
        for (const id of this.#publishing) expect(id).toBeGreaterThanOrEqual(effect.decidedBelow)
        for (const id of this.#state.completed) expect(id).toBeGreaterThanOrEqual(effect.decidedBelow)
        return
      case 'request-done':
      case 'request-failed':
        return void this.#openRequests.delete(effect.request)
      case 'quiesced':
        return expect(this.#publishing).toEqual([]) // P8
      case 'fail-job':
        this.#jobFailures += 1
        if (effect.error.code !== 'CKP1005') this.#expectedJobFailures += 1
        return
      case 'report':
        return this.#count(effect, before)
    }
  }

  /** P7, counted from the reports alone. */
  #count({ report }: Extract<CheckpointEffect, { kind: 'report' }>, before: CheckpointState): void {
    if (report.kind === 'completed') {
      expect(this.#manifests.has(report.summary.checkpoint)).toBe(true)
      if (report.summary.checkpoint > before.failures.newest) this.#failuresInRow = 0
    }
    if (report.kind !== 'failed' || before.lifecycle !== 'running') return
    if (!['declined', 'timed-out', 'snapshot-failed', 'publish-failed'].includes(report.reason)) return
    if (report.checkpoint < (before.completed.at(-1) ?? 0)) return
    this.#failuresInRow += 1
    if (this.#failuresInRow <= this.#settings.failuresMax) return
    this.#failuresInRow = 0
    this.#expectedJobFailures += 1
  }

  #wait(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const [name, timer] =
        [...this.#timers].filter(([, { atMs }]) => atMs <= untilMs).sort(([, a], [, b]) => a.atMs - b.atMs)[0] ?? []
      if (name === undefined || timer === undefined) break
      this.#timers.delete(name)
      this.#nowMs = Math.max(this.#nowMs, timer.atMs)
      this.#apply(timer.fires)
    }
    this.#nowMs = untilMs
  }

  #request(): void {
    this.#requests += 1
    this.#openRequests.add(this.#requests)
    this.#apply({ kind: 'request', request: this.#requests })
  }

  #answer(kind: 'ack' | 'decline' | 'cancelled', pick: number): void {
    const collecting = this.#state.active.filter(({ phase }) => phase === 'collecting')
    const checkpoint = collecting[pick % Math.max(1, collecting.length)]?.checkpoint
    const open =
      checkpoint === undefined ? [] : TASKS.filter(({ subtask }) => this.#acked.get(checkpoint)?.has(subtask) === false)
    const task = open[pick % Math.max(1, open.length)]
    if (checkpoint === undefined || task === undefined) return
    this.#acked.get(checkpoint)?.add(task.subtask)
    if (kind === 'ack') this.#apply({ kind, checkpoint, snapshot: snapshotOf(task) })
    else
      this.#apply({
        kind: 'decline',
        checkpoint,
        task,
        reason: kind === 'decline' ? 'failed' : 'cancelled-upstream',
        error: FAILURE,
      })
  }

  #lateAck(pick: number): void {
    if (this.#newestTriggered === 0) return
    const checkpoint = checkpointId((pick % this.#newestTriggered) + 1)
    const task = TASKS[pick % TASKS.length]
    if (task !== undefined && !this.#state.active.some((active) => active.checkpoint === checkpoint)) {
      this.#apply({ kind: 'ack', checkpoint, snapshot: snapshotOf(task) })
    }
  }

  #finishPublish(outcome: Extract<Move, { kind: 'publish' }>['outcome']): void {
    if (outcome === 'foreign' && this.#storage !== 'shared') return this.#finishPublish('done')
    const checkpoint = this.#publishing.shift()
    if (checkpoint === undefined) return
    if (outcome === 'foreign') this.#foreign.add(checkpoint)
    if (outcome !== 'lost') this.#manifests.add(checkpoint)
    if (outcome === 'done') this.#apply({ kind: 'published', checkpoint })
    else if (outcome === 'foreign') this.#apply({ kind: 'exists', checkpoint })
    else this.#apply({ kind: 'publish-unknown', checkpoint, error: FAILURE })
  }

  /** Blocks are behind each other, not always next to each other. */
  #finishReservation(outcome: Extract<Move, { kind: 'reserve' }>['outcome']): void {
    if (this.#reservations === 0) return
    this.#reservations = 0
    if (outcome === 'failed') return this.#apply({ kind: 'reserve-failed' })
    if (outcome === 'refused' && this.#storage === 'shared')
      return this.#apply({ kind: 'reserve-refused', error: FENCED })
    const ids = idsFrom(this.#reservedUpTo + 1 + (this.#newestTriggered % 2) * IDS_AT_ONCE, IDS_AT_ONCE)
    this.#reservedUpTo = ids.last
    this.#apply({ kind: 'reserved', ids })
  }

  #finishLookUp(outcome: 'done' | 'failed'): void {
    const checkpoint = this.#lookUps.shift()
    if (checkpoint === undefined) return
    if (outcome === 'failed' || this.#storage === 'blind')
      this.#apply({ kind: 'look-up-failed', checkpoint, error: FAILURE })
    else this.#apply({ kind: 'found', checkpoint, content: this.#manifests.has(checkpoint) ? 'ours' : 'none' })
  }
}

function idsFrom(first: number, count: number): IdBlock {
  return { first: checkpointId(first), last: checkpointId(first + count - 1) }
}

function snapshotOf(task: TaskAddress): TaskSnapshot {
  return { ...task, operators: [], stats: STATS }
}

describe('the checkpoint machine', () => {
  test('publishes once, discards nothing that is or may be published, keeps its limits, and settles every caller', () => {
    fc.assert(
      fc.property(settings, storages, fc.array(moves, { minLength: 20, maxLength: 150 }), (given, storage, script) => {
        const world = new World(given, storage)
        for (const move of script) world.move(move)
        world.end()
      }),
      { numRuns: 300 },
    )
  })

  test('is pure: the same step from the same state gives the same result, and the state it came from is unchanged', () => {
    const given = {
      mode: 'exactly-once',
      intervalMs: 1000,
      pauseMinMs: 0,
      timeoutMs: 5000,
      concurrentMax: 1,
      failuresMax: 0,
      retained: 1,
    } as const
    const state = initialCheckpointState({ settings: given, ids: idsFrom(7, 16), completed: [] })
    const copy = structuredClone(state)
    expect(stepCheckpoints(state, { kind: 'run', fraction: 0.5 }, 10)).toEqual(
      stepCheckpoints(state, { kind: 'run', fraction: 0.5 }, 10),
    )
    expect(state).toEqual(copy)
  })
})
