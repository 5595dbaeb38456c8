/**
 * Session windows: the records of a key that follow one another by no more than a gap.
 *
 * Owns: the sessions of each key, merging them, and one timer per key. The rules are in docs/spec/windows.md.
 *
 * N1 Sessions of one key are sorted by start, do not overlap and do not touch.
 * N2 `timerAt` is the earliest pending timer of the key and not behind any deadline (fire or cleanup) of its sessions. A session that
 *    grows leaves its timer where it is: the timer finds nothing to do and moves on to the next deadline. So a record of a running
 *    session costs no timer.
 * N3 Whether a record is late is decided for the session it would belong to after merging.
 * N4 A session whose end the watermark has passed fires again with every record that joins it.
 */
import { assert, present } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import { valueState } from '../state/descriptors.ts'
import type { ValueState } from '../state/keyed-state.ts'
import { MAX_WATERMARK } from '../stream/element.ts'
import type { Key } from '../stream/key-groups.ts'
import { Aggregation } from './aggregation.ts'
import { checkTimestamp } from './event-time.ts'
import { selectKey } from './key-selection.ts'
import { keyedOperator, type KeyedLogic } from './keyed-operator.ts'
import { LateRecords } from './late-records.ts'
import type { OperatorSpec } from './operator.ts'
import type { SessionWindows as SessionAssigner } from './window-assigners.ts'
import { checkLateness, type WindowFunctions } from './window-definition.ts'
import { openInTime, type WindowRuntime } from './windowing-time.ts'

interface Session<A> {
  start: number
  end: number
  accumulator: A
}

/** Everything of one key. */
interface KeySessions<A> {
  timerAt: number
  readonly sessions: Session<A>[]
}

/** Later than any deadline. */
const NO_DEADLINE = MAX_WATERMARK

/**
 * Aggregates the records of each key and session.
 *
 * @throws GRA1005 when the lateness is out of its limits, or the aggregate cannot merge
 */
export function sessionWindowOperator<T, A>(
  definition: WindowFunctions<T, A>,
  assigner: SessionAssigner,
): OperatorSpec {
  if (definition.aggregate.merge === undefined) throw cannotMerge()
  const time = assigner.time ?? 'event'
  const allowedLatenessMs = time === 'event' ? checkLateness(definition) : 0
  return keyedOperator({
    kind: 'session-window',
    layout: { states: [{ name: 'sessions', kind: 'value' }], assigner: { ...assigner }, allowedLatenessMs },
    open: (runtime) =>
      openInTime(time, runtime, (own) => new SessionWindows({ ...definition, allowedLatenessMs }, assigner.gapMs, own)),
  })
}

class SessionWindows<T, A> implements KeyedLogic {
  readonly #gapMs: number
  readonly #latenessMs: number
  readonly #keySelector: (value: T) => Key
  readonly #runtime: WindowRuntime
  readonly #aggregation: Aggregation<T, A>
  readonly #late: LateRecords
  readonly #state: ValueState<KeySessions<A>>

  constructor(definition: WindowFunctions<T, A>, gapMs: number, runtime: WindowRuntime) {
    this.#gapMs = gapMs
    this.#latenessMs = definition.allowedLatenessMs ?? 0
    this.#keySelector = definition.keySelector
    this.#runtime = runtime
    this.#aggregation = new Aggregation(definition, runtime.context.info)
    this.#late = new LateRecords(runtime.context, definition.lateTag)
    this.#state = runtime.keyed.valueState(valueState<KeySessions<A>>('sessions'))
  }

