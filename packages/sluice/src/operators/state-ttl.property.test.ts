/** States with a time to live against plain maps in which everything is looked at anew each time. A failure prints its seed and the shrunken script. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { listState, mapState, reducingState, valueState, type StateOptions } from '../state/descriptors.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, processingTime, record, watermark, type ScriptStep } from '../testing/operator-script.ts'
import { keyedProcessOperator } from './keyed-process.ts'
import type { OperatorSpec } from './operator.ts'

const COMMANDS = [
  'value',
  'set',
  'unset',
  'list',
  'add',
  'replace',
  'get',
  'has',
  'put',
  'remove',
  'entries',
  'size',
  'sum',
  'plus',
] as const
type Command = (typeof COMMANDS)[number]

interface Order {
  readonly key: string
  readonly command: Command
  readonly id: number
  /** When it is done again by a timer, counted from the record. */
  readonly againInMs: number | undefined
}

type Input =
  | { readonly order: Order; readonly ts: number }
  | { readonly watermark: number }
  | { readonly wallMs: number }

interface Setting {
  readonly afterMs: number
  readonly time: 'processing' | 'event'
  readonly refresh: 'on-create-and-write' | 'on-read-and-write'
  readonly incrementally: number | 'off'
}

const keyBy = ({ key }: Order): string => key
const PLACES = 3

function operatorOf({ afterMs, time, refresh, incrementally }: Setting): OperatorSpec {
  const options: StateOptions = { ttl: { after: `${afterMs}ms`, time, refresh, cleanup: { incrementally } } }
  return keyedProcessOperator({
    keySelector: keyBy,
    state: {
      value: valueState<number>('value', -1, options),
      list: listState<number>('list', options),
      map: mapState<number, number>('map', options),
      sum: reducingState<number>('sum', (a, b) => a + b, options),
      waiting: mapState<number, Order>('waiting'),
    },
    onRecord(order: Order, ctx) {
      ctx.emit(`${order.key} ${order.id} ${order.command} ${obey(order, ctx.state)}`)
      if (order.againInMs === undefined) return
      const at = Math.max(ctx.timestamp, ctx.currentWatermark()) + order.againInMs
      ctx.state.waiting.put(at, order)
      ctx.registerEventTimeTimer(at)
    },
    onTimer(at, ctx) {
      const order = ctx.state.waiting.get(at)
      if (order === undefined) return
      ctx.state.waiting.remove(at)
      ctx.emit(`${order.key} ${order.id} again ${order.command} ${obey(order, ctx.state)}`)
    },
  })
}

interface Handles {
  readonly value: { value(): number; update(value: number): void; clear(): void }
  readonly list: { get(): readonly number[]; add(value: number): void; update(values: readonly number[]): void }
  readonly map: {
    get(key: number): number | undefined
    has(key: number): boolean
    put(key: number, value: number): void
    remove(key: number): void
    entries(): Iterable<readonly [number, number]>
    size(): number
  }
  readonly sum: { get(): number | undefined; add(value: number): void }
}

/** The same for the engine's states and for the plain ones. */
function obey({ command, id }: Order, { value, list, map, sum }: Handles): string {
  switch (command) {
    case 'value':
      return `${value.value()}`
    case 'set':
      value.update(id)
      return ''
    case 'unset':
      value.clear()
      return ''
    case 'list':
      return list.get().join(',')
    case 'add':
      list.add(id)
      return ''
    case 'replace':
      list.update([...list.get().slice(-1), id])
      return ''
    case 'get':
      return `${map.get(id % PLACES)}`
    case 'has':
      return `${map.has(id % PLACES)}`
    case 'put':
      map.put(id % PLACES, id)
      return ''
    case 'remove':
      map.remove(id % PLACES)
      return ''
    case 'entries':
      return [...map.entries()].flat().join(',')
    case 'size':
      return `${map.size()}`
    case 'sum':
      return `${sum.get()}`
    case 'plus':
      sum.add(id)
      return ''
  }
}

interface Stamped {
  readonly value: number
  used: number
}

/** Time as the plain states see it. */
interface PlainTime {
  nowMs: number
  useMs: number
}

/** A place of a state: forgotten when it is looked at too late. */
class PlainPlaces {
  readonly #setting: Setting
  readonly #time: PlainTime
  #held: (Stamped & { readonly at: number })[] = []

  constructor(setting: Setting, time: PlainTime) {
    this.#setting = setting
    this.#time = time
  }

  live(): readonly (Stamped & { readonly at: number })[] {
    this.#held = this.#held.filter(({ used }) => used > this.#time.nowMs - this.#setting.afterMs)
    return this.#held
  }

  read(): readonly (Stamped & { readonly at: number })[] {
    const live = this.live()
    for (const one of live) this.use(one)
    return live
  }

