/** Keyed process functions of random jobs: every kind of state, with and without a time to live, and timers. */
import type { SingleOutputStreamOperator } from '../api/data-stream.ts'
import { recordType } from '../api/record-type.ts'
import type { Random } from '../base/env.ts'
import { below } from '../base/random.ts'
import { aggregatingState, listState, mapState, reducingState, valueState } from '../state/descriptors.ts'
import type { StateOptions } from '../state/descriptors.ts'
import { type SimItem, grouped, hashOf, mix } from './sim-random-item.ts'
import { type ItemStream, type RandomOperator, operator } from './sim-random-step.ts'

/**
 * Keys are a key and a stretch of time, so that what a timer behind that stretch sees does not depend on what else has come. The time to
 * live is no shorter than the stretch: nothing expires between two records of one key.
 */
interface BucketParts {
  readonly salt: number
  readonly sizeMs: number
  /** Timers come so long behind the end of the stretch; the second one so much later, unless there is none. */
  readonly delayMs: number
  readonly secondMs: number | undefined
  readonly ttlMs: number | undefined
  readonly refresh: 'on-create-and-write' | 'on-read-and-write'
}

interface Mean {
  readonly sum: number
  readonly count: number
}

/** Everything that the states of a key show. */
interface Shown {
  readonly count: number
  readonly ids: readonly number[]
  readonly amounts: readonly (readonly [slot: number, amount: number])[]
  readonly sum: number | undefined
  readonly mean: number | undefined
}

const SLOTS = 3

export function drawBuckets(random: Random): RandomOperator {
  const sizeMs = 200 + below(random, 2500)
  const ttlMs = below(random, 3) === 0 ? undefined : sizeMs + below(random, 1500)
  const parts: BucketParts = {
    salt: random.u32(),
    sizeMs,
    ttlMs,
    delayMs: below(random, (ttlMs ?? sizeMs) + 200),
    secondMs: below(random, 2) === 0 ? undefined : 1 + below(random, ttlMs ?? sizeMs),
    refresh: below(random, 2) === 0 ? 'on-create-and-write' : 'on-read-and-write',
  }
  const timers = `timers ${parts.delayMs} ms${parts.secondMs === undefined ? '' : ` and ${parts.secondMs} ms more`} behind`
  const ttl = ttlMs === undefined ? '' : `, time to live ${ttlMs} ms ${parts.refresh}`
  return operator({
    text: `keyBy, process per ${sizeMs} ms, ${timers}${ttl}`,
    needs: 'exact',
    build: (stream) => buildBuckets(parts, stream),
    evaluate: (items) =>
      [...grouped(items, (item) => bucketOf(parts, item)).values()].flatMap((own) => naive(parts, own)),
  })
}

function bucketOf({ sizeMs }: BucketParts, { key, t }: SimItem): string {
  return `${key}@${Math.floor(t / sizeMs)}`
}

function firstTimer({ sizeMs, delayMs }: BucketParts, t: number): number {
  return (Math.floor(t / sizeMs) + 1) * sizeMs - 1 + delayMs
}

function statesOf({ ttlMs, refresh }: BucketParts) {
  const options: StateOptions = ttlMs === undefined ? {} : { ttl: { after: `${ttlMs}ms`, time: 'event', refresh } }
  return {
    count: valueState<number>('count', 0, options),
    ids: listState<number>('ids', options),
    amounts: mapState<number, number>('amounts', options),
    sum: reducingState<number>('sum', (a, b) => a + b, options),
    mean: aggregatingState<number, Mean, number>(
      'mean',
      {
        createAccumulator: () => ({ sum: 0, count: 0 }),
        add: (n, { sum, count }) => ({ sum: sum + n, count: count + 1 }),
        getResult: ({ sum, count }) => Math.floor((sum * 1000) / count),
      },
      options,
    ),
  }
}

