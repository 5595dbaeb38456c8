import { describe, expect, test } from 'vitest'
import { mapState, valueState } from '../state/descriptors.ts'
import { MAX_WATERMARK } from '../stream/element.ts'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, processingTime, record, watermark, type ScriptStep } from '../testing/operator-script.ts'
import { CountEvictor, type Evictor } from './evictors.ts'
import type { OperatorSpec } from './operator.ts'
import { reduceAggregate } from './reduce-aggregate.ts'
import {
  ContinuousEventTimeTrigger,
  CountTrigger,
  customTrigger,
  DeltaTrigger,
  EventTimeTrigger,
  ProcessingTimeTrigger,
  PurgingTrigger,
  type Trigger,
} from './triggers.ts'
import {
  EventTimeSessionWindows,
  GlobalWindows,
  ProcessingTimeSessionWindows,
  TumblingEventTimeWindows,
  TumblingProcessingTimeWindows,
  type CustomWindowAssigner,
  type WindowAssigner,
} from './window-assigners.ts'
import type { ProcessWindowContext, TimeWindow, WindowProcess } from './window-definition.ts'
import type { StateDeclarations } from './user-states.ts'
import { windowOperator } from './windows.ts'

interface Reading {
  readonly sensor: string
  readonly value: number
}

const keyBy = (reading: Reading): string => reading.sensor
const at = (timestamp: number, value = 1, sensor = 'a'): ScriptStep => record({ sensor, value }, timestamp)
const arriving = (value = 1, sensor = 'a'): ScriptStep => record({ sensor, value })
const tenMs = TumblingEventTimeWindows.of('10ms')
const shown = (key: string, { start, end }: TimeWindow, values: readonly number[]): string =>
  `${key} [${start}, ${end}) ${values.join(' ')}`

type NoStates = Readonly<Record<string, never>>

/** Emits the values of the window as a text. */
const listing: WindowProcess<readonly Reading[], string, NoStates, NoStates, string> = {
  process: (key, readings, ctx) =>
    ctx.emit(
      shown(
        key,
        ctx.window,
        readings.map(({ value }) => value),
      ),
    ),
}

interface Options {
  readonly trigger?: Trigger<Reading>
  readonly evictor?: Evictor<Reading>
  readonly allowedLatenessMs?: number
  readonly lateTag?: string
}

function lists(assigner: WindowAssigner<Reading>, options: Options = {}): OperatorSpec {
  return windowOperator({ keySelector: keyBy, assigner, process: listing, ...options })
}

function processing<S extends StateDeclarations, W extends StateDeclarations>(
  assigner: WindowAssigner<Reading>,
  process: WindowProcess<readonly Reading[], string, S, W, unknown>,
  options: Options = {},
): OperatorSpec {
  return windowOperator({ keySelector: keyBy, assigner, process, ...options })
}

const run = async (spec: OperatorSpec, script: readonly ScriptStep[]) => await testOperator(spec, script, { keyBy })

