/** Parts of random jobs with two inputs: joins, coGroups, connected streams, broadcast state. */
import type { SingleOutputStreamOperator } from '../api/data-stream.ts'
import { recordType } from '../api/record-type.ts'
import type { Random } from '../base/env.ts'
import { below } from '../base/random.ts'
import { listState, mapState, valueState } from '../state/descriptors.ts'
import { type SimItem, foldOf, grouped, itemOf, mix, NO_ITEMS, plus } from './sim-random-item.ts'
import { type ItemStream, type RandomOperator, operator } from './sim-random-step.ts'
import { assignerOf, drawWindows, naiveWindows, shownWindows } from './sim-random-windows.ts'

const keyOfItem = ({ key }: SimItem): string => key

function pairOf(salt: number, left: SimItem, right: SimItem, t: number): SimItem {
  return { id: mix(mix(mix(salt, left.id), right.id), t), key: left.key, t, n: (left.n * 7 + right.n) % 100 }
}

const LEFT = 'left@'
const RIGHT = 'right@'

/** Items of two streams, so that one plain loop makes windows of both. */
function ofBoth(left: readonly SimItem[], right: readonly SimItem[]): readonly (SimItem & { readonly side: string })[] {
  return [...left.map((item) => ({ ...item, side: LEFT })), ...right.map((item) => ({ ...item, side: RIGHT }))]
}

function sideOf(items: readonly SimItem[], side: string): readonly SimItem[] {
  return items.filter((item) => 'side' in item && item.side === side)
}

export function drawWindowJoin(random: Random): RandomOperator {
  const [shape, salt] = [drawWindows(random), random.u32()]
  return operator({
    text: `join on ${shownWindows(shape)}`,
    needs: 'exact',
    inputs: 2,
    build: (first, second) =>
      first
        .join(second)
        .where(keyOfItem)
        .equalTo(keyOfItem)
        .window(assignerOf(shape))
        .apply((left, right, _key, window) => pairOf(salt, left, right, window.end - 1)),
    evaluate: (first, second) =>
      naiveWindows(shape, ofBoth(first, second)).flatMap(({ items, end }) =>
        sideOf(items, LEFT).flatMap((left) => sideOf(items, RIGHT).map((right) => pairOf(salt, left, right, end - 1))),
      ),
  })
}

export function drawCoGroup(random: Random): RandomOperator {
  const [shape, salt] = [drawWindows(random), random.u32()]
  const groupOf = (lefts: readonly SimItem[], rights: readonly SimItem[], key: string, t: number): SimItem =>
    itemOf(mix(salt, foldOf(lefts).ids), key, t, foldOf(rights))
  return operator({
    text: `coGroup on ${shownWindows(shape)}`,
    needs: 'exact',
    inputs: 2,
    build: (first, second) =>
      first
        .coGroup(second)
        .where(keyOfItem)
        .equalTo(keyOfItem)
        .window(assignerOf(shape))
        .apply<SimItem>((lefts, rights, ctx) => ctx.emit(groupOf(lefts, rights, ctx.key, ctx.window.end - 1))),
    evaluate: (first, second) =>
      naiveWindows(shape, ofBoth(first, second)).map(({ items, key, end }) =>
        groupOf(sideOf(items, LEFT), sideOf(items, RIGHT), key, end - 1),
      ),
  })
}

export function drawIntervalJoin(random: Random): RandomOperator {
  const [salt, widthMs] = [random.u32(), 2 + below(random, 1200)]
  const lowerMs = below(random, 2000) - 1000
  const upperMs = lowerMs + widthMs
  const [isLowerOut, isUpperOut] = [below(random, 3) === 0, below(random, 3) === 0]
  const isPair = (left: SimItem, right: SimItem): boolean => {
    const apart = right.t - left.t
    const isAbove = isLowerOut ? apart > lowerMs : apart >= lowerMs
    const isBelow = isUpperOut ? apart < upperMs : apart <= upperMs
    return left.key === right.key && isAbove && isBelow
  }
  return operator({
    text: `intervalJoin ${isLowerOut ? '(' : '['}${lowerMs} ms, ${upperMs} ms${isUpperOut ? ')' : ']'}`,
    needs: 'exact',
    inputs: 2,
    build: (first, second) => {
      const joined = first
        .keyBy(keyOfItem)
        .intervalJoin(second.keyBy(keyOfItem))
        .between(`${lowerMs}ms`, `${upperMs}ms`)
      const lower = isLowerOut ? joined.lowerBoundExclusive() : joined
      const bounded = isUpperOut ? lower.upperBoundExclusive() : lower
      return bounded.apply((left, right) => pairOf(salt, left, right, Math.max(left.t, right.t)))
    },
    evaluate: (first, second) =>
      first.flatMap((left) =>
        second
          .filter((right) => isPair(left, right))
          .map((right) => pairOf(salt, left, right, Math.max(left.t, right.t))),
      ),
  })
}

