/** What a keyed backend should hold, as plain data, and random operations applied to both. */
import * as fc from 'fast-check'
import { expect } from 'vitest'
import { listState, mapState, valueState } from '../src/state/descriptors.ts'
import type {
  KeyedStateBackend,
  ListState,
  MapState,
  TimerNamespace,
  TimerService,
  ValueState,
} from '../src/state/keyed-state.ts'
import type { Turn } from '../src/state/turn.ts'
import type { Key } from '../src/stream/key-groups.ts'

export interface Item {
  n: number
  tags: string[]
}

export type TimerKind = 'event' | 'processing'

interface ModelTimer {
  readonly kind: TimerKind
  readonly timestampMs: number
  readonly namespace: TimerNamespace
}

export interface ModelEntry {
  value: Item | undefined
  list: Item[]
  map: Map<number | string, Item>
  timers: ModelTimer[]
}

export type Model = Map<Key, ModelEntry>

export interface Handles {
  readonly value: ValueState<Item>
  readonly list: ListState<Item>
  readonly map: MapState<number | string, Item>
}

export const MODEL_STATES = [
  valueState<Item>('value'),
  listState<Item>('list'),
  mapState<number | string, Item>('map'),
] as const

export function declareModelStates(backend: KeyedStateBackend): Handles {
  return {
    value: backend.valueState(MODEL_STATES[0]),
    list: backend.listState(MODEL_STATES[1]),
    map: backend.mapState(MODEL_STATES[2]),
  }
}

export function timersOf(backend: KeyedStateBackend, kind: TimerKind): TimerService {
  return kind === 'event' ? backend.eventTimers : backend.processingTimers
}

export const NEVER_OVER: Turn = { isOver: () => false }

/** Over after so many pieces of work. */
export function turnOf(pieces: number): Turn {
  let left = pieces
  return { isOver: () => left-- <= 0 }
}

const KEYS: readonly Key[] = ['a', 'b', 'key with some length', '1', 1, 0, -7, 2.5, 2 ** 40, true, false, 10n, '']
const anyKey = fc.constantFrom(...KEYS)
const anyMapKey = fc.constantFrom<(number | string)[]>(1, 2, 1_700_000_000_000, 'x', Number.NaN)
const anyTime = fc.oneof(
  fc.integer({ min: 0, max: 12 }),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
)
const anyNamespace = fc.oneof(fc.integer({ min: -2, max: 2 }), fc.constantFrom('w', Number.MAX_SAFE_INTEGER))
const anyTimer = { time: anyTime, namespace: anyNamespace, timers: fc.constantFrom<TimerKind[]>('event', 'processing') }
/** Now and then big enough for several chunks of one key group. */
const anyPadding = fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(40_000) })

export const anyOperation = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    key: anyKey,
    mapKey: anyMapKey,
    n: fc.nat(1000),
    padding: anyPadding,
  }),
  fc.record({
    kind: fc.constantFrom('mutate', 'append', 'clearValue', 'clearList', 'clearMap', 'clearAll'),
    key: anyKey,
    n: fc.nat(9),
  }),
  fc.record({ kind: fc.constantFrom('removePair', 'read', 'rewriteList'), key: anyKey, mapKey: anyMapKey }),
  fc.record({ kind: fc.constantFrom('register', 'register', 'unregister'), key: anyKey, ...anyTimer }),
  fc.record({ kind: fc.constant('advance' as const), until: anyTime, timers: anyTimer.timers, pieces: fc.nat(6) }),
  fc.record({ kind: fc.constantFrom('slice', 'slice', 'begin'), entries: fc.nat(4) }),
)
export type Operation = typeof anyOperation extends fc.Arbitrary<infer T> ? T : never

/** A backend and its model, driven together. */
export class ModelledBackend {
  readonly backend: KeyedStateBackend
  readonly handles: Handles
  readonly model: Model = new Map()

  constructor(backend: KeyedStateBackend) {
    this.backend = backend
    this.handles = declareModelStates(backend)
  }

