/** Timers that register and delete timers, in both times, against a sorted set for each key. A failure prints its seed and the shrunken script. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { valueState } from '../state/descriptors.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, processingTime, record, watermark, type ScriptStep } from '../testing/operator-script.ts'
import { keyedProcessOperator } from './keyed-process.ts'

type Domain = 'event' | 'processing'

interface Change {
  readonly kind: 'register' | 'delete'
  readonly domain: Domain
  /** From the time of the timer, or from 0 for a record. */
  readonly byMs: number
}

interface Item {
  readonly key: string
  readonly changes: readonly Change[]
}

type Input = Item | { readonly watermark: number } | { readonly wallMs: number }

const KEYS = ['a', 'b', 'c']
const keyBy = ({ key }: Item): string => key
/** Fewer than this, so that every script comes to an end. */
const TIMERS_LEFT = 12

const changeOf = (byMs: fc.Arbitrary<number>): fc.Arbitrary<Change> =>
  fc.record({
    kind: fc.constantFrom('register' as const, 'register' as const, 'delete' as const),
    domain: fc.constantFrom('event' as const, 'processing' as const),
    byMs,
  })
/** What a timer at a time does: the table is part of the function, so that it is the same in every run. */
const tableOf = fc.array(fc.array(changeOf(fc.integer({ min: -6, max: 9 })), { maxLength: 3 }), {
  minLength: 1,
  maxLength: 7,
})
const inputsOf = fc
  .array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          key: fc.constantFrom(...KEYS),
          changes: fc.array(changeOf(fc.integer({ min: -10, max: 40 })), { maxLength: 4 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ watermark: fc.integer({ min: -12, max: 50 }) }) },
      { weight: 1, arbitrary: fc.record({ passedMs: fc.integer({ min: 0, max: 15 }) }) },
    ),
    { maxLength: 30, size: 'max' },
  )
  .map((steps): Input[] => {
    let wallMs = 0
    // what is due by the clock fires soon: here, before anything else comes
    const inputs = steps.flatMap((step): Input[] =>
      'passedMs' in step ? [{ wallMs: (wallMs += step.passedMs) }] : [step, { wallMs }],
    )
    return [...inputs, { watermark: MAX_WATERMARK }]
  })

function changesAt(table: readonly (readonly Change[])[], timestampMs: number): readonly Change[] {
  const { length } = table
  return table[((timestampMs % length) + length) % length] ?? []
}

/** A timer that fires does what the table says, while the key has fired few. */
function operatorOf(table: readonly (readonly Change[])[]) {
  const apply = (
    changes: readonly Change[],
    from: number,
    timers: Readonly<Record<`${Change['kind']}${'Event' | 'Processing'}TimeTimer`, (timestampMs: number) => void>>,
  ): void => {
    for (const { kind, domain, byMs } of changes) {
      timers[`${kind}${domain === 'event' ? 'Event' : 'Processing'}TimeTimer`](from + byMs)
    }
  }
  return keyedProcessOperator({
    keySelector: keyBy,
    state: { fired: valueState<number>('fired', 0) },
    onRecord: ({ changes }: Item, ctx) => apply(changes, 0, ctx),
    onTimer(timestampMs, ctx) {
      const count = ctx.state.fired.value() + 1
      ctx.state.fired.update(count)
      ctx.emit(`${ctx.key} ${ctx.timeDomain} ${timestampMs} ${ctx.currentWatermark()}`)
      if (count < TIMERS_LEFT) apply(changesAt(table, timestampMs), timestampMs, ctx)
    },
  })
}

function evaluate(inputs: readonly Input[], table: readonly (readonly Change[])[]): Map<string, string[]> {
  const keys = new Map(
    KEYS.map((key) => [
      key,
      { event: new Set<number>(), processing: new Set<number>(), fired: 0, results: [''].slice(1) },
    ]),
  )
  let [now, wallMs] = [MIN_WATERMARK, 0]
  const fireUntil = (domain: Domain, until: number): void => {
    for (const [key, timers] of keys) {
      for (;;) {
        const at = Math.min(...timers[domain])
        if (at > until) break
        timers[domain].delete(at)
        timers.fired++
        timers.results.push(`${key} ${domain} ${at} ${now}`)
        if (timers.fired >= TIMERS_LEFT) continue
        for (const change of changesAt(table, at)) {
          if (change.kind === 'register') timers[change.domain].add(at + change.byMs)
          else timers[change.domain].delete(at + change.byMs)
        }
      }
    }
  }
  for (const input of inputs) {
    if ('wallMs' in input) {
      wallMs = input.wallMs
      fireUntil('processing', wallMs)
    } else if ('key' in input) {
      for (const { kind, domain, byMs } of input.changes) {
        const timers = keys.get(input.key)?.[domain]
        if (kind === 'register') timers?.add(byMs)
        else timers?.delete(byMs)
      }
    } else if (input.watermark > now) {
      now = input.watermark
      fireUntil('event', now)
    }
  }
  return new Map([...keys].map(([key, { results }]) => [key, results]))
}

function stepOf(input: Input): ScriptStep {
  if ('key' in input) return record(input)
  if ('wallMs' in input) return processingTime(input.wallMs)
  return input.watermark === MAX_WATERMARK ? endOfInput() : watermark(input.watermark)
}

test('timers fire in order for each key, whatever timers register and delete meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(inputsOf, tableOf, async (inputs, table) => {
      const output = await testOperator(operatorOf(table), inputs.map(stepOf), { keyBy })
      const found = new Map(KEYS.map((key) => [key, output.values.map(String).filter((text) => text.startsWith(key))]))
      expect(found).toEqual(evaluate(inputs, table))
    }),
    { numRuns: 300 },
  )
})
