import { expect, test } from 'vitest'
import { BaseOperator } from '../operators/base-operator.ts'
import { keyedProcessOperator } from '../operators/keyed-process.ts'
import type { OperatorContext, OperatorSpec } from '../operators/operator.ts'
import { listState } from '../state/descriptors.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Advance, Turn } from '../state/turn.ts'
import { testOperator } from './operator-harness.ts'
import { endOfInput, processingTime, record, watermark } from './operator-script.ts'

const differs = (way: string) => ({ code: 'SIM1001', message: expect.stringContaining(way) })
const keyBy = (key: string): string => key

function specOf(create: () => BaseOperator): OperatorSpec {
  return { kind: 'test', keyed: false, stateful: true, layout: null, create }
}

class Counting extends BaseOperator {
  protected context: OperatorContext | undefined
  protected count = 0

  override open(context: OperatorContext): void {
    this.context = context
    const restored = context.restored?.[0]?.items[0]
    if (typeof restored === 'number') this.count = restored
  }

  override onRecord(_value: unknown, timestamp: number): void {
    this.count++
    this.context?.output.onRecord(this.count, timestamp)
  }
}

class Saving extends Counting {
  override async snapshot(): Promise<OperatorStateItems> {
    return [{ name: 'count', mode: 'split', items: [this.count] }]
  }
}

test('the output of an operator that keeps what it counts in its state is the same in every way', async () => {
  const output = await testOperator(
    specOf(() => new Saving()),
    [record('x', 1), watermark(1), record('y', 2), endOfInput()],
    { notRescaledBecause: 'each subtask counts for itself' },
  )
  expect(output.values).toEqual([1, 2])
})

test('an operator without keys whose output depends on the number of subtasks is found out', async () => {
  const script = [record('x', 1), record('y', 2), record('z', 3)]
  await expect(
    testOperator(
      specOf(() => new Saving()),
      script,
    ),
  ).rejects.toMatchObject(differs('rescaled'))
})

test('an operator with keys is never excused from rescaling', async () => {
  const keyed = keyedProcessOperator({ keySelector: keyBy, state: {}, onRecord() {} })
  await expect(testOperator(keyed, [], { keyBy, notRescaledBecause: 'it is slow' })).rejects.toMatchObject({
    message: expect.stringContaining('at any parallelism'),
  })
})

test('an operator that forgets on restore is found out', async () => {
  await expect(
    testOperator(
      specOf(() => new Counting()),
      [record('x', 1), record('y', 2)],
    ),
  ).rejects.toMatchObject(differs('restore'))
})

test('an operator that begins anew when its turn ended is found out', async () => {
  class BeginningAnew extends Counting {
    #wasCut = false
    override onWatermark(_watermark: number, turn: Turn): Advance {
      this.context?.output.onRecord('begin', 0)
      if (this.#wasCut || !(turn.isOver() || turn.isOver())) return 'done'
      this.#wasCut = true
      return 'more'
    }
  }
  await expect(
    testOperator(
      specOf(() => new BeginningAnew()),
      [watermark(1)],
    ),
  ).rejects.toMatchObject(differs('blocked output'))
})

test('an operator that changes a record behind its receiver is found out', async () => {
  const shared = { count: 0 }
  class Sharing extends Counting {
    override onRecord(_value: unknown, timestamp: number): void {
      shared.count++
      this.context?.output.onRecord(shared, timestamp)
    }
  }
  await expect(
    testOperator(
      specOf(() => new Sharing()),
      [record('x', 1), record('y', 2)],
    ),
  ).rejects.toMatchObject({
    code: 'SIM1001',
    message: expect.stringContaining('changed a record after it emitted it'),
  })
})

test('state that is kept beside the backend is found out', async () => {
  const seen = new Map<object, number>()
  const leaking = keyedProcessOperator({
    keySelector: keyBy,
    state: {},
    onRecord(_key: string, ctx) {
      seen.set(ctx, (seen.get(ctx) ?? 0) + 1)
      ctx.emit(seen.get(ctx))
    },
  })
  await expect(testOperator(leaking, [record('a', 1), record('a', 2)], { keyBy })).rejects.toMatchObject(
    differs('restore'),
  )
})

test('keys are spread over several instances in the rescaled run', async () => {
  const places = new Set<object>()
  const placed = keyedProcessOperator({
    keySelector: keyBy,
    state: { seen: listState<string>('seen') },
    onRecord(key: string, ctx) {
      places.add(ctx)
      ctx.state.seen.add(key)
      ctx.emit(ctx.state.seen.get().length)
    },
  })
  const keys = Array.from({ length: 30 }, (_, index) => `key-${index % 10}`)
  const output = await testOperator(
    placed,
    keys.map((key, index) => record(key, index)),
    { keyBy },
  )
  expect(output.values).toEqual(keys.map((_, index) => Math.floor(index / 10) + 1))
  // plain and blocked: 1 each; restored: 30 new and the first; rescaled: 2, 3 and 1, of which none is without keys
  expect(places.size).toBe(2 + 31 + 6)
  expect(output.keysLeft).toBe(10)
})

test('a keyed operator cannot be tested without its key', async () => {
  const keyed = keyedProcessOperator({ keySelector: keyBy, state: {}, onRecord() {} })
  await expect(testOperator(keyed, [])).rejects.toMatchObject({ message: expect.stringContaining('pass keyBy') })
})

test.each([watermark(10), processingTime(10)])(
  'a timer that registers itself for its own moment is found out, by %o',
  async (step) => {
    const endless = keyedProcessOperator({
      keySelector: keyBy,
      state: {},
      onRecord(_value, ctx) {
        ctx.registerEventTimeTimer(5)
        ctx.registerProcessingTimeTimer(5)
      },
      onTimer(timestampMs, ctx) {
        if (ctx.timeDomain === 'event') ctx.registerEventTimeTimer(timestampMs)
        else ctx.registerProcessingTimeTimer(timestampMs)
      },
    })
    await expect(testOperator(endless, [record('a', 1), step], { keyBy })).rejects.toMatchObject(
      differs('does not come to rest'),
    )
  },
)