  /** Applies any operation but those about snapshots. */
  apply(operation: Operation): void {
    if ('until' in operation) this.#advance(operation.timers, operation.until, operation.pieces)
    else if ('key' in operation) {
      this.backend.setCurrentKey(operation.key)
      const entry = this.model.get(operation.key) ?? { value: undefined, list: [], map: new Map(), timers: [] }
      this.model.set(operation.key, entry)
      this.#change(operation, entry)
      this.#forgetIfEmpty(operation.key)
    }
    expect(this.backend.keyCount()).toBe(this.model.size)
  }

  #change(operation: Exclude<Operation, { until: number } | { entries: number }>, entry: ModelEntry): void {
    if ('padding' in operation) return this.#write(entry, operation.mapKey, operation.n, operation.padding)
    if ('time' in operation)
      return this.#changeTimer(operation.kind, entry, {
        kind: operation.timers,
        timestampMs: operation.time,
        namespace: operation.namespace,
      })
    if ('mapKey' in operation) return this.#changePair(operation.kind, entry, operation.mapKey)
    if (operation.kind === 'mutate') return this.#mutate(entry, operation.n)
    if (operation.kind === 'append') {
      this.handles.list.add({ n: operation.n, tags: [] })
      entry.list.push({ n: operation.n, tags: [] })
      return
    }
    this.#clear(operation.kind, entry)
  }

  #write(entry: ModelEntry, mapKey: number | string, n: number, padding: number): void {
    const item = (): Item => ({ n, tags: [padding === 0 ? `tag ${n}` : 'p'.repeat(padding)] })
    this.handles.value.update(item())
    this.handles.map.put(mapKey, item())
    entry.value = item()
    entry.map.set(mapKey, item())
  }

  /** In place, without any call that tells the backend. */
  #mutate(entry: ModelEntry, n: number): void {
    const { value, list, map } = this.handles
    const change = (item: Item) => {
      item.n += n
      item.tags.push(`m${n}`)
    }
    for (const item of [value.value(), entry.value]) if (item !== undefined) change(item)
    for (const items of [list.get(), entry.list]) for (const item of items) change(item)
    for (const pairs of [map.entries(), entry.map]) for (const [, item] of pairs) change(item)
  }

  #clear(kind: string, entry: ModelEntry): void {
    const { value, list, map } = this.handles
    if (kind === 'clearValue' || kind === 'clearAll') {
      value.clear()
      entry.value = undefined
    }
    if (kind === 'clearList' || kind === 'clearAll') {
      list.clear()
      entry.list = []
    }
    if (kind === 'clearMap' || kind === 'clearAll') {
      map.clear()
      entry.map = new Map()
    }
  }

  #changePair(kind: string, entry: ModelEntry, mapKey: number | string): void {
    const { value, list, map } = this.handles
    if (kind === 'removePair') {
      map.remove(mapKey)
      entry.map.delete(mapKey)
    } else if (kind === 'rewriteList') {
      list.update(entry.list.slice(1).map((item) => structuredClone(item)))
      entry.list = entry.list.slice(1)
    } else {
      expect(value.value()).toEqual(entry.value)
      expect(list.get()).toEqual(entry.list)
      expect(map.get(mapKey)).toEqual(entry.map.get(mapKey))
      expect(map.has(mapKey)).toBe(entry.map.has(mapKey))
      expect(map.size()).toBe(entry.map.size)
      expect(new Map(map.entries())).toEqual(entry.map)
    }
  }

  #changeTimer(kind: string, entry: ModelEntry, timer: ModelTimer): void {
    const service = timersOf(this.backend, timer.kind)
    entry.timers = entry.timers.filter((other) => !isSame(other, timer))
    if (kind === 'register') {
      service.register(timer.timestampMs, timer.namespace)
      entry.timers.push(timer)
    } else service.remove(timer.timestampMs, timer.namespace)
  }

  /** What a fired timer does depends on its namespace: nothing, clearing, mutating, a timer later on. */
  #advance(kind: TimerKind, until: number, pieces: number): void {
    const service = timersOf(this.backend, kind)
    const result = service.advance(until, turnOf(pieces), (timestampMs, key, namespace) => {
      expect(this.backend.currentKey()).toBe(key)
      expect(timestampMs).toBe(this.#earliest(kind))
      const entry = this.model.get(key)
      const timer = entry?.timers.find((other) => isSame(other, { kind, timestampMs, namespace }))
      if (entry === undefined || timer === undefined)
        return expect.fail(`no timer ${timestampMs} ${namespace} of key ${String(key)} in the model`)
      entry.timers = entry.timers.filter((other) => other !== timer)
      if (namespace === 1) this.#clear('clearAll', entry)
      else if (namespace === 2) this.#mutate(entry, 1)
      else if (namespace === 'w') this.#write(entry, 1, 5, 0)
      else if (namespace === -1 && timestampMs < 20)
        this.#changeTimer('register', entry, { kind, timestampMs: timestampMs + 3, namespace: 0 })
      this.#forgetIfEmpty(key)
    })
    const earliest = this.#earliest(kind)
    expect(service.earliestMs()).toBe(earliest)
    if (result === 'done') expect(earliest === undefined || earliest > until).toBe(true)
    else expect(earliest !== undefined && earliest <= until).toBe(true)
  }

  #earliest(kind: TimerKind): number | undefined {
    const times = [...this.model.values()].flatMap(({ timers }) =>
      timers.filter((timer) => timer.kind === kind).map((timer) => timer.timestampMs),
    )
    return times.length === 0 ? undefined : Math.min(...times)
  }

  #forgetIfEmpty(key: Key): void {
    const entry = this.model.get(key)
    if (entry === undefined) return
    const { value, list, map, timers } = entry
    if (value === undefined && list.length === 0 && map.size === 0 && timers.length === 0) this.model.delete(key)
  }
}

