/** What every keyed backend does with states that have a time to live, and with those that fold values. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { average } from '../src/api/aggregates.ts'
import { EngineError } from '../src/base/errors.ts'
import { aggregatingState, listState, mapState, reducingState, valueState } from '../src/state/descriptors.ts'
import type { StateClock } from '../src/state/expiry.ts'
import type { KeyedStateBackend } from '../src/state/keyed-state.ts'
import type { StateTtlConfig } from '../src/state/time-to-live.ts'

type Create = () => KeyedStateBackend

/** Both times in one: what a test sets. */
export class TestClock implements StateClock {
  nowMs = 0
  /** Of the record at hand, when that is later. */
  recordMs = Number.MIN_SAFE_INTEGER

  eventTimeMs(): number {
    return this.nowMs
  }

  eventTimeOfWriteMs(): number {
    return Math.max(this.nowMs, this.recordMs)
  }

  processingTimeMs(): number {
    return this.nowMs
  }
}

const AFTER_MS = 100

function opened(create: Create, config: Partial<StateTtlConfig> = {}) {
  const backend = create()
  const clock = new TestClock()
  backend.useClock(clock)
  const ttl = { after: `${AFTER_MS}ms`, ...config }
  return {
    backend,
    clock,
    value: backend.valueState(valueState<number>('value', undefined, { ttl })),
    list: backend.listState(listState<number>('list', { ttl })),
    map: backend.mapState(mapState<string, number>('map', { ttl })),
    total: backend.reducingState(reducingState<number>('total', (a, b) => a + b, { ttl })),
    mean: backend.aggregatingState(aggregatingState('mean', average(Number), { ttl })),
  }
}

type Opened = ReturnType<typeof opened>

function restored(create: Create, from: Opened, config: Partial<StateTtlConfig> = {}): Opened {
  const chunks = chunksOf(from.backend)
  const again = opened(create, config)
  again.clock.nowMs = from.clock.nowMs
  for (const bytes of chunks) again.backend.restore(bytes)
  return again
}

function chunksOf(backend: KeyedStateBackend): Uint8Array[] {
  const snapshot = backend.beginSnapshot()
  while (snapshot.encodeSlice(2) === 'more');
  const chunks = snapshot.takeChunks().map(({ bytes }) => bytes.slice())
  snapshot.release()
  return chunks
}

function fill({ backend, value, list, map, total, mean }: Opened, key: string): void {
  backend.setCurrentKey(key)
  value.update(1)
  list.add(1)
  map.put('x', 1)
  total.add(1)
  mean.add(1)
}

function readAll({ backend, value, list, map, total, mean }: Opened, key: string): unknown[] {
  backend.setCurrentKey(key)
  return [
    value.value(),
    [...list.get()],
    map.get('x'),
    map.has('x'),
    map.size(),
    [...map.entries()],
    total.get(),
    mean.get(),
  ]
}

const FULL = [1, [1], 1, true, 1, [['x', 1]], 1, 1]
const EMPTY = [undefined, [], undefined, false, 0, [], undefined, undefined]

