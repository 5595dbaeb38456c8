/** Parts of random jobs that look at one record at a time: functions, side outputs, copies for every subtask, asynchronous requests. */
import { AsyncDataStream } from '../api/async-data-stream.ts'
import { recordType } from '../api/record-type.ts'
import type { Random, Timers } from '../base/env.ts'
import { below } from '../base/random.ts'
import { AsyncRetryStrategies } from '../operators/async-retry.ts'
import { outputTag } from '../operators/output-tag.ts'
import { valueState } from '../state/descriptors.ts'
import { type SimItem, keyOf, mix } from './sim-random-item.ts'
import { type RandomOperator, SIDE, operator } from './sim-random-step.ts'

export function drawMap(random: Random): RandomOperator {
  const [salt, keyCount] = [random.u32(), below(random, 3) === 0 ? 0 : 1 + below(random, 7)]
  const change = (item: SimItem): SimItem => {
    const id = mix(item.id, salt)
    return { ...item, id, n: (item.n * 3) % 100, key: keyCount === 0 ? item.key : keyOf(mix(id, salt), keyCount) }
  }
  return operator({
    text: keyCount === 0 ? 'map' : `map to ${keyCount} keys`,
    routing: 'any',
    build: (stream) => stream.map(change),
    evaluate: (items) => items.map(change),
  })
}

export function drawFilter(random: Random): RandomOperator {
  const [salt, share] = [random.u32(), 2 + below(random, 3)]
  const isKept = ({ id }: SimItem): boolean => mix(id, salt) % share > 0
  return operator({
    text: `filter ${share - 1} of ${share}`,
    routing: 'any',
    build: (stream) => stream.filter(isKept),
    evaluate: (items) => items.filter(isKept),
  })
}

export function drawFlatMap(random: Random): RandomOperator {
  const salt = random.u32()
  const copies = (item: SimItem): SimItem[] =>
    Array.from({ length: mix(item.id, salt) % 3 }, (_, copy) => ({ ...item, id: mix(item.id, salt + copy) }))
  return operator({
    text: 'flatMap to 0 to 2',
    routing: 'any',
    build: (stream) =>
      stream.flatMap<SimItem>((item, out) => {
        for (const copy of copies(item)) out(copy)
      }),
    evaluate: (items) => items.flatMap(copies),
  })
}

/** A process function that sets some records aside. */
export function drawSplit(random: Random): RandomOperator {
  const [salt, tag] = [random.u32(), outputTag<SimItem>(SIDE)]
  const isMain = ({ id }: SimItem): boolean => mix(id, salt) % 3 > 0
  return operator({
    text: 'process, a third to the side',
    routing: 'any',
    hasSide: true,
    build: (stream) =>
      stream.process({
        emits: recordType<SimItem>(),
        onRecord(item, ctx) {
          if (isMain(item)) ctx.emit(item)
          else ctx.sideOutput(tag, item)
        },
      }),
    evaluate: (items) => ({ main: items.filter(isMain), side: items.filter((item) => !isMain(item)) }),
  })
}

/** Every subtask gets every record; behind it each is there once again. */
export function drawCopies(): RandomOperator {
  return operator({
    text: 'broadcast, map, first of each id',
    build: (stream, _second, { put }) =>
      put(stream.broadcast().map((item) => item))
        .keyBy(({ id }) => id)
        .process({
          emits: recordType<SimItem>(),
          state: { isKnown: valueState<boolean>('isKnown', false) },
          onRecord(item, ctx) {
            if (ctx.state.isKnown.value()) return
            ctx.state.isKnown.update(true)
            ctx.emit(item)
          },
        }),
    evaluate: (items) => [...new Map(items.map((item) => [item.id, item])).values()],
  })
}

/** Requests that take different times, of which some fail at first and some have no result. */
export function drawAsync(random: Random): RandomOperator {
  const [salt, latencyMs, capacity] = [random.u32(), 1 + below(random, 40), 1 + below(random, 8)]
  const order = below(random, 2) === 0 ? 'orderedWait' : 'unorderedWait'
  const isWithoutResult = (id: number): boolean => mix(id, salt) % 7 === 0
  const answer = (item: SimItem): SimItem => ({ ...item, id: mix(item.id, salt) })
  const request = (timers: Timers, item: SimItem, attempt: number): Promise<SimItem | undefined> =>
    new Promise((resolve, reject) => {
      const draw = mix(item.id, salt + attempt)
      timers.after(draw % latencyMs, () => {
        if (attempt === 1 && draw % 5 === 0) reject(new TypeError('the first try fails'))
        else resolve(isWithoutResult(item.id) ? undefined : answer(item))
      })
    })
  return operator({
    text: `${order}, up to ${latencyMs} ms, capacity ${capacity}`,
    routing: 'any',
    build: (stream, _second, { timers }) =>
      AsyncDataStream[order]<SimItem, SimItem>(stream, (item, { attempt }) => request(timers, item, attempt), {
        timeout: '1h',
        capacity,
        retry: AsyncRetryStrategies.fixedDelay({ attempts: 2, delay: '5ms' }),
      }),
    evaluate: (items) => items.filter(({ id }) => !isWithoutResult(id)).map(answer),
  })
}