describe('functions over all records of a window', () => {
  test('get them in order of arrival, and what they emit is stamped with the last millisecond', async () => {
    const output = await run(lists(tenMs), [at(5, 1), at(3, 2), at(12, 3), watermark(9), watermark(19)])
    expect(output.records).toEqual([
      { value: 'a [0, 10) 1 2', timestamp: 9 },
      { value: 'a [10, 20) 3', timestamp: 19 },
    ])
    expect(output.keysLeft).toBe(0)
  })

  test('keep state per key and per window, and the last goes with the window', async () => {
    const spec = processing(
      tenMs,
      {
        state: { windows: valueState<number>('windows', 0) },
        windowState: { firings: valueState<number>('firings', 0), seen: mapState<number, number>('seen') },
        process(key, readings, ctx) {
          ctx.state.windows.update(ctx.state.windows.value() + 1)
          ctx.windowState.firings.update(ctx.windowState.firings.value() + 1)
          for (const { value } of readings) ctx.windowState.seen.put(value, readings.length)
          ctx.emit([key, ctx.state.windows.value(), ctx.windowState.firings.value(), ctx.windowState.seen.size()])
        },
      },
      { allowedLatenessMs: 10 },
    )
    const script = [at(1, 1), at(2, 2), watermark(9), at(3, 3), at(11, 4), watermark(19), watermark(29)]
    const output = await run(spec, script)
    expect(output.values).toEqual([
      ['a', 1, 1, 2],
      ['a', 2, 2, 3],
      ['a', 3, 1, 1],
    ])
    expect(output.keysLeft).toBe(1) // the state of the key
  })

  test('are told when a window goes, and may clear the state of the key then', async () => {
    const spec = processing(tenMs, {
      state: { open: valueState<number>('open', 0) },
      windowState: { size: valueState<number>('size', 0) },
      process(_key, readings, ctx) {
        ctx.windowState.size.update(readings.length)
        ctx.state.open.update(ctx.state.open.value() + 1)
      },
      clear(ctx) {
        expect(ctx.windowState.size.value()).toBe(2)
        expect(ctx.window).toEqual({ start: 0, end: 10 })
        ctx.state.open.clear()
      },
    })
    expect((await run(spec, [at(1), at(2), watermark(9)])).keysLeft).toBe(0)
  })

  test('write to side outputs and know the watermark and the wall time', async () => {
    const spec = processing(tenMs, {
      process(key, _readings, ctx) {
        ctx.sideOutput('times', [key, ctx.key, ctx.currentWatermark(), ctx.processingTimeMs()])
      },
    })
    const output = await run(spec, [at(1), processingTime(100), watermark(12)])
    expect(output.sideOutput('times')).toEqual([{ value: ['a', 'a', 12, 100], timestamp: 9 }])
  })

  test('may keep the list that they are given: what comes later is not in it', async () => {
    const spec = processing(tenMs, { process: (_key, readings, ctx) => ctx.emit(readings) }, { allowedLatenessMs: 5 })
    const output = await run(spec, [at(1, 1), watermark(9), at(2, 2), watermark(14)])
    expect(output.values.map((list) => (list as Reading[]).length)).toEqual([1, 2])
  })

  test('also get what records were aggregated to', async () => {
    const spec = windowOperator({
      keySelector: keyBy,
      assigner: tenMs,
      aggregate: {
        createAccumulator: () => 0,
        add: ({ value }: Reading, sum: number) => sum + value,
        getResult: (sum: number) => ({ sum }),
      },
      process: {
        state: { total: valueState<number>('total', 0) },
        process(_key: string, { sum }: { sum: number }, ctx) {
          ctx.state.total.update(ctx.state.total.value() + sum)
          ctx.emit(`${ctx.window.start} ${sum} of ${ctx.state.total.value()}`)
        },
      },
    })
    const output = await run(spec, [at(1, 1), at(2, 2), at(11, 4), endOfInput()])
    expect(output.values).toEqual(['0 3 of 3', '10 4 of 7'])
  })
})

describe('global windows', () => {
  test('give a result at every so many records when they are counted', async () => {
    const counted = lists(GlobalWindows.create(), { trigger: PurgingTrigger.of(CountTrigger.of(2)) })
    const output = await run(counted, [arriving(1), arriving(2), arriving(3), arriving(9, 'b'), arriving(4)])
    const window = `[${Number.MIN_SAFE_INTEGER}, ${MAX_WATERMARK})`
    expect(output.records).toEqual([
      { value: `a ${window} 1 2`, timestamp: MAX_WATERMARK },
      { value: `a ${window} 3 4`, timestamp: MAX_WATERMARK },
    ])
    expect(output.keysLeft).toBe(1) // of b; a holds nothing
  })

  test('slide over the last records with an evictor', async () => {
    const spec = lists(GlobalWindows.create(), { trigger: CountTrigger.of(2), evictor: CountEvictor.of(3) })
    const output = await run(
      spec,
      [1, 2, 3, 4, 5, 6].map((value) => arriving(value)),
    )
    expect(output.values.map((text) => String(text).split(') ')[1])).toEqual(['1 2', '2 3 4', '4 5 6'])
  })

  test('give one result at the end of the stream, and are gone', async () => {
    const spec = lists(GlobalWindows.createWithEndOfStreamTrigger())
    const output = await run(spec, [at(1, 1), watermark(50), at(2, 2), at(3, 3, 'b'), endOfInput()])
    expect(output.values.map((text) => String(text).split(') ')[1])).toEqual(['1 2', '3'])
    expect(output.keysLeft).toBe(0)
  })

  test('never fire by themselves', async () => {
    expect((await run(lists(GlobalWindows.create()), [at(1), endOfInput()])).values).toEqual([])
  })

  test('with a trigger for each interval end with the input', async () => {
    const spec = lists(GlobalWindows.create(), { trigger: ContinuousEventTimeTrigger.of('10ms') })
    const output = await run(spec, [at(3, 1), watermark(10), at(12, 2), watermark(25), endOfInput()])
    expect(output.values.map((text) => String(text).split(') ')[1])).toEqual(['1', '1 2', '1 2', '1 2'])
  })
})