export function describeFolding(create: Create): void {
  test('a reducing state folds what is added, and an aggregating state gives the result of it', () => {
    const backend = create()
    const longest = backend.reducingState(reducingState<string>('longest', (a, b) => (b.length > a.length ? b : a)))
    const mean = backend.aggregatingState(aggregatingState('mean', average(Number)))
    backend.setCurrentKey('a')
    expect([longest.get(), mean.get(), backend.keyCount()]).toEqual([undefined, undefined, 0])
    for (const text of ['1', '123', '22']) {
      longest.add(text)
      mean.add(text)
    }
    expect([longest.get(), mean.get()]).toEqual(['123', 146 / 3])
    longest.clear()
    mean.clear()
    expect([longest.get(), mean.get(), backend.keyCount()]).toEqual([undefined, undefined, 0])
  })

  test('what was folded is restored, and goes on', () => {
    const from = opened(create)
    fill(from, 'a')
    const again = restored(create, from)
    again.backend.setCurrentKey('a')
    again.total.add(4)
    again.mean.add(4)
    expect([again.total.get(), again.mean.get()]).toEqual([5, 2.5])
  })

  test('K1: folding states are refused while no key is current', () => {
    const { total, mean } = opened(create)
    for (const use of [() => total.get(), () => total.add(1), () => total.clear(), () => mean.get(), () => mean.add(1)])
      expect(codeOf(use)).toBe('STA1001')
  })

  test('a function that forgets to return is refused, and the state stays as it was', () => {
    const backend = create()
    const total = backend.reducingState(reducingState<number>('total', () => undefined as unknown as number))
    const mean = backend.aggregatingState(
      aggregatingState('mean', { ...average(Number), add: () => undefined as never }),
    )
    backend.setCurrentKey('a')
    total.add(1)
    expect(codeOf(() => total.add(2))).toBe('TSK1001')
    expect(codeOf(() => total.add(undefined as unknown as number))).toBe('TSK1001')
    expect(codeOf(() => mean.add(2))).toBe('TSK1001')
    expect([total.get(), mean.get()]).toEqual([1, undefined])
  })

  test('a state that was reduced is not restored as one that is aggregated', () => {
    const from = opened(create)
    fill(from, 'a')
    const chunks = chunksOf(from.backend)
    const other = create()
    for (const bytes of chunks) other.restore(bytes)
    expect(codeOf(() => other.aggregatingState(aggregatingState('total', average(Number))))).toBe('STA1002')
    expect(codeOf(() => other.valueState(valueState('mean')))).toBe('STA1002')
  })
}