function buildBuckets(parts: BucketParts, stream: ItemStream): SingleOutputStreamOperator<SimItem> {
  const { secondMs, salt } = parts
  return stream
    .keyBy((item) => bucketOf(parts, item))
    .process({
      emits: recordType<SimItem>(),
      state: statesOf(parts),
      onRecord(item, ctx) {
        const { count, ids, amounts, sum, mean } = ctx.state
        const slot = item.id % SLOTS
        count.update(count.value() + 1)
        ids.add(item.id)
        amounts.put(slot, (amounts.get(slot) ?? 0) + item.n)
        sum.add(item.n)
        mean.add(item.n)
        const first = firstTimer(parts, item.t)
        ctx.registerEventTimeTimer(first)
        if (secondMs !== undefined) ctx.registerEventTimeTimer(first + secondMs)
        // It comes at some time or never, and changes nothing.
        if (slot === 0) ctx.registerProcessingTimeTimer(ctx.processingTimeMs() + 10)
      },
      onTimer(t, ctx) {
        if (ctx.timeDomain === 'processing') return
        const { count, ids, amounts, sum, mean } = ctx.state
        const shown: Shown = {
          count: count.value(),
          ids: ids.get(),
          amounts: [...amounts.entries()],
          sum: sum.get(),
          mean: mean.get(),
        }
        ctx.emit(resultOf(salt, ctx.key, { t, shown }))
        if (secondMs !== undefined && isLast(shown)) ctx.deleteEventTimeTimer(t + secondMs)
      },
    })
}

/** A first timer that sees this deletes the second one. */
function isLast({ count }: Shown): boolean {
  return count % 4 === 3
}

function resultOf(salt: number, bucket: string, { t, shown }: { readonly t: number; readonly shown: Shown }): SimItem {
  const amounts = shown.amounts.reduce((sum, [slot, amount]) => sum + mix(slot, amount), 0) >>> 0
  const ids = shown.ids.reduce((sum, id) => (sum + id) >>> 0, 0)
  const rest = mix(mix(shown.sum ?? -1, shown.mean ?? -1), mix(shown.count, hashOf(bucket)))
  const id = mix(mix(mix(salt, amounts), ids), mix(rest, t))
  return { id, key: bucket.slice(0, bucket.indexOf('@')), t, n: (shown.sum ?? 0) % 100 }
}

/** What the timers of one key give. */
function naive(parts: BucketParts, items: readonly SimItem[]): readonly SimItem[] {
  const { salt, secondMs, ttlMs, refresh } = parts
  const [item] = items
  if (item === undefined) return []
  const bucket = bucketOf(parts, item)
  const first = firstTimer(parts, item.t)
  const livesUntil = (usedMs: number): number => (ttlMs === undefined ? Infinity : usedMs + ttlMs)
  const shown = shownOf(items, (usedMs) => first < livesUntil(usedMs))
  const results = [resultOf(salt, bucket, { t: first, shown })]
  if (secondMs === undefined || isLast(shown)) return results
  const second = first + secondMs
  // What the first timer read counts from there.
  const usedMs = (knownMs: number): number => (refresh === 'on-read-and-write' ? first : knownMs)
  const left = shownOf(items, (known) => first < livesUntil(known) && second < livesUntil(usedMs(known)))
  return [...results, resultOf(salt, bucket, { t: second, shown: left })]
}

function shownOf(items: readonly SimItem[], isThere: (usedMs: number) => boolean): Shown {
  const slots = grouped(items, ({ id }) => id % SLOTS)
  const sumOf = (own: readonly SimItem[]): number => own.reduce((sum, { n }) => sum + n, 0)
  const lastOf = (own: readonly SimItem[]): number => Math.max(...own.map(({ t }) => t))
  const isWhole = isThere(lastOf(items))
  return {
    count: isWhole ? items.length : 0,
    ids: items.filter(({ t }) => isThere(t)).map(({ id }) => id),
    amounts: [...slots].filter(([, own]) => isThere(lastOf(own))).map(([slot, own]) => [slot, sumOf(own)] as const),
    sum: isWhole ? sumOf(items) : undefined,
    mean: isWhole ? Math.floor((sumOf(items) * 1000) / items.length) : undefined,
  }
}