describe('windows of processing time', () => {
  test('take records by their arrival, and fire when their last millisecond is over', async () => {
    const spec = lists(TumblingProcessingTimeWindows.of('10ms'))
    const script = [
      processingTime(3),
      arriving(1),
      processingTime(9),
      arriving(2),
      processingTime(10),
      arriving(3),
      processingTime(20),
    ]
    const output = await run(spec, script)
    expect(output.records).toEqual([
      { value: 'a [0, 10) 1 2', timestamp: 9 },
      { value: 'a [10, 20) 3', timestamp: 19 },
    ])
    expect(output.keysLeft).toBe(0)
  })

  test('know no late record, whatever the watermark', async () => {
    const output = await run(lists(TumblingProcessingTimeWindows.of('10ms')), [
      watermark(1000),
      at(1),
      processingTime(10),
    ])
    expect(output.values).toEqual(['a [0, 10) 1'])
    expect(output.counters).toEqual({})
  })

  test('can be sessions', async () => {
    const spec = lists(ProcessingTimeSessionWindows.withGap('10ms'))
    const output = await run(spec, [
      arriving(1),
      processingTime(8),
      arriving(2),
      processingTime(17),
      processingTime(18),
    ])
    expect(output.values).toEqual(['a [0, 18) 1 2'])
  })
})

describe('sessions', () => {
  test('with gaps of their own join when a record comes between them', async () => {
    const spec = lists(EventTimeSessionWindows.withDynamicGap(({ value }: Reading) => value))
    const output = await run(spec, [at(0, 5), at(20, 6), at(4, 16), watermark(25), endOfInput()])
    expect(output.records).toEqual([{ value: 'a [0, 26) 5 6 16', timestamp: 25 }])
    expect(output.keysLeft).toBe(0)
  })

  test('that were purged still take the records that touch them', async () => {
    const spec = lists(EventTimeSessionWindows.withGap('10ms'), {
      trigger: PurgingTrigger.of(EventTimeTrigger.create()),
      allowedLatenessMs: 20,
    })
    const output = await run(spec, [at(0, 1), watermark(9), at(5, 2), watermark(14), watermark(40)])
    expect(output.values).toEqual(['a [0, 10) 1', 'a [0, 15) 2'])
    expect(output.keysLeft).toBe(0)
  })

  test('join what they hold in order of their starts', async () => {
    const spec = windowOperator({
      keySelector: keyBy,
      assigner: EventTimeSessionWindows.withGap('10ms'),
      trigger: CountTrigger.of(3),
      aggregate: reduceAggregate((first: Reading, next: Reading) => ({
        ...first,
        value: first.value * 10 + next.value,
      })),
      resultOf: (_key, _window, { value }) => value,
    })
    expect((await run(spec, [at(30, 2), at(12, 1), at(21, 3)])).values).toEqual([123])
  })
})