  use(one: Stamped): void {
    if (this.#setting.refresh === 'on-read-and-write') one.used = Math.max(one.used, this.#time.useMs)
  }

  at(at: number): (Stamped & { readonly at: number }) | undefined {
    return this.live().find((one) => one.at === at)
  }

  put(at: number, value: number): void {
    const known = this.at(at)
    const one = { at, value, used: Math.max(known?.used ?? MIN_WATERMARK, this.#time.useMs) }
    this.#held = known === undefined ? [...this.#held, one] : this.#held.map((other) => (other === known ? one : other))
  }

  append(value: number): void {
    this.#held = [...this.#held, { at: Number.NaN, value, used: this.#time.useMs }]
  }

  remove(at: number): void {
    this.#held = this.#held.filter((one) => one.at !== at)
  }

  clear(): void {
    this.#held = []
  }
}

function plainHandles(setting: Setting, time: PlainTime): Handles {
  const [value, list, map, sum] = [0, 0, 0, 0].map(() => new PlainPlaces(setting, time)) as [
    PlainPlaces,
    PlainPlaces,
    PlainPlaces,
    PlainPlaces,
  ]
  const readAt = (places: PlainPlaces, at: number): number | undefined => {
    const one = places.at(at)
    if (one !== undefined) places.use(one)
    return one?.value
  }
  return {
    value: { value: () => readAt(value, 0) ?? -1, update: (id) => value.put(0, id), clear: () => value.clear() },
    list: {
      get: () => list.read().map((one) => one.value),
      add: (id) => list.append(id),
      update(values) {
        list.clear()
        for (const id of values) list.append(id)
      },
    },
    map: {
      get: (at) => readAt(map, at),
      has: (at) => readAt(map, at) !== undefined,
      put: (at, id) => map.put(at, id),
      remove: (at) => map.remove(at),
      entries: () => map.read().map(({ at, value: id }) => [at, id]),
      size: () => map.live().length,
    },
    sum: {
      get: () => readAt(sum, 0),
      add: (id) => sum.put(0, (readAt(sum, 0) ?? 0) + id),
    },
  }
}

function evaluate(inputs: readonly Input[], setting: Setting): string[] {
  const results: string[] = []
  const time: PlainTime = { nowMs: MIN_WATERMARK, useMs: MIN_WATERMARK }
  const keys = new Map<string, { readonly handles: Handles; readonly waiting: Map<number, Order> }>()
  const of = (key: string) => {
    const known = keys.get(key) ?? { handles: plainHandles(setting, time), waiting: new Map<number, Order>() }
    keys.set(key, known)
    return known
  }
  let [now, wallMs] = [MIN_WATERMARK, 0]
  const at = (eventMs: number, timestamp: number): void => {
    time.nowMs = setting.time === 'event' ? eventMs : wallMs
    time.useMs = setting.time === 'event' ? Math.max(eventMs, timestamp) : wallMs
  }
  for (const input of inputs) {
    if ('wallMs' in input) wallMs = input.wallMs
    else if ('order' in input) {
      const { order, ts } = input
      const { handles, waiting } = of(order.key)
      at(now, ts)
      results.push(`${order.key} ${order.id} ${order.command} ${obey(order, handles)}`)
      if (order.againInMs !== undefined) waiting.set(Math.max(ts, now) + order.againInMs, order)
    } else if (input.watermark > now) {
      const due = [...keys].flatMap(([key, { waiting }]) => [...waiting].map(([ms, order]) => ({ key, ms, order })))
      for (const { key, ms, order } of due.filter((one) => one.ms <= input.watermark).sort((a, b) => a.ms - b.ms)) {
        const { handles, waiting } = of(key)
        waiting.delete(ms)
        at(Math.max(now, ms), ms)
        results.push(`${key} ${order.id} again ${order.command} ${obey(order, handles)}`)
      }
      now = input.watermark
    }
  }
  return results
}

const inputsOf = fc
  .array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          key: fc.constantFrom('a', 'b', 'c'),
          command: fc.constantFrom(...COMMANDS),
          againInMs: fc.option(fc.integer({ min: 1, max: 15 }), { nil: undefined, freq: 3 }),
          ts: fc.integer({ min: -10, max: 40 }),
        }),
      },
      { weight: 2, arbitrary: fc.record({ watermark: fc.integer({ min: -15, max: 60 }) }) },
      { weight: 2, arbitrary: fc.record({ passedMs: fc.integer({ min: 0, max: 12 }) }) },
    ),
    { maxLength: 40, size: 'max' },
  )
  .map((steps): Input[] => {
    let wallMs = 0
    const inputs = steps.map((step, index): Input => {
      if ('passedMs' in step) return { wallMs: (wallMs += step.passedMs) }
      if ('watermark' in step) return step
      const { key, command, againInMs, ts } = step
      return { order: { key, command, againInMs, id: index }, ts }
    })
    return [...inputs, { watermark: MAX_WATERMARK }]
  })

const settingOf: fc.Arbitrary<Setting> = fc.record({
  afterMs: fc.integer({ min: 1, max: 20 }),
  time: fc.constantFrom('processing' as const, 'event' as const),
  refresh: fc.constantFrom('on-create-and-write' as const, 'on-read-and-write' as const),
  incrementally: fc.constantFrom('off' as const, 1, 5),
})

function stepOf(input: Input): ScriptStep {
  if ('order' in input) return record(input.order, input.ts)
  if ('wallMs' in input) return processingTime(input.wallMs)
  return input.watermark === MAX_WATERMARK ? endOfInput() : watermark(input.watermark)
}

test('states forget what plain maps forget, in records and timers, whatever is cleaned up and restored meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(inputsOf, settingOf, async (inputs, setting) => {
      const output = await testOperator(operatorOf(setting), inputs.map(stepOf), { keyBy })
      const ofKey = (values: readonly string[], key: string): string[] => values.filter((text) => text.startsWith(key))
      const found = output.values.map(String)
      const expected = evaluate(inputs, setting)
      for (const key of ['a', 'b', 'c']) expect(ofKey(found, key)).toEqual(ofKey(expected, key))
    }),
    { numRuns: 400 },
  )
})
