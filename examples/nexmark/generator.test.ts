import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { NexmarkGenerator } from './generator.ts'
import type { NexmarkEvent } from './model.ts'

const RATE = 10_000
const KNOWN = readFileSync(new URL('./first-events.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
const LETTERS = { person: 'P', auction: 'A', bid: 'B' } as const

/** As the lines of first-events.txt are written. */
function lineOf(id: number, event: NexmarkEvent): string {
  const { kind, ...fields } = event
  return `${id} ${[LETTERS[kind], ...Object.values(fields)].join('|')}`
}

test('the first events are those of the definition, to the letter', () => {
  const generator = new NexmarkGenerator(RATE)
  expect(KNOWN.map((_, id) => lineOf(id, generator.event(id)))).toEqual(KNOWN)
})

test('an event does not depend on which ones were made before it', () => {
  const forwards = new NexmarkGenerator(RATE)
  const backwards = new NexmarkGenerator(RATE)
  const ids = Array.from({ length: 1000 }, (_, index) => 4_294_966_800 + index)
  const one = ids.map((id) => lineOf(id, forwards.event(id)))
  const other = ids.toReversed().map((id) => lineOf(id, backwards.event(id)))
  expect(other.toReversed()).toEqual(one)
})

test('of fifty events one is a person, three are auctions and the others bids, and no time goes back', () => {
  const generator = new NexmarkGenerator(RATE)
  const counts = { person: 0, auction: 0, bid: 0 }
  let lastMs = 0
  for (let id = 0; id < 5000; id++) {
    const { kind, dateTime } = generator.event(id)
    counts[kind]++
    expect(dateTime).toBeGreaterThanOrEqual(lastMs)
    lastMs = dateTime
  }
  expect(counts).toEqual({ person: 100, auction: 300, bid: 4600 })
})