export function describeExpiry(create: Create): void {
  test.each(['processing', 'event'] as const)(
    'what was written longer ago than the time to live is gone (%s time)',
    (time) => {
      const states = opened(create, { time })
      fill(states, 'a')
      states.clock.nowMs = AFTER_MS - 1
      expect(readAll(states, 'a')).toEqual(FULL)
      states.clock.nowMs = AFTER_MS
      expect(readAll(states, 'a')).toEqual(EMPTY)
      expect(states.backend.keyCount()).toBe(0)
    },
  )

  test('writing starts the time anew, reading only when it is asked for', () => {
    for (const refresh of ['on-create-and-write', 'on-read-and-write'] as const) {
      const states = opened(create, { refresh })
      fill(states, 'read')
      fill(states, 'written')
      states.clock.nowMs = 60
      readAll(states, 'read')
      fill(states, 'written')
      states.clock.nowMs = 120
      expect(readAll(states, 'read')).toEqual(refresh === 'on-read-and-write' ? FULL : EMPTY)
      states.backend.setCurrentKey('written')
      expect([states.value.value(), states.map.get('x'), states.total.get()]).toEqual([1, 1, 2])
    }
  })

  test('elements of a list and pairs of a map expire one by one', () => {
    const { backend, clock, list, map } = opened(create)
    backend.setCurrentKey('a')
    for (const n of [0, 40, 80]) {
      clock.nowMs = n
      list.add(n)
      map.put(`${n}`, n)
    }
    const live: unknown[] = []
    for (const now of [99, 100, 140, 180]) {
      clock.nowMs = now
      live.push([...list.get()], map.size())
    }
    expect(live).toEqual([[0, 40, 80], 3, [40, 80], 2, [80], 1, [], 0])
    expect(backend.keyCount()).toBe(0)
  })

  test('a list that a function still holds does not change when its elements expire', () => {
    const { backend, clock, list } = opened(create)
    backend.setCurrentKey('a')
    list.add(1)
    const held = list.get()
    clock.nowMs = AFTER_MS
    expect(list.get()).toEqual([])
    expect(held).toEqual([1])
  })

  test('what has expired is returned once more, until something removes it, when that is asked for', () => {
    const states = opened(create, { visibility: 'return-until-cleaned', cleanup: { incrementally: 'off' } })
    fill(states, 'a')
    states.clock.nowMs = 10 * AFTER_MS
    states.backend.setCurrentKey('a')
    const { value, list, map, total } = states
    expect([value.value(), list.get(), [...map.entries()], total.get()]).toEqual([1, [1], [['x', 1]], 1])
    expect([value.value(), list.get(), [...map.entries()], total.get()]).toEqual([undefined, [], [], undefined])
  })

  test('a default is given again for what has expired', () => {
    const backend = create()
    const clock = new TestClock()
    backend.useClock(clock)
    const count = backend.valueState(valueState<number>('count', 7, { ttl: '1s' }))
    backend.setCurrentKey('a')
    count.update(8)
    clock.nowMs = 1000
    expect(count.value()).toBe(7)
  })

  test('event time counts from the record, and never back', () => {
    const { backend, clock, value } = opened(create, { time: 'event' })
    backend.setCurrentKey('a')
    clock.nowMs = 0
    clock.recordMs = 50
    value.update(1)
    clock.recordMs = 20
    value.update(2)
    clock.nowMs = 149
    expect(value.value()).toBe(2)
    clock.nowMs = 150
    expect(value.value()).toBeUndefined()
  })

  test('what is written before any event time is known counts from when it is', () => {
    const states = opened(create, { time: 'event' })
    states.clock.nowMs = Number.MIN_SAFE_INTEGER
    fill(states, 'a')
    states.clock.nowMs = 1000
    expect(readAll(states, 'a')).toEqual(FULL)
    states.clock.nowMs = 1000 + AFTER_MS
    expect(readAll(states, 'a')).toEqual(EMPTY)
  })

  test('X1: the entries of keys that never come back stay in proportion to those that live', () => {
    const { backend, clock, value } = opened(create)
    let most = 0
    for (let key = 0; key < 20_000; key++) {
      clock.nowMs = key / 10
      backend.setCurrentKey(key)
      value.update(key)
      most = Math.max(most, backend.keyCount())
    }
    expect(most).toBeGreaterThanOrEqual(1000)
    expect(most).toBeLessThan(1500)
  })

  test('without incremental clean-up they stay until they are read or a snapshot is taken', () => {
    const { backend, clock, value } = opened(create, { cleanup: { incrementally: 'off' } })
    for (let key = 0; key < 50; key++) {
      backend.setCurrentKey(key)
      value.update(key)
    }
    clock.nowMs = AFTER_MS
    backend.setCurrentKey('new')
    value.update(1)
    backend.removeExpired(1000)
    expect(backend.keyCount()).toBe(51)
    chunksOf(backend)
    expect([...backend.keys()]).toEqual(['new'])
  })

  test('K5: what had expired at the cut is not in the snapshot, what expires behind it is', () => {
    const from = opened(create, { cleanup: { incrementally: 'off' } })
    fill(from, 'old')
    from.clock.nowMs = 60
    fill(from, 'young')
    from.clock.nowMs = 100
    const snapshot = from.backend.beginSnapshot()
    from.clock.nowMs = 1000
    while (snapshot.encodeSlice(1) === 'more');
    const chunks = snapshot.takeChunks().map(({ bytes }) => bytes.slice())
    snapshot.release()
    const again = opened(create)
    for (const bytes of chunks) again.backend.restore(bytes)
    expect([...again.backend.keys()]).toEqual(['young'])
    again.clock.nowMs = 159
    expect(readAll(again, 'young')).toEqual(FULL)
    again.clock.nowMs = 160
    expect(readAll(again, 'young')).toEqual(EMPTY)
  })

  test('an entry that a running snapshot needs is left alone by the clean-up', () => {
    const from = opened(create)
    for (const key of ['a', 'b', 'c']) fill(from, key)
    const snapshot = from.backend.beginSnapshot()
    from.clock.nowMs = AFTER_MS
    from.backend.removeExpired(100)
    expect(from.backend.keyCount()).toBe(3)
    while (snapshot.encodeSlice(1) === 'more');
    expect(snapshot.takeChunks().reduce((sum, { entryCount }) => sum + entryCount, 0)).toBe(3)
    snapshot.release()
    from.backend.removeExpired(100)
    expect(from.backend.keyCount()).toBe(0)
  })

  test('a key with a timer keeps its entry when its state has expired', () => {
    const from = opened(create)
    fill(from, 'a')
    from.backend.eventTimers.register(5000)
    from.clock.nowMs = AFTER_MS
    const again = restored(create, from)
    expect([from.backend.keyCount(), again.backend.keyCount()]).toEqual([1, 1])
    expect(again.backend.eventTimers.earliestMs()).toBe(5000)
  })

  test('another time to live counts for what is restored', () => {
    const from = opened(create)
    fill(from, 'a')
    const again = restored(create, from, { after: '1s' })
    again.clock.nowMs = 999
    expect(readAll(again, 'a')).toEqual(FULL)
    again.clock.nowMs = 1000
    expect(readAll(again, 'a')).toEqual(EMPTY)
  })

  test.each([{}, { ttl: '1h' }])(
    'what cannot be encoded is named by its path in the state, with the options %j',
    (options) => {
      class Account {
        readonly id = 1
      }
      const bad = { owner: new Account() }
      const fillers: readonly ((backend: KeyedStateBackend) => void)[] = [
        (backend) => backend.valueState(valueState<unknown>('s', undefined, options)).update(bad),
        (backend) => backend.listState(listState<unknown>('s', options)).update([1, bad]),
        (backend) => backend.mapState(mapState<string, unknown>('s', options)).put('x', bad),
        (backend) => backend.reducingState(reducingState<unknown>('s', (a) => a, options)).add(bad),
      ]
      const messages = fillers.map((fillState) => {
        const backend = create()
        backend.useClock(new TestClock())
        backend.setCurrentKey('k')
        fillState(backend)
        return messageOf(() => chunksOf(backend))
      })
      for (const [index, path] of ['.owner', '[1].owner', '.get("x").owner', '.owner'].entries())
        expect(messages[index]).toContain(
          `the field ${path} of state "s" of key "k" cannot be encoded: it is an instance of Account`,
        )
    },
  )

  test.each(['before', 'after'])('a state may get a time to live, and lose it: declared %s the restore', (when) => {
    const plain = declaredPlain(create())
    plain.fill('a')
    const chunks = chunksOf(plain.backend)
    const expiring = when === 'before' ? opened(create) : undefined
    const backend = expiring?.backend ?? create()
    for (const bytes of chunks) backend.restore(bytes)
    const states = expiring ?? opened(() => backend)
    states.clock.nowMs = 10_000
    expect(readAll(states, 'a')).toEqual(FULL)
    const plainAgain = restoredPlain(create, chunksOf(states.backend), when)
    expect(plainAgain.read('a')).toEqual(FULL)
    states.clock.nowMs += AFTER_MS
    expect(readAll(states, 'a')).toEqual(EMPTY)
  })

  test('random uses give what a list of writes with their times gives, across snapshots and restores', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('on-create-and-write' as const, 'on-read-and-write' as const),
        fc.array(anyUse, { maxLength: 80, size: 'max' }),
        (refresh, uses) => {
          let states = opened(create, { refresh })
          const model = new Map<string, ModelEntry>()
          for (const use of uses) {
            if (use.kind === 'restore') states = restored(create, states, { refresh })
            else if (use.kind === 'pass') states.clock.nowMs += use.ms
            else {
              states.backend.setCurrentKey(use.key)
              const entry = modelEntryOf(model, use.key)
              applyUse(states, entry, { ...use, nowMs: states.clock.nowMs, refreshes: refresh === 'on-read-and-write' })
            }
          }
          chunksOf(states.backend)
          const live = [...model].filter(([, entry]) => isAnyLive(entry, states.clock.nowMs)).map(([key]) => key)
          expect(new Set(states.backend.keys())).toEqual(new Set(live))
        },
      ),
      { numRuns: 300 },
    )
  })
}

