/** The suite every keyed state backend passes. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EngineError } from '../src/base/errors.ts'
import { type StateDescriptor, listState, mapState, valueState } from '../src/state/descriptors.ts'
import type { KeyGroupChunk, KeyedSnapshot, KeyedStateBackend } from '../src/state/keyed-state.ts'
import { type Key, type KeyGroupRange, keyGroupOf } from '../src/stream/key-groups.ts'
import { describeExpiry, describeFolding } from './keyed-backend-expiry.ts'
import {
  MODEL_STATES,
  ModelledBackend,
  NEVER_OVER,
  anyOperation,
  declareModelStates,
  dumpOf,
  dumpOfModel,
  turnOf,
} from './keyed-backend-model.ts'

export interface BackendFactoryOptions {
  readonly uid: string
  readonly keyGroups: KeyGroupRange
  readonly maxParallelism: number
  readonly states?: readonly StateDescriptor[]
}

export type BackendFactory = (options: BackendFactoryOptions) => KeyedStateBackend

const MAX_PARALLELISM = 16
const ALL: KeyGroupRange = { first: 0, last: MAX_PARALLELISM - 1 }
const HALVES: readonly KeyGroupRange[] = [
  { first: 0, last: 6 },
  { first: 7, last: MAX_PARALLELISM - 1 },
]

export function describeKeyedBackend(name: string, factory: BackendFactory): void {
  const create = (options: Partial<BackendFactoryOptions> = {}) =>
    factory({ uid: 'operator', keyGroups: ALL, maxParallelism: MAX_PARALLELISM, ...options })
  describe(`keyed backend ${name}`, () => {
    describe('states', () => describeStates(create))
    describe('folding states', () => describeFolding(create))
    describe('time to live', () => describeExpiry(create))
    describe('timers', () => describeTimers(create))
    describe('snapshots', () => describeSnapshots(create))
    describe('restore', () => describeRestore(create))
    describe('isolation', () => describeIsolation(create))
  })
}

type Create = (options?: Partial<BackendFactoryOptions>) => KeyedStateBackend

function describeStates(create: Create): void {
  test('K1: state and timers are refused while no key is current', () => {
    const backend = create()
    const { value, list, map } = declareModelStates(backend)
    const uses = [
      () => value.value(),
      () => value.update({ n: 1, tags: [] }),
      () => value.clear(),
      () => list.get(),
      () => list.add({ n: 1, tags: [] }),
      () => list.update([]),
      () => map.get(1),
      () => map.has(1),
      () => map.put(1, { n: 1, tags: [] }),
      () => map.remove(1),
      () => map.entries(),
      () => map.size(),
      () => backend.eventTimers.register(1),
      () => backend.processingTimers.remove(1),
    ]
    for (const use of uses) expect(codeOf(use)).toBe('STA1001')
    backend.setCurrentKey('a')
    for (const use of uses) expect(codeOf(use)).toBeUndefined()
    backend.leaveKey()
    for (const use of uses) expect(codeOf(use)).toBe('STA1001')
  })

  test('K2: reading makes no entry, and clearing the last content frees it', () => {
    const backend = create()
    const { value, list, map } = declareModelStates(backend)
    backend.setCurrentKey('a')
    expect([value.value(), list.get(), map.get(1), map.size(), [...map.entries()]]).toEqual([
      undefined,
      [],
      undefined,
      0,
      [],
    ])
    value.clear()
    map.remove(1)
    backend.eventTimers.remove(5)
    expect(backend.keyCount()).toBe(0)
    value.update({ n: 1, tags: [] })
    list.add({ n: 2, tags: [] })
    map.put(3, { n: 3, tags: [] })
    backend.eventTimers.register(5)
    expect([...backend.keys()]).toEqual(['a'])
    value.clear()
    list.update([])
    map.remove(3)
    expect(backend.keyCount()).toBe(1)
    backend.eventTimers.remove(5)
    expect(backend.keyCount()).toBe(0)
  })

  test('one state object serves every key, and keys of different types are different keys', () => {
    const backend = create()
    const count = backend.valueState(valueState<string>('count'))
    const keys: readonly Key[] = ['1', 1, 1n, true, 'true', 1.5, -1, '']
    for (const key of keys) {
      backend.setCurrentKey(key)
      expect(count.value()).toBeUndefined()
      count.update(`${typeof key} ${String(key)}`)
    }
    for (const key of keys) {
      backend.setCurrentKey(key)
      expect(backend.currentKey()).toBe(key)
      expect(count.value()).toBe(`${typeof key} ${String(key)}`)
    }
    expect(backend.keyCount()).toBe(keys.length)
  })

  test('a value state gives its default until it is updated, and null is a value', () => {
    const backend = create()
    const count = backend.valueState(valueState<number | null>('count', 7))
    const made = backend.valueState<number[]>(valueState('made', () => []))
    backend.setCurrentKey('a')
    expect(count.value()).toBe(7)
    expect(made.value()).not.toBe(made.value())
    count.update(0)
    expect(count.value()).toBe(0)
    count.update(null)
    expect(count.value()).toBeNull()
    count.clear()
    expect(count.value()).toBe(7)
    expect(backend.keyCount()).toBe(0)
  })

  test('a list keeps its order and does not share the array it was updated with', () => {
    const backend = create()
    const list = backend.listState(listState<number>('list'))
    backend.setCurrentKey('a')
    list.add(1)
    list.add(2)
    expect(list.get()).toEqual([1, 2])
    const values = [3, 4]
    list.update(values)
    values.push(5)
    expect(list.get()).toEqual([3, 4])
  })

  test('a map keeps pairs in order of insertion and takes every key a Map takes', () => {
    const backend = create()
    const map = backend.mapState(mapState<unknown, number>('map'))
    for (const first of [Number.NaN, 0, 'x', undefined]) {
      backend.setCurrentKey(`first ${String(first)}`)
      map.put(first, 1)
      map.put(first, 2)
      expect([map.size(), map.get(first), map.has(first), map.has('other')]).toEqual([1, 2, true, false])
      map.put('other', 3)
      expect([...map.entries()]).toEqual([[first, 2], ['other', 3]]) // prettier-ignore
      map.remove(first)
      expect([...map.entries()]).toEqual([['other', 3]])
    }
  })

  test('two states of one name are refused', () => {
    const backend = create()
    backend.valueState(valueState('count'))
    expect(codeOf(() => backend.valueState(valueState('count')))).toBe('GRA1006')
    expect(codeOf(() => backend.mapState(mapState('count')))).toBe('GRA1006')
    expect(codeOf(() => create({ states: [valueState('x'), listState('x')] }))).toBe('GRA1006')
  })

  test('the keys with a value of a state are visited once each, as of the call, and no key is current afterwards', () => {
    const backend = create()
    const { value, list, map } = declareModelStates(backend)
    for (const key of ['a', 'b', 'c', 'd']) {
      backend.setCurrentKey(key)
      if (key !== 'c') value.update({ n: 1, tags: [] })
      if (key !== 'b') list.add({ n: 1, tags: [] })
      if (key === 'd') map.put(1, { n: 1, tags: [] })
    }
    const visited: Key[] = []
    backend.visitKeys(MODEL_STATES[0].name, (key) => {
      visited.push(key)
      expect(backend.currentKey()).toBe(key)
      value.clear()
      if (key !== 'a') value.update({ n: 2, tags: [] })
    })
    expect(visited.map(String).toSorted()).toEqual(['a', 'b', 'd'])
    expect(backend.currentKey()).toBeUndefined()
    const left: Key[] = []
    backend.visitKeys(MODEL_STATES[0].name, (key) => left.push(key))
    backend.visitKeys(MODEL_STATES[2].name, (key) => left.push(key))
    expect(left.map(String).toSorted()).toEqual(['b', 'd', 'd'])
    backend.setCurrentKey('a')
    expect(list.get()).toHaveLength(1)
  })

  test('visiting keys during a snapshot encodes them as they were at the cut', () => {
    const backend = create()
    const { value } = declareModelStates(backend)
    for (const key of ['a', 'b']) {
      backend.setCurrentKey(key)
      value.update({ n: 1, tags: [] })
    }
    const snapshot = backend.beginSnapshot()
    backend.visitKeys(MODEL_STATES[0].name, () => value.update({ n: 2, tags: [] }))
    while (snapshot.encodeSlice(1) === 'more');
    const restored = create()
    const states = declareModelStates(restored)
    for (const { bytes } of snapshot.takeChunks()) restored.restore(bytes)
    snapshot.release()
    for (const key of ['a', 'b']) {
      restored.setCurrentKey(key)
      expect(states.value.value()).toEqual({ n: 1, tags: [] })
    }
  })

  test('many states work like few', () => {
    const backend = create()
    const states = Array.from({ length: 70 }, (_, i) => backend.valueState(valueState<number>(`state ${i}`)))
    for (const key of ['a', 'b']) {
      backend.setCurrentKey(key)
      for (const [i, state] of states.entries()) if (i % 3 === 0) state.update(i)
    }
    const restored = create()
    const restoredStates = states.map((_, i) => restored.valueState(valueState<number>(`state ${i}`)))
    for (const chunk of snapshotOf(backend)) restored.restore(chunk.bytes)
    for (const key of ['a', 'b']) {
      restored.setCurrentKey(key)
      expect(restoredStates.map((state) => state.value())).toEqual(states.map((_, i) => (i % 3 === 0 ? i : undefined)))
    }
    for (const state of restoredStates) state.clear()
    expect(restored.keyCount()).toBe(1)
  })
}

function describeTimers(create: Create): void {
  test('timers fire once, in order of time, with their key current', () => {
    const backend = create()
    const value = backend.valueState(valueState<string>('value'))
    for (const [index, time] of [30, 10, 20, 10, 40].entries()) {
      backend.setCurrentKey(`k${index}`)
      value.update(`v${index}`)
      backend.eventTimers.register(time, index)
      backend.eventTimers.register(time, index)
    }
    const fired: unknown[] = []
    expect(backend.eventTimers.earliestMs()).toBe(10)
    const result = backend.eventTimers.advance(30, NEVER_OVER, (time, key, namespace) =>
      fired.push([time, key, namespace, value.value()]),
    )
    expect(result).toBe('done')
    const byText = (a: unknown, b: unknown): number => (String(a) < String(b) ? -1 : 1)
    expect(fired.slice(0, 2).toSorted(byText)).toEqual([[10, 'k1', 1, 'v1'], [10, 'k3', 3, 'v3']]) // prettier-ignore
    expect(fired.slice(2)).toEqual([[20, 'k2', 2, 'v2'], [30, 'k0', 0, 'v0']]) // prettier-ignore
    expect(backend.eventTimers.earliestMs()).toBe(40)
  })

  test('the two kinds of time do not mix', () => {
    const backend = create()
    backend.setCurrentKey('a')
    backend.eventTimers.register(1)
    backend.processingTimers.register(2)
    expect([backend.eventTimers.earliestMs(), backend.processingTimers.earliestMs()]).toEqual([1, 2])
    expect(firedOf(backend, 'eventTimers', 10)).toEqual([[1, 'a', 0]])
    expect(firedOf(backend, 'processingTimers', 10)).toEqual([[2, 'a', 0]])
    expect(backend.keyCount()).toBe(0)
  })

  test('timers registered while timers fire are fired in the same advance, those removed are not', () => {
    const backend = create()
    backend.setCurrentKey('a')
    backend.eventTimers.register(10)
    backend.eventTimers.register(15, 'gone')
    const fired: number[] = []
    backend.eventTimers.advance(20, NEVER_OVER, (time, _key, namespace) => {
      fired.push(time)
      if (namespace !== 0) return
      backend.eventTimers.remove(15, 'gone')
      for (const later of [20, 10, 21, 5]) backend.eventTimers.register(later, later)
    })
    expect(fired).toEqual([10, 5, 10, 20])
    expect(backend.eventTimers.earliestMs()).toBe(21)
  })

  test('an advance cut after any number of timers goes on where it was, also from a snapshot', () => {
    const fill = (backend: KeyedStateBackend) => {
      for (let i = 0; i < 40; i++) {
        backend.setCurrentKey(i % 9)
        backend.eventTimers.register(i % 4, i)
      }
    }
    for (const pieces of [1, 2, 7]) {
      let backend = create()
      fill(backend)
      const fired: number[] = []
      for (let round = 0; ; round++) {
        const result = backend.eventTimers.advance(9, turnOf(pieces), (_time, _key, namespace) =>
          fired.push(Number(namespace)),
        )
        if (result === 'done') break
        if (round % 2 === 1) backend = restoredFrom(create, snapshotOf(backend))
      }
      expect(fired.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i))
      expect(backend.keyCount()).toBe(0)
    }
  })

  test('a time that is no whole number of milliseconds is refused', () => {
    const backend = create()
    backend.setCurrentKey('a')
    for (const time of [Number.NaN, 1.5, Infinity, 2 ** 60])
      expect(codeOf(() => backend.eventTimers.register(time))).toBe('TIM1001')
    expect(codeOf(() => backend.eventTimers.register(1, 0.5))).toBe('TIM1001')
    expect(backend.keyCount()).toBe(0)
  })

  test('one key may have very many timers, and very many keys one time', () => {
    const backend = create()
    backend.setCurrentKey('busy')
    for (let i = 0; i < 3000; i++) backend.eventTimers.register(i, `n${i % 7}`)
    for (let i = 0; i < 3000; i++) {
      backend.setCurrentKey(i)
      backend.eventTimers.register(5000)
    }
    const restored = restoredFrom(create, snapshotOf(backend))
    const times = firedOf(restored, 'eventTimers', 9999).map(([time]) => time)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times.length).toBe(6000)
    expect(restored.keyCount()).toBe(0)
  })
}

function describeSnapshots(create: Create): void {
  test('a snapshot of nothing is done at once and has no chunks', () => {
    const backend = create()
    declareModelStates(backend)
    expect(snapshotOf(backend)).toEqual([])
  })

  test('a slice encodes no more entries than asked for', () => {
    const backend = filled(create, 10)
    const snapshot = backend.beginSnapshot()
    for (const count of [3, 6, 9]) {
      expect(snapshot.encodeSlice(3)).toBe('more')
      expect(snapshot.encodedCount()).toBe(count)
    }
    expect(snapshot.encodeSlice(3)).toBe('done')
    expect(snapshot.encodedCount()).toBe(10)
    const chunks = snapshot.takeChunks()
    expect(chunks.reduce((total, { entryCount }) => total + entryCount, 0)).toBe(10)
    expect(snapshot.takeChunks()).toEqual([])
    snapshot.release()
    snapshot.release()
  })

  test('the current key is none after the cut, so that the first touch is seen', () => {
    const backend = filled(create, 1)
    const snapshot = backend.beginSnapshot()
    expect(backend.currentKey()).toBeUndefined()
    snapshot.release()
  })

  test('keys that are made without end do not keep a snapshot from being done', () => {
    const backend = create()
    const { value } = declareModelStates(backend)
    for (let i = 0; i < 20; i++) write(i)
    const snapshot = backend.beginSnapshot()
    let slices = 0
    for (let key = 1000; snapshot.encodeSlice(1) === 'more'; key++) {
      for (let more = 0; more < 5; more++) write(key * 10 + more)
      slices++
    }
    expect([slices, snapshot.encodedCount()]).toEqual([19, 20])
    snapshot.release()
    function write(key: number): void {
      backend.setCurrentKey(key)
      value.update({ n: key, tags: [] })
    }
  })

  test('entries of one key group fill several chunks, each of that group only', () => {
    const backend = filled(create, 400, 6000)
    const chunks = snapshotOf(backend)
    expect(chunks.length).toBeGreaterThan(MAX_PARALLELISM)
    for (const { keyGroup, bytes, entryCount } of chunks) {
      const restored = restoredFrom(create, [{ keyGroup, bytes, entryCount }])
      const keys = [...restored.keys()]
      expect(keys.length).toBe(entryCount)
      expect(keys.map((key) => keyGroupOf(key, MAX_PARALLELISM))).toEqual(keys.map(() => keyGroup))
    }
  })

  test('the same history gives the same bytes', () => {
    const bytesOf = () => Buffer.concat(snapshotOf(filled(create, 100)).map(({ bytes }) => bytes))
    expect(bytesOf().equals(bytesOf())).toBe(true)
  })

  test('one snapshot at a time; one given up makes room for the next', () => {
    const backend = filled(create, 10)
    const given = backend.beginSnapshot()
    given.encodeSlice(4)
    expect(codeOf(() => backend.beginSnapshot())).toBe('INT1001')
    given.release()
    expect(codeOf(() => given.encodeSlice(1))).toBe('INT1001')
    expect(restoredFrom(create, snapshotOf(backend)).keyCount()).toBe(10)
  })

  test('a value that cannot be encoded fails the snapshot, naming state and key, and not the record', () => {
    const backend = create()
    const state = backend.valueState(valueState<unknown>('handler'))
    backend.setCurrentKey('bad')
    state.update({ run: () => 1 })
    const touched = backend.beginSnapshot()
    expect(codeOf(() => backend.setCurrentKey('bad'))).toBeUndefined()
    expect(codeOf(() => touched.encodeSlice(1))).toBe('SER1001')
    expect(touched.takeChunks()).toEqual([])
    touched.release()
    const sliced = backend.beginSnapshot()
    expect(() => sliced.encodeSlice(1)).toThrow(
      /the field \.run of state "handler" of key "bad" cannot be encoded: it is a function/,
    )
    sliced.release()
  })
}

function describeRestore(create: Create): void {
  test('foreign key groups are skipped, and chunks one after the other in one array are all read', () => {
    const chunks = snapshotOf(filled(create, 200))
    const everything = Buffer.concat(chunks.map(({ bytes }) => bytes))
    const halves = HALVES.map((keyGroups) => restoredFrom(create, [everything], keyGroups))
    const keys = halves.map((half) => [...half.keys()])
    expect(keys.flat().length).toBe(200)
    for (const [index, { first, last }] of HALVES.entries()) {
      for (const key of keys[index] ?? []) {
        const keyGroup = keyGroupOf(key, MAX_PARALLELISM)
        expect(keyGroup >= first && keyGroup <= last).toBe(true)
      }
    }
  })

  test('a state that the snapshot does not hold is empty', () => {
    const chunks = snapshotOf(filled(create, 3))
    const restored = create()
    const added = restored.listState(listState<number>('added'))
    const { value } = declareModelStates(restored)
    for (const { bytes } of chunks) restored.restore(bytes)
    restored.setCurrentKey(1)
    expect([value.value()?.n, added.get()]).toEqual([1, []])
  })

  test('a state that nobody declares is refused by name: at once when all states are known, else with the first key', () => {
    const chunks = snapshotOf(filled(create, 3))
    const known = create({ states: [MODEL_STATES[0], MODEL_STATES[1]] })
    expect(() => known.restore(chunks[0]?.bytes ?? new Uint8Array())).toThrow(/state "map".*"value", "list"/)
    const late = create()
    for (const { bytes } of chunks) late.restore(bytes)
    late.valueState(MODEL_STATES[0])
    expect(codeOf(() => late.setCurrentKey(1))).toBe('STA1002')
    expect(codeOf(() => late.beginSnapshot())).toBe('STA1002')
  })

  test('a state of another kind is refused, declared before or after the restore', () => {
    const [chunk] = snapshotOf(filled(create, 1))
    const before = create()
    before.mapState(mapState('value'))
    expect(codeOf(() => before.restore(chunk?.bytes ?? new Uint8Array()))).toBe('STA1002')
    const after = create()
    after.restore(chunk?.bytes ?? new Uint8Array())
    expect(codeOf(() => after.mapState(mapState('value')))).toBe('STA1002')
  })

  test('states may be declared after the restore', () => {
    const backend = filled(create, 3)
    const restored = create()
    for (const { bytes } of snapshotOf(backend)) restored.restore(bytes)
    const extra = restored.valueState(valueState<number>('extra'))
    const { value } = declareModelStates(restored)
    restored.setCurrentKey(2)
    extra.update(1)
    expect([value.value()?.n, extra.value()]).toEqual([2, 1])
  })

  test('a chunk of another operator, with another max parallelism, or given twice is refused', () => {
    const chunks = snapshotOf(filled(create, 3))
    expect(codeOf(() => restoredFrom(() => create({ uid: 'other' }), chunks))).toBe('CKP1003')
    expect(codeOf(() => restoredFrom(() => create({ maxParallelism: 32 }), chunks))).toBe('CKP1003')
    expect(codeOf(() => restoredFrom(create, [...chunks, ...chunks]))).toBe('CKP1003')
  })

  test('a chunk with any byte changed or missing is refused', () => {
    const [chunk] = snapshotOf(filled(create, 1))
    const bytes = chunk?.bytes ?? new Uint8Array()
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      changed[at] = (changed[at] ?? 0) ^ 0x11
      expect(
        codeOf(() => restoredFrom(create, [changed])),
        `byte ${at}`,
      ).toBe('CKP1003')
      if (at > 0)
        expect(
          codeOf(() => restoredFrom(create, [bytes.slice(0, at)])),
          `first ${at} bytes`,
        ).toBe('CKP1003')
    }
  })
}

function describeIsolation(create: Create): void {
  test('K3: what is restored equals what was there at the cut, whatever happens to it between the slices', () => {
    fc.assert(
      fc.property(
        fc.array(anyOperation, { minLength: 1, maxLength: 120, size: 'max' }),
        fc.nat(60),
        (operations, cutAt) => {
          const modelled = new ModelledBackend(create())
          let snapshot: RunningSnapshot | undefined
          for (const [index, operation] of operations.entries()) {
            const isCut = index === cutAt || operation.kind === 'begin'
            if (isCut && snapshot === undefined) snapshot = begin(modelled)
            else if ('entries' in operation) snapshot = continued(create, snapshot, operation.entries)
            else modelled.apply(operation)
          }
          while (snapshot !== undefined) snapshot = continued(create, snapshot, 2)
          checkRestored(create, begin(modelled))
          expect(dumpOf(modelled.backend, modelled.handles)).toEqual(dumpOfModel(modelled.model))
        },
      ),
      { numRuns: 300 },
    )
  })
}

interface RunningSnapshot {
  readonly snapshot: KeyedSnapshot
  readonly expected: readonly string[]
  readonly keyCount: number
  readonly chunks: KeyGroupChunk[]
}

function begin({ backend, model }: ModelledBackend): RunningSnapshot {
  return { expected: dumpOfModel(model), keyCount: model.size, snapshot: backend.beginSnapshot(), chunks: [] }
}

/** One more slice; checks the snapshot when that was the last. */
function continued(create: Create, running: RunningSnapshot | undefined, entries: number): RunningSnapshot | undefined {
  if (running === undefined) return undefined
  const result = running.snapshot.encodeSlice(entries)
  running.chunks.push(...running.snapshot.takeChunks())
  if (result === 'more') return running
  checkRestored(create, running)
  return undefined
}