  onRecord(value: T, timestamp: number): void {
    const { context, keyed, clock } = this.#runtime
    checkTimestamp(context.info, timestamp)
    const key = selectKey(this.#keySelector, value, context.info)
    keyed.setCurrentKey(key)
    const known = this.#state.value()
    const session = known === undefined ? undefined : this.#sessionAround(known.sessions, timestamp)
    if (session === undefined) {
      this.#startSession(key, known, value, timestamp)
      return
    }
    session.accumulator = this.#aggregation.add(value, session.accumulator)
    const state = present(known, 'the state of a session')
    this.#state.update(state)
    this.#settle(key, state, session, clock.watermark)
  }

  onEventTimer(timestampMs: number, key: Key): void {
    const state = this.#state.value()
    if (state === undefined) return
    const { sessions } = state
    let due: Session<A> | undefined
    let endedCount = 0
    let goneCount = 0
    for (const session of sessions) {
      const maxTimestamp = session.end - 1
      if (maxTimestamp > timestampMs) break // those behind it end later still (N1)
      if (maxTimestamp === timestampMs) due = session
      if (maxTimestamp + this.#latenessMs <= timestampMs) goneCount++
      endedCount++
    }
    sessions.splice(0, goneCount)
    this.#armNext(state, timestampMs, endedCount - goneCount)
    if (due !== undefined) this.#fire(key, due)
  }

  onProcessingTimer(): void {}

  /** The session that a record at `timestamp` joins, grown and merged for it; undefined when there is none. */
  #sessionAround(sessions: Session<A>[], timestamp: number): Session<A> | undefined {
    const end = timestamp + this.#gapMs
    let to = sessions.length
    while (to > 0 && startOf(sessions, to - 1) > end) to--
    let from = to
    while (from > 0 && endOf(sessions, from - 1) >= timestamp) from--
    if (from === to) return undefined
    const merged = present(sessions[from], 'a session that the record touches')
    for (let left = to - from - 1; left > 0; left--) {
      const next = present(sessions[from + 1], 'a session that the record joins to another')
      merged.accumulator = this.#aggregation.merge(merged.accumulator, next.accumulator)
      merged.end = next.end
      sessions.splice(from + 1, 1) // one by one: a merge that throws leaves no session twice
    }
    merged.start = Math.min(merged.start, timestamp)
    merged.end = Math.max(merged.end, end)
    return merged
  }

  #startSession(key: Key, known: KeySessions<A> | undefined, value: T, timestamp: number): void {
    const { watermark } = this.#runtime.clock
    const end = timestamp + this.#gapMs
    if (end - 1 + this.#latenessMs <= watermark) {
      this.#late.onLate(value, timestamp) // N3
      return
    }
    const session = { start: timestamp, end, accumulator: this.#aggregation.first(value) }
    const state: KeySessions<A> = known ?? { timerAt: NO_DEADLINE, sessions: [] }
    state.sessions.splice(placeOf(state.sessions, timestamp), 0, session)
    this.#state.update(state)
    this.#settle(key, state, session, watermark)
  }

  /** After a record joined: fires what is behind the watermark already (N4), and makes sure of a timer (N2). */
  #settle(key: Key, state: KeySessions<A>, session: Session<A>, watermark: number): void {
    const deadline = this.#deadlineBehind(session, watermark)
    assert(deadline > watermark, 'a session that takes a record has a deadline ahead', { deadline, watermark })
    this.#arm(state, deadline)
    if (session.end - 1 <= watermark) this.#fire(key, session)
  }

  /** The next moment behind `time` at which the session has something to do. */
  #deadlineBehind(session: Session<A>, time: number): number {
    const maxTimestamp = session.end - 1
    return maxTimestamp > time ? maxTimestamp : maxTimestamp + this.#latenessMs
  }

  /** Behind a timer: the next one, or the end of the state. The first `endedCount` sessions wait for their cleanup, the others for their end. */
  #armNext(state: KeySessions<A>, timestampMs: number, endedCount: number): void {
    const { sessions } = state
    const [first] = sessions
    if (first === undefined) {
      this.#state.clear()
      return
    }
    state.timerAt = NO_DEADLINE
    const open = sessions[endedCount]
    if (open !== undefined) this.#arm(state, open.end - 1)
    if (endedCount > 0) this.#arm(state, this.#deadlineBehind(first, timestampMs))
    this.#state.update(state)
  }

  #arm(state: KeySessions<A>, deadline: number): void {
    if (deadline >= state.timerAt) return
    state.timerAt = deadline
    this.#runtime.timers.register(deadline)
  }

  #fire(key: Key, { start, end, accumulator }: Session<A>): void {
    this.#runtime.context.output.onRecord(this.#aggregation.result(key, { start, end }, accumulator), end - 1)
  }
}

function startOf<A>(sessions: readonly Session<A>[], index: number): number {
  return present(sessions[index], 'a session of the list').start
}

function endOf<A>(sessions: readonly Session<A>[], index: number): number {
  return present(sessions[index], 'a session of the list').end
}

/** Where a session that starts at `start` belongs (N1). */
function placeOf<A>(sessions: readonly Session<A>[], start: number): number {
  let place = sessions.length
  while (place > 0 && startOf(sessions, place - 1) > start) place--
  return place
}

function cannotMerge(): EngineError {
  return new EngineError(
    'GRA1005',
    'session windows join when a record comes between them, but the aggregate has no merge function. The job was not built. ' +
      'Add merge(first, second) to the aggregate.',
  )
}