interface Timed {
  n: number
  usedMs: number
}

interface ModelEntry {
  value: Timed | undefined
  list: Timed[]
  map: Map<string, Timed>
  total: Timed | undefined
}

const anyKey = fc.constantFrom('a', 'b', 'c', 'd')
const anyUse = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom('write', 'read'), key: anyKey, n: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1, 30, 60, 99, 100) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const) }) },
)

interface AppliedUse {
  readonly kind: string
  readonly n: number
  readonly nowMs: number
  readonly refreshes: boolean
}

function applyUse(states: Opened, entry: ModelEntry, use: AppliedUse): void {
  expire(entry, use.nowMs)
  if (use.kind === 'write') write(states, entry, use)
  else read(states, entry, use)
}

function write({ value, list, map, total }: Opened, entry: ModelEntry, { n, nowMs }: AppliedUse): void {
  value.update(n)
  list.add(n)
  map.put(`k${n}`, n)
  total.add(n)
  entry.value = { n, usedMs: nowMs }
  entry.list.push({ n, usedMs: nowMs })
  entry.map.set(`k${n}`, { n, usedMs: nowMs })
  entry.total = { n: (entry.total?.n ?? 0) + n, usedMs: nowMs }
}

function read({ value, list, map, total }: Opened, entry: ModelEntry, { n, nowMs, refreshes }: AppliedUse): void {
  expect(value.value()).toBe(entry.value?.n)
  expect(list.get()).toEqual(entry.list.map((timed) => timed.n))
  expect(total.get()).toBe(entry.total?.n)
  expect(map.size()).toBe(entry.map.size)
  const used: (Timed | undefined)[] = [entry.value, ...entry.list, entry.total]
  if (n === 0) {
    expect(new Map(map.entries())).toEqual(new Map([...entry.map].map(([key, timed]) => [key, timed.n])))
    used.push(...entry.map.values())
  } else {
    expect(map.get(`k${n}`)).toBe(entry.map.get(`k${n}`)?.n)
    used.push(entry.map.get(`k${n}`))
  }
  if (refreshes) for (const timed of used) if (timed !== undefined) timed.usedMs = nowMs
}

