import { describe, expect, test } from 'vitest'
import type { DataStream } from '../src/api/data-stream.ts'
import { defineJob, type JobDefinition } from '../src/api/define-job.ts'
import { recordType } from '../src/api/record-type.ts'
import { datagenSource } from '../src/connector/datagen-source.ts'
import { mapState, valueState } from '../src/state/descriptors.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { type Committed, committingSink } from './committing-sink.ts'
import { runInlineJob } from './inline-job.ts'
import { finishJob } from './run-job.ts'
import { committedOutput, tempFolder } from './temp-folder.ts'

const COUNT = 600
const FAILS_AT = 400
/** Of the source: record i is in split i % SPLITS. */
const SPLITS = 6

type Distribute = (numbers: DataStream<number>) => DataStream<number>

const KINDS = {
  forward: (numbers) => numbers.forward(),
  rebalance: (numbers) => numbers.rebalance(),
  rescale: (numbers) => numbers.rescale(),
  shuffle: (numbers) => numbers.shuffle(),
  broadcast: (numbers) => numbers.broadcast(),
  global: (numbers) => numbers.global(),
  custom: (numbers) => numbers.partitionCustom((value, count) => value % count),
} as const satisfies Record<string, Distribute>

type Kind = keyof typeof KINDS

interface Distributed {
  /** What each subtask of the sink committed, ascending. */
  readonly bySubtask: readonly (readonly number[])[]
  readonly restartCount: number
}

/** Numbers from one parallelism to another; a function throws once in the middle, and the job goes on from its last checkpoint. */
async function distributed(kind: Kind, producers: number, consumers: number): Promise<Distributed> {
  const committed: Committed = new Map()
  const once = failure()
  const job = defineJob('distribution', (env) => {
    const distribute: Distribute = KINDS[kind]
    const numbers = env
      .enableCheckpointing('100ms')
      .fromSource(numbersSource(), WatermarkStrategy.noWatermarks(), { uid: 'numbers', rateLimit: COUNT })
      .setParallelism(producers)
    distribute(numbers)
      .map((value) => once.check(value))
      .setParallelism(consumers)
      .sinkTo(committingSink(committed))
      .uid('out')
      .setParallelism(consumers)
  })
  const { result, events } = await runInlineJob(job)
  expect(events.filter(({ kind }) => kind === 'restored')).toHaveLength(1)
  expect(result.state, result.error?.message).toBe('finished')
  expect(once.hasThrown()).toBe(true)
  return { bySubtask: bySubtask(committed, consumers), restartCount: result.restartCount }
}

function numbersSource(): ReturnType<typeof datagenSource<number>> {
  return datagenSource({ generate: (index) => index, count: COUNT, splits: SPLITS })
}

function failure(): { check(value: number): number; hasThrown(): boolean } {
  let thrown = false
  return {
    check: (value) => {
      if (value < FAILS_AT || thrown) return value
      thrown = true
      throw new TypeError(`${value} once`)
    },
    hasThrown: () => thrown,
  }
}

/** Committables of a subtask are named `incarnation/subtask/checkpoint`. */
function bySubtask(committed: Committed, count: number): readonly (readonly number[])[] {
  return Array.from({ length: count }, (_, subtask) =>
    [...committed]
      .filter(([id]) => Number(id.split('/')[1]) === subtask)
      .flatMap(([, values]) => values)
      .toSorted((a, b) => a - b),
  )
}

const ALL = Array.from({ length: COUNT }, (_, index) => index)
/** What numbering the records of seven keys gives. */
const NUMBERED = ALL.map((index) => (Math.floor(index / 7) + 1) * 7 + (index % 7)).toSorted((a, b) => a - b)
const PARALLELISMS = [1, 2, 3]
const PAIRS = PARALLELISMS.flatMap((producers) => PARALLELISMS.map((consumers) => [producers, consumers] as const))

describe.each(PAIRS)('from %i subtasks to %i, with a failure in the middle', (producers, consumers) => {
  test.each(['rebalance', 'rescale', 'shuffle', 'global', 'custom', 'broadcast'] as const)(
    '%s brings every record where it belongs, once',
    async (kind) => {
      const { bySubtask: shares, restartCount } = await distributed(kind, producers, consumers)
      expect(restartCount).toBe(1)
      if (kind === 'broadcast') return expect(shares).toEqual(shares.map(() => ALL))
      expect(shares.flat().toSorted((a, b) => a - b)).toEqual(ALL)
      if (kind === 'global')
        expect(shares.map((share) => share.length)).toEqual([COUNT, ...shares.slice(1).map(() => 0)])
      else if (kind === 'custom')
        shares.forEach((share, at) => expect(share.every((n) => n % consumers === at)).toBe(true))
      else shares.forEach((share) => expect(share.length).toBeGreaterThan(COUNT / consumers / 2))
    },
  )
})

test.each(PARALLELISMS)('forward keeps the subtask of %i', async (parallelism) => {
  const { bySubtask: shares } = await distributed('forward', parallelism, parallelism)
  expect(shares.flat().toSorted((a, b) => a - b)).toEqual(ALL)
})

test('the same shuffle makes the same choices', async () => {
  expect(await distributed('shuffle', 2, 3)).toEqual(await distributed('shuffle', 2, 3))
})

test('a partitioner that names no subtask fails the job with the record and what to do', async () => {
  const job = defineJob('wrong-partitioner', (env) => {
    env
      .fromSource(numbersSource(), WatermarkStrategy.noWatermarks(), { uid: 'numbers' })
      .partitionCustom((value) => (value === 7 ? -1 : 0))
      .sinkTo(committingSink(new Map()))
      .uid('out')
  })
  const { result } = await runInlineJob(job)
  expect(result.error?.message).toContain(
    '[KEY1002] the partitioner in front of operator "out" returned -1 for the record 7, not a whole number from 0 to 0.',
  )
  expect(result.error?.context).toMatchObject({ operator: 'out' })
})