/** Everything in a backend as comparable text. Fires all its timers. */
export function dumpOf(backend: KeyedStateBackend, handles: Handles): string[] {
  const lines: string[] = []
  for (const key of backend.keys()) {
    backend.setCurrentKey(key)
    lines.push(...stateLines(key, handles.value.value(), handles.list.get(), handles.map.entries()))
  }
  for (const kind of ['event', 'processing'] as const) {
    const service = timersOf(backend, kind)
    service.advance(Number.MAX_SAFE_INTEGER, NEVER_OVER, (timestampMs, key, namespace) =>
      lines.push(timerLine(key, { kind, timestampMs, namespace })),
    )
  }
  return lines.toSorted()
}

export function dumpOfModel(model: Model): string[] {
  const lines: string[] = []
  for (const [key, { value, list, map, timers }] of model) {
    lines.push(...stateLines(key, value, list, map), ...timers.map((timer) => timerLine(key, timer)))
  }
  return lines.toSorted()
}

function stateLines(
  key: Key,
  value: Item | undefined,
  list: readonly Item[],
  map: Iterable<readonly [number | string, Item]>,
): string[] {
  const lines = value === undefined ? [] : [`${nameOf(key)} value ${JSON.stringify(value)}`]
  if (list.length > 0) lines.push(`${nameOf(key)} list ${JSON.stringify(list)}`)
  const pairs = [...map].map(([pairKey, item]) => `${nameOf(pairKey)}=${JSON.stringify(item)}`)
  if (pairs.length > 0) lines.push(`${nameOf(key)} map ${pairs.join()}`)
  return lines
}

function timerLine(key: Key, { kind, timestampMs, namespace }: ModelTimer): string {
  return `${nameOf(key)} ${kind} timer ${timestampMs} ${nameOf(namespace)}`
}

function nameOf(key: Key): string {
  return `${typeof key} ${String(key)}`
}

function isSame(a: ModelTimer, b: ModelTimer): boolean {
  return a.kind === b.kind && a.timestampMs === b.timestampMs && a.namespace === b.namespace
}