/** Both streams share the states of a key and a stretch of time; a timer at its end looks at them. */
export function drawConnect(random: Random): RandomOperator {
  const [salt, sizeMs] = [random.u32(), 100 + below(random, 2000)]
  const bucketOf = ({ key, t }: SimItem): string => `${key}@${Math.floor(t / sizeMs)}`
  const endOf = ({ t }: SimItem): number => (Math.floor(t / sizeMs) + 1) * sizeMs - 1
  const resultOf = (bucket: string, t: number, [lefts, rights]: readonly [number, number]): SimItem =>
    itemOf(salt, bucket.slice(0, bucket.indexOf('@')), t, { ids: mix(lefts, rights), n: (lefts + rights) % 100 })
  const sumOf = (items: readonly SimItem[]): number => items.reduce((sum, { n }) => sum + n, 0)
  return operator({
    text: `connect by key, process per ${sizeMs} ms`,
    needs: 'exact',
    inputs: 2,
    build: (first, second) =>
      first
        .keyBy(bucketOf)
        .connect(second.keyBy(bucketOf))
        .process({
          emits: recordType<SimItem>(),
          state: { left: valueState<number>('left', 0), right: listState<number>('right') },
          onFirst(item, ctx) {
            ctx.state.left.update(ctx.state.left.value() + item.n)
            ctx.registerEventTimeTimer(endOf(item))
          },
          onSecond(item, ctx) {
            ctx.state.right.add(item.n)
            ctx.registerEventTimeTimer(endOf(item))
          },
          onTimer(t, ctx) {
            const rights = ctx.state.right.get().reduce((sum, n) => sum + n, 0)
            ctx.emit(resultOf(ctx.key, t, [ctx.state.left.value(), rights]))
            ctx.state.left.clear()
            ctx.state.right.clear()
          },
        }),
    evaluate: (first, second) =>
      [...grouped(ofBoth(first, second), bucketOf)].flatMap(([bucket, items]) =>
        items
          .slice(0, 1)
          .map((item) => resultOf(bucket, endOf(item), [sumOf(sideOf(items, LEFT)), sumOf(sideOf(items, RIGHT))])),
      ),
  })
}

/** Two streams without keys through one operator. */
export function drawCoMap(random: Random): RandomOperator {
  const salts = [random.u32(), random.u32()] as const
  const change = (item: SimItem, salt: number): SimItem => ({ ...item, id: mix(item.id, salt) })
  return operator({
    text: 'connect, map',
    inputs: 2,
    build: (first, second) =>
      first.connect(second).map(
        (item) => change(item, salts[0]),
        (item) => change(item, salts[1]),
      ),
    evaluate: (first, second) => [
      ...first.map((item) => change(item, salts[0])),
      ...second.map((item) => change(item, salts[1])),
    ],
  })
}

/** A timer for each record, which sees all that was broadcast up to its time: the watermark has passed both. */
export function drawBroadcast(random: Random): RandomOperator {
  const [salt, delayMs] = [random.u32(), below(random, 1000)]
  const ruleOf = ({ id, t, n }: SimItem): SimRule => ({ id, t, n })
  const resultOf = (item: SimItem, rules: readonly SimRule[]): SimItem => {
    const t = item.t + delayMs
    const known = rules.filter((rule) => rule.t <= t).reduce(plus, NO_ITEMS)
    return itemOf(mix(salt, item.id), item.key, t, known)
  }
  return operator({
    text: `keyBy, connect broadcast, look ${delayMs} ms behind each record`,
    needs: 'exact',
    inputs: 2,
    build: (first, second) => buildBroadcast({ delayMs, ruleOf, resultOf }, first, second),
    evaluate(first, second) {
      const rules = [...new Map(second.map((item) => [item.id, ruleOf(item)])).values()]
      return first.map((item) => resultOf(item, rules))
    },
  })
}

/** What is broadcast of an item. */
interface SimRule {
  readonly id: number
  readonly t: number
  readonly n: number
}

interface BroadcastParts {
  readonly delayMs: number
  readonly ruleOf: (item: SimItem) => SimRule
  readonly resultOf: (item: SimItem, rules: readonly SimRule[]) => SimItem
}

function buildBroadcast(
  { delayMs, ruleOf, resultOf }: BroadcastParts,
  first: ItemStream,
  second: ItemStream,
): SingleOutputStreamOperator<SimItem> {
  return first
    .keyBy(keyOfItem)
    .connect(second.broadcast({ rules: mapState<number, SimRule>('rules') }))
    .process({
      emits: recordType<SimItem>(),
      state: { waiting: mapState<number, SimItem[]>('waiting') },
      onRecord(item, ctx) {
        const t = item.t + delayMs
        ctx.state.waiting.put(t, [...(ctx.state.waiting.get(t) ?? []), item])
        ctx.registerEventTimeTimer(t)
      },
      onBroadcast(item, ctx) {
        ctx.broadcastState.rules.put(item.id, ruleOf(item))
      },
      onTimer(t, ctx) {
        const rules = [...ctx.broadcastState.rules.entries()].map(([, rule]) => rule)
        for (const item of ctx.state.waiting.get(t) ?? []) ctx.emit(resultOf(item, rules))
        ctx.state.waiting.remove(t)
      },
    })
}