describe('broadcast state', () => {
  const RULES = 60
  /** Rules say how many there are now, in every subtask; numbers say how many of their key there were. */
  const ruled = (committed: Committed, producers: number, consumers: number): JobDefinition =>
    defineJob('rules', (env) => {
      const once = failure()
      const rules = env
        .enableCheckpointing('100ms')
        .fromSource(
          datagenSource({ generate: (index) => index, count: RULES, splits: SPLITS }),
          WatermarkStrategy.noWatermarks(),
          {
            uid: 'rules',
            rateLimit: RULES,
          },
        )
        .setParallelism(producers)
      env
        .fromSource(numbersSource(), WatermarkStrategy.noWatermarks(), { uid: 'numbers', rateLimit: COUNT })
        .setParallelism(producers)
        .keyBy((value) => value % 7)
        .connect(rules.broadcast({ rules: mapState<number, boolean>('rules') }))
        .process({
          emits: recordType<number>(),
          state: { n: valueState<number>('n', 0) },
          onRecord(value, ctx) {
            once.check(value)
            ctx.state.n.update(ctx.state.n.value() + 1)
            ctx.emit(ctx.state.n.value() * 7 + ctx.key)
          },
          onBroadcast(rule, ctx) {
            ctx.broadcastState.rules.put(rule, true)
            ctx.emit(-ctx.broadcastState.rules.size())
          },
        })
        .uid('ruled')
        .setParallelism(consumers)
        .sinkTo(committingSink(committed))
        .uid('out')
        .setParallelism(consumers)
    })

  test.each(PAIRS)(
    'from %i subtasks is the same in all %i, before and after a failure',
    async (producers, consumers) => {
      const committed: Committed = new Map()
      const { result, events } = await runInlineJob(ruled(committed, producers, consumers))
      expect(result.state, result.error?.message).toBe('finished')
      expect(events.filter(({ kind }) => kind === 'restored')).toHaveLength(1)
      const shares = bySubtask(committed, consumers)
      const sizes = Array.from({ length: RULES }, (_, at) => at - RULES)
      for (const share of shares) expect(share.filter((n) => n < 0)).toEqual(sizes)
      const numbered = shares.flat().filter((n) => n >= 0)
      expect(numbered.toSorted((a, b) => a - b)).toEqual(NUMBERED)
    },
  )
})

test.each([
  [2, 3],
  [3, 2],
])('the same over slot threads, %i to %i, when one of them ends in the middle', async (producers, consumers) => {
  const folder = tempFolder()
  const count = 1000
  const { result, eventsOf } = await finishJob(new URL('./jobs/distribution.ts', import.meta.url), {
    stateDir: `${folder}/state`,
    params: {
      output: `${folder}/out`,
      marker: `${folder}/happened`,
      count: String(count),
      producers: String(producers),
      consumers: String(consumers),
    },
    options: { 'restart.strategy': 'fixed-delay', 'restart.attemptsMax': '3', 'restart.delay': '10ms' },
  })
  expect(result.restartCount).toBe(1)
  expect(eventsOf('failed').map(({ failure }) => failure.error.code)).toEqual(['TSK1002'])
  for (const way of ['rebalance', 'rescale', 'shuffle', 'global', 'custom', 'broadcast']) {
    const { lines } = await committedOutput(`${folder}/out/${way}`)
    const copies = way === 'broadcast' ? consumers : 1
    const expected = Array.from({ length: count * copies }, (_, at) => JSON.stringify({ way, n: at % count }))
    expect(lines.toSorted(), way).toEqual(expected.toSorted())
  }
})

describe('slot-sharing groups', () => {
  /** Numbers each key: what is lost or repeated would show. */
  const numbered = (committed: Committed, parallelism: number): JobDefinition =>
    defineJob('groups', (env) => {
      env
        .enableCheckpointing('100ms')
        .setParallelism(parallelism)
        .fromSource(numbersSource(), WatermarkStrategy.noWatermarks(), { uid: 'numbers', rateLimit: COUNT })
        .keyBy((value) => value % 7)
        .process({
          emits: recordType<number>(),
          state: { n: valueState<number>('n', 0) },
          onRecord(_value, ctx) {
            const n = ctx.state.n.value() + 1
            ctx.state.n.update(n)
            ctx.emit(n * 7 + ctx.key)
          },
        })
        .uid('numbering')
        .slotSharingGroup('counting')
        .sinkTo(committingSink(committed))
        .uid('out')
        .slotSharingGroup('writing')
    })

  test.each(PARALLELISMS)('a slot of any group may be lost at parallelism %i', async (parallelism) => {
    for (const lost of ALL.slice(0, 3 * parallelism)) {
      const committed: Committed = new Map()
      let completed = 0
      const { result } = await runInlineJob(numbered(committed, parallelism), {
        onEvent: (event, slots) => {
          if (event.kind !== 'checkpoint-completed' || ++completed !== 3) return
          expect(slots.alive()).toHaveLength(3 * parallelism)
          const slot = slots.alive()[lost]
          if (slot !== undefined) slots.lose(slot)
        },
      })
      expect([result.state, result.restartCount]).toEqual(['finished', 1])
      expect([...committed.values()].flat().toSorted((a, b) => a - b)).toEqual(NUMBERED)
    }
  })
})