describe('assigners of the user', () => {
  const pair: CustomWindowAssigner<Reading> = {
    kind: 'custom',
    name: 'pair',
    isEventTime: true,
    assignWindows: ({ value }, timestamp) =>
      value === 0
        ? []
        : [
            { start: timestamp - 1, end: timestamp + 1 },
            { start: timestamp, end: timestamp + value },
          ],
  }

  test('put a record into any windows, or into none, which is counted', async () => {
    const output = await run(lists(pair), [at(5, 3), at(5, 0), endOfInput()])
    expect(output.values).toEqual(['a [4, 6) 3', 'a [5, 8) 3'])
    expect(output.counters).toEqual({ recordsOutsideWindows: 1 })
  })

  test('bring a trigger of their own', async () => {
    const spec = lists({ ...pair, defaultTrigger: CountTrigger.of(1) })
    expect((await run(spec, [at(5, 3)])).values).toEqual(['a [4, 6) 3', 'a [5, 8) 3'])
  })

  test.each([
    ['no array', () => undefined],
    ['an end before the start', () => [{ start: 5, end: 5 }]],
    ['a bound that is no whole number', () => [{ start: 0.5, end: 3 }]],
    ['no window', () => [null]],
  ])('that return %s fail the record, with operator and assigner', async (_name, assignWindows) => {
    const wrong = { ...pair, assignWindows: assignWindows as unknown as typeof pair.assignWindows }
    await expect(run(lists(wrong), [at(5, 3)])).rejects.toMatchObject({
      code: 'TSK1001',
      message: expect.stringContaining('assignWindows function of assigner "pair" of operator "operator" returned'),
      context: { operator: 'operator', subtask: 0 },
    })
  })

  test('that throw, or gaps that are none, fail the record', async () => {
    const broken = { ...pair, assignWindows: () => failing() }
    await expect(run(lists(broken), [at(5)])).rejects.toMatchObject({ code: 'TSK1001' })
    for (const gap of [0, -1, 0.5, Number.NaN, 1e20]) {
      const spec = lists(EventTimeSessionWindows.withDynamicGap(() => gap))
      await expect(run(spec, [at(5)])).rejects.toMatchObject({
        code: 'TSK1001',
        message: expect.stringContaining(`returned ${gap}`),
      })
    }
  })
})

describe('triggers of the user', () => {
  const purgeNext = customTrigger({
    name: 'purge-next',
    state: { last: valueState<number>('last') },
    onElement({ value }: Reading, timestamp, window, ctx) {
      ctx.state.last.update(value)
      ctx.registerProcessingTimeTimer(50)
      ctx.registerEventTimeTimer(timestamp + 1)
      ctx.deleteEventTimeTimer(window.end - 1)
      return value === 0 ? 'purge' : 'continue'
    },
    onEventTime: (_timestampMs, _window, ctx) => (ctx.state.last.value() === 2 ? 'fire' : 'continue'),
    onProcessingTime: () => 'fire-and-purge',
  })

  test('decide at records and timers, purge, and cannot keep a window from going', async () => {
    const spec = lists(tenMs, { trigger: purgeNext })
    const output = await run(spec, [
      at(1, 1),
      at(2, 0),
      at(6, 2),
      watermark(7),
      at(5, 7),
      processingTime(51),
      watermark(9),
    ])
    // at 2, 3 and 7, while the last value is 2; then by the clock
    expect(output.values).toEqual([...Array(3).fill('a [0, 10) 2'), 'a [0, 10) 2 7'])
    expect(output.keysLeft).toBe(0)
  })

  test('that leave timers behind do not bring a window back', async () => {
    const spec = lists(tenMs, { trigger: purgeNext })
    const output = await run(spec, [at(3, 2), watermark(20), processingTime(60)])
    expect(output.values).toEqual(['a [0, 10) 2', 'a [0, 10) 2'])
    expect(output.keysLeft).toBe(0)
  })

  test.each(['onElement', 'onEventTime', 'clear'] as const)('whose %s throws fail with its name', async (name) => {
    const broken = customTrigger({
      name: 'broken',
      onElement: (_value: Reading, timestamp, _window, ctx) => {
        ctx.registerEventTimeTimer(timestamp)
        return 'continue'
      },
      [name]: failing,
    })
    await expect(run(lists(tenMs, { trigger: broken }), [at(1), endOfInput()])).rejects.toMatchObject({
      code: 'TSK1001',
      message: expect.stringContaining(`the ${name} function of trigger "broken" of operator "operator" threw: boom.`),
      context: { operator: 'operator', subtask: 0 },
    })
  })

  test('that decide nothing fail with what they may return', async () => {
    const undecided = customTrigger({ name: 'undecided', onElement: () => undefined as unknown as 'continue' })
    await expect(run(lists(tenMs, { trigger: undecided }), [at(1)])).rejects.toMatchObject({
      code: 'TSK1001',
      message: expect.stringContaining("Return 'continue', 'fire', 'purge' or 'fire-and-purge'"),
    })
  })

  test('cannot join a value without saying how', async () => {
    const joining = customTrigger({
      name: 'joining',
      state: { last: valueState<number>('last') },
      onElement({ value }: Reading, _timestamp, _window, ctx) {
        ctx.state.last.update(value)
        return 'continue'
      },
      onMerge: (_window, ctx) => ctx.mergeState('last'),
    })
    const spec = lists(EventTimeSessionWindows.withGap('10ms'), { trigger: joining })
    await expect(run(spec, [at(0), at(15), at(8)])).rejects.toMatchObject({
      code: 'TSK1001',
      message: expect.stringContaining('"last", which is value state'),
    })
  })

  test('for each interval of event time need timestamps', async () => {
    const spec = lists(GlobalWindows.create(), { trigger: ContinuousEventTimeTrigger.of('10ms') })
    await expect(run(spec, [arriving()])).rejects.toMatchObject({ code: 'TIM1001' })
  })
})