function expire(entry: ModelEntry, nowMs: number): void {
  const isLive = (timed: Timed | undefined): boolean => timed !== undefined && timed.usedMs + AFTER_MS > nowMs
  if (!isLive(entry.value)) entry.value = undefined
  if (!isLive(entry.total)) entry.total = undefined
  entry.list = entry.list.filter(isLive)
  for (const [key, timed] of entry.map) if (!isLive(timed)) entry.map.delete(key)
}

function isAnyLive(entry: ModelEntry, nowMs: number): boolean {
  expire(entry, nowMs)
  return entry.value !== undefined || entry.total !== undefined || entry.list.length > 0 || entry.map.size > 0
}

function modelEntryOf(model: Map<string, ModelEntry>, key: string): ModelEntry {
  const entry = model.get(key) ?? { value: undefined, list: [], map: new Map(), total: undefined }
  model.set(key, entry)
  return entry
}

/** The same states without a time to live. */
function declaredPlain(backend: KeyedStateBackend) {
  const value = backend.valueState(valueState<number>('value'))
  const list = backend.listState(listState<number>('list'))
  const map = backend.mapState(mapState<string, number>('map'))
  const total = backend.reducingState(reducingState<number>('total', (a, b) => a + b))
  const mean = backend.aggregatingState(aggregatingState('mean', average(Number)))
  const states = { backend, clock: new TestClock(), value, list, map, total, mean }
  return { backend, fill: (key: string) => fill(states, key), read: (key: string) => readAll(states, key) }
}

function restoredPlain(create: Create, chunks: readonly Uint8Array[], when: string) {
  const backend = create()
  const before = when === 'before' ? declaredPlain(backend) : undefined
  for (const bytes of chunks) backend.restore(bytes)
  return before ?? declaredPlain(backend)
}

function messageOf(call: () => unknown): string {
  try {
    call()
    return 'nothing was thrown'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function codeOf(call: () => unknown): string | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    if (error instanceof EngineError) return error.code
    throw error
  }
}