/** Into one backend, and into two with half of the key groups each. */
function checkRestored(create: Create, running: RunningSnapshot): void {
  while (running.snapshot.encodeSlice(3) === 'more');
  const chunks = [...running.chunks, ...running.snapshot.takeChunks()]
  expect(running.snapshot.encodedCount()).toBe(running.keyCount)
  running.snapshot.release()
  const dumps = (ranges: readonly KeyGroupRange[]) =>
    ranges.flatMap((keyGroups) => {
      const restored = create({ keyGroups })
      const handles = declareModelStates(restored)
      for (const { bytes } of chunks.toReversed()) restored.restore(bytes)
      return dumpOf(restored, handles)
    })
  expect(dumps([ALL])).toEqual(running.expected)
  expect(dumps(HALVES).toSorted()).toEqual(running.expected)
}

/** Keys 0 to count - 1, each with all states and a timer. */
function filled(create: Create, count: number, padding = 0): KeyedStateBackend {
  const backend = create()
  const { value, list, map } = declareModelStates(backend)
  for (let key = 0; key < count; key++) {
    backend.setCurrentKey(key)
    value.update({ n: key, tags: ['x'.repeat(padding)] })
    list.add({ n: key, tags: [] })
    map.put(key, { n: key, tags: [] })
    backend.eventTimers.register(1_700_000_000_000 + key, key)
  }
  return backend
}

function snapshotOf(backend: KeyedStateBackend): KeyGroupChunk[] {
  const snapshot = backend.beginSnapshot()
  const chunks: KeyGroupChunk[] = []
  while (snapshot.encodeSlice(50) === 'more') chunks.push(...snapshot.takeChunks())
  chunks.push(...snapshot.takeChunks())
  snapshot.release()
  return chunks
}

function restoredFrom(
  create: Create,
  chunks: readonly (KeyGroupChunk | Uint8Array)[],
  keyGroups = ALL,
): KeyedStateBackend {
  const backend = create({ keyGroups })
  for (const chunk of chunks) backend.restore(chunk instanceof Uint8Array ? chunk : chunk.bytes)
  return backend
}

function firedOf(
  backend: KeyedStateBackend,
  kind: 'eventTimers' | 'processingTimers',
  until: number,
): [number, Key, unknown][] {
  const fired: [number, Key, unknown][] = []
  backend[kind].advance(until, NEVER_OVER, (time, key, namespace) => fired.push([time, key, namespace]))
  return fired
}

/** Code of the error that a call throws; undefined when it throws none. */
function codeOf(call: () => unknown): string | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    if (error instanceof EngineError) return error.code
    throw error
  }
}