describe('evictors of the user', () => {
  test('say which records stay, before and behind the function', async () => {
    const evictor: Evictor<Reading> = {
      kind: 'custom',
      name: 'own',
      evictBefore: (elements) => elements.filter(({ value }) => value.value !== 2),
      evictAfter: (elements, window, ctx) =>
        elements.filter(({ timestamp }) => timestamp > window.start && ctx.currentWatermark() < 0),
    }
    const spec = lists(tenMs, { trigger: CountTrigger.of(2), evictor })
    const output = await run(spec, [
      at(0, 1),
      at(1, 2),
      at(2, 3),
      at(3, 4),
      watermark(3),
      at(4, 5),
      at(5, 6),
      at(6, 7),
      at(7, 8),
    ])
    expect(output.values).toEqual(['a [0, 10) 1', 'a [0, 10) 3 4', 'a [0, 10) 3 4 5 6', 'a [0, 10) 7 8'])
  })

  test('leave nothing to aggregate: then there is no result', async () => {
    const spec = windowOperator({
      keySelector: keyBy,
      assigner: tenMs,
      evictor: { kind: 'custom', name: 'all', evictBefore: () => [] },
      aggregate: reduceAggregate((first: Reading) => first),
      resultOf: (_key: string, _window: TimeWindow, result: Reading) => result,
    })
    expect((await run(spec, [at(1), watermark(9)])).values).toEqual([])
  })

  test.each([
    ['evictBefore', failing, 'threw: boom. The window [1970-01-01T00:00:00.000Z'],
    ['evictAfter', () => undefined, 'returned nothing'],
  ])('whose %s fails, fail with its name', async (name, evict, message) => {
    const evictor = { kind: 'custom', name: 'own', [name]: evict } as unknown as Evictor<Reading>
    await expect(run(lists(tenMs, { evictor }), [at(1), watermark(9)])).rejects.toMatchObject({
      code: 'TSK1001',
      message: expect.stringContaining(`${name} function of evictor "own" of operator "operator" ${message}`),
    })
  })
})

describe('what goes wrong in a window function', () => {
  test.each(['process', 'clear'] as const)('that throws in %s names operator, window and key', async (name) => {
    const spec = processing(tenMs, { process: () => {}, [name]: failing })
    await expect(run(spec, [at(1), watermark(9)])).rejects.toMatchObject({
      code: 'TSK1001',
      message: expect.stringContaining(
        `the ${name} function of operator "operator" threw: boom. The window [1970-01-01T00:00:00.000Z, 1970-01-01T00:00:00.010Z) of key "a"`,
      ),
    })
  })

  test('that is asynchronous is refused', async () => {
    const spec = processing(tenMs, { process: (): unknown => Promise.resolve() })
    await expect(run(spec, [at(1), watermark(9)])).rejects.toMatchObject({
      message: expect.stringContaining('promise'),
    })
  })

  test('that emits when the window goes is refused', async () => {
    const spec = processing(tenMs, {
      process: () => {},
      clear: (ctx) => (ctx as unknown as ProcessWindowContext<string, NoStates, NoStates, string>).emit('late'),
    })
    await expect(run(spec, [at(1), watermark(9)])).rejects.toMatchObject({ code: 'TSK1005' })
  })
})

describe('what does not go together is refused when the job is built', () => {
  const sessions = EventTimeSessionWindows.withGap('10ms')
  const noMerge = {
    createAccumulator: () => 0,
    add: (_reading: Reading, n: number) => n + 1,
    getResult: (n: number) => n,
  }
  const incremental = {
    keySelector: keyBy,
    aggregate: noMerge,
    resultOf: (_key: string, _window: TimeWindow, n: number) => n,
  }

  test.each([
    [
      'a delta trigger where windows merge',
      () => lists(sessions, { trigger: DeltaTrigger.of<Reading>(1, () => 0) }),
      'delta',
    ],
    [
      'a trigger without onMerge where windows merge',
      () =>
        lists(sessions, { trigger: PurgingTrigger.of(customTrigger({ name: 'own', onElement: () => 'continue' })) }),
      'purging',
    ],
    [
      'states per window where windows merge',
      () => processing(sessions, { windowState: { n: valueState<number>('n') }, process: () => {} }),
      'windowState',
    ],
    [
      'an aggregate without merge where windows merge',
      () => windowOperator({ ...incremental, assigner: sessions, trigger: CountTrigger.of(1) }),
      'merge function',
    ],
    [
      'a state per window with a time to live',
      () =>
        processing(tenMs, { windowState: { n: valueState<number>('n', undefined, { ttl: '1s' }) }, process: () => {} }),
      'time to live',
    ],
    [
      'lateness in processing time',
      () => lists(TumblingProcessingTimeWindows.of('1s'), { allowedLatenessMs: 1 }),
      'by the clock',
    ],
    ['lateness of the global window', () => lists(GlobalWindows.create(), { allowedLatenessMs: 1 }), 'never ends'],
    ['an evictor that does nothing', () => lists(tenMs, { evictor: { kind: 'custom', name: 'idle' } }), 'idle'],
    ['a count of nothing', () => CountTrigger.of(0), 'count of a count trigger'],
    ['half a record', () => CountEvictor.of(0.5), 'count of a count evictor'],
    ['a threshold that is no number', () => DeltaTrigger.of(Number.NaN, () => 0), 'threshold'],
    ['an interval of zero', () => ContinuousEventTimeTrigger.of('0s'), 'interval'],
  ])('%s', (_name, build, mentioned) => {
    expect(build).toThrow(expect.objectContaining({ code: 'GRA1005', message: expect.stringContaining(mentioned) }))
  })

  test('two states of one name', () => {
    const twice = { one: valueState<number>('n'), other: valueState<number>('n') }
    expect(() => processing(tenMs, { state: twice, process: () => {} })).toThrow(
      expect.objectContaining({ code: 'GRA1006' }),
    )
  })
})

describe('the choice of the operator', () => {
  const aggregate = reduceAggregate((first: Reading) => first)
  const definition = {
    keySelector: keyBy,
    aggregate,
    resultOf: (_key: string, _window: TimeWindow, one: Reading) => one,
  }

  test.each<[string, WindowAssigner<Reading>, Options, string]>([
    ['tumbling windows', tenMs, {}, 'window'],
    ['windows with their own default trigger named', tenMs, { trigger: EventTimeTrigger.create() }, 'window'],
    ['fixed sessions', EventTimeSessionWindows.withGap('1s'), {}, 'session-window'],
    ['windows in processing time', TumblingProcessingTimeWindows.of('1s'), {}, 'window'],
    ['another trigger', tenMs, { trigger: ProcessingTimeTrigger.create() }, 'general-window'],
    ['an evictor', tenMs, { evictor: CountEvictor.of(1) }, 'general-window'],
    ['dynamic sessions', EventTimeSessionWindows.withDynamicGap(() => 1), {}, 'general-window'],
    ['global windows', GlobalWindows.create(), {}, 'general-window'],
  ])('%s', (_name, assigner, options, kind) => {
    expect(windowOperator({ ...definition, assigner, ...options }).kind).toBe(kind)
  })

  test('what must match between a checkpoint and the job is in the layout', () => {
    const spec = lists(tenMs, { trigger: PurgingTrigger.of(CountTrigger.of(3)), evictor: CountEvictor.of(1) })
    expect(spec).toMatchObject({
      keyed: true,
      stateful: true,
      layout: {
        assigner: { kind: 'tumbling', sizeMs: 10, offsetMs: 0 },
        trigger: { kind: 'purging', trigger: { kind: 'count', maxCount: 3 } },
        evictor: { kind: 'count' },
        contents: 'elements',
        allowedLatenessMs: 0,
      },
    })
    expect(JSON.parse(JSON.stringify(spec.layout))).toEqual(spec.layout)
  })
})

function failing(): never {
  throw new Error('boom')
}
