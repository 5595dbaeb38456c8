import { expect, test } from 'vitest'
import { operatorUid, subtaskIndex } from '../base/ids.ts'
import { seededRandom } from '../base/random.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import type { SourceWatermark } from '../stream/source-watermark.ts'
import { type AlignmentEvent, type AlignmentState, NO_ALIGNMENT, stepAlignment } from './watermark-alignment.ts'

/** One line per event: `source joins group drift parallelism`, `source.subtask 12 | idle | ended`, `source tick`, `source leaves`. */
function eventOf(line: string): AlignmentEvent {
  const [who = '', what = '', ...rest] = line.split(' ')
  const [name = '', subtask = '0'] = who.split('.')
  const source = operatorUid(name)
  if (what === 'tick') return { kind: 'tick', source }
  if (what === 'leaves') return { kind: 'left', source }
  if (what !== 'joins')
    return { kind: 'reported', source, subtask: subtaskIndex(Number(subtask)), progress: progressOf(what) }
  const [group = '', drift, parallelism] = rest
  return {
    kind: 'joined',
    member: { source, group, maxDriftMs: Number(drift), parallelism: Number(parallelism) },
  }
}

function progressOf(text: string): SourceWatermark {
  return text === 'idle' || text === 'ended' ? { kind: text } : { kind: 'active', watermark: Number(text) }
}

function limitText(watermarkMax: number): string {
  if (watermarkMax === MAX_WATERMARK) return 'none'
  return watermarkMax < MIN_WATERMARK / 2 ? `begin+${watermarkMax - MIN_WATERMARK}` : `${watermarkMax}`
}

/** Each event, and what is told behind it. */
function transcript(script: string): string[] {
  let state: AlignmentState = NO_ALIGNMENT
  return script
    .trim()
    .split('\n')
    .map((line) => {
      const event = line.trim()
      const next = stepAlignment(state, eventOf(event))
      state = next.state
      const told = next.announcements.map(({ source, watermarkMax }) => ` → ${source} ${limitText(watermarkMax)}`)
      return event + told.join('')
    })
}

test('the limit of a source is the smallest watermark of its group plus its own drift', () => {
  expect(
    transcript(`
      a joins g 10 1
      b joins g 100 2
      a.0 50
      b.0 70
      b.1 60
      a.0 80
      a tick
      b tick
      a tick
    `),
  ).toEqual([
    'a joins g 10 1',
    'b joins g 100 2',
    'a.0 50',
    'b.0 70',
    'b.1 60 → a 60 → b 150',
    'a.0 80',
    'a tick → a 70',
    'b tick → b 160',
    'a tick',
  ])
})

test('a subtask that has not reported yet holds the group at the beginning of time', () => {
  expect(
    transcript(`
      a joins g 10 2
      a.0 50
      a tick
      a.1 20
    `),
  ).toEqual(['a joins g 10 2', 'a.0 50', 'a tick → a begin+10', 'a.1 20 → a 30'])
})

test('idle and ended subtasks are left out, and come back with their next watermark', () => {
  expect(
    transcript(`
      a joins g 10 1
      b joins g 10 1
      a.0 100
      b.0 5
      b.0 idle
      a tick
      b.0 90
      a tick
      b.0 ended
      a tick
      a.0 ended
      a tick
    `),
  ).toEqual([
    'a joins g 10 1',
    'b joins g 10 1',
    'a.0 100',
    'b.0 5 → a 15 → b 15',
    'b.0 idle',
    'a tick → a 110',
    'b.0 90',
    'a tick → a 100',
    'b.0 ended',
    'a tick → a 110',
    'a.0 ended',
    'a tick → a none',
  ])
})

test('groups know nothing of each other', () => {
  expect(
    transcript(`
      a joins g 10 1
      b joins h 10 1
      b.0 500
      a.0 5
    `),
  ).toEqual(['a joins g 10 1', 'b joins h 10 1', 'b.0 500 → b 510', 'a.0 5 → a 15'])
})

test('a source that is away holds the others where it was, and at the beginning when it is back until it reports', () => {
  expect(
    transcript(`
      a joins g 10 1
      b joins g 10 1
      a.0 40
      b.0 30
      b leaves
      b.0 35
      a.0 50
      a tick
      b joins g 10 1
      a tick
      b.0 25
    `),
  ).toEqual([
    'a joins g 10 1',
    'b joins g 10 1',
    'a.0 40',
    'b.0 30 → a 40 → b 40',
    'b leaves',
    'b.0 35',
    'a.0 50',
    'a tick',
    'b joins g 10 1',
    'a tick → a begin+10',
    'b.0 25 → a 35 → b 35',
  ])
})

test('a source that comes back with fewer readers forgets the others', () => {
  expect(
    transcript(`
      a joins g 10 2
      a.0 40
      a.1 5
      a leaves
      a joins g 10 1
      a.0 30
      a.1 5
    `),
  ).toEqual(['a joins g 10 2', 'a.0 40', 'a.1 5 → a 15', 'a leaves', 'a joins g 10 1', 'a.0 30 → a 40', 'a.1 5'])
})

test('the slowest active subtask is never above its limit, whatever happens', () => {
  const seed = Number(process.env['SEED'] ?? 7)
  const random = seededRandom(seed)
  for (let run = 0; run < 200; run++) {
    let state: AlignmentState = NO_ALIGNMENT
    const told = new Map<string, number>()
    const at = new Map<string, number>()
    const apply = (line: string): void => {
      const next = stepAlignment(state, eventOf(line))
      state = next.state
      for (const { source, watermarkMax } of next.announcements) told.set(source, watermarkMax)
    }
    const pick = (count: number): number => Math.floor(random.fraction() * count)
    for (const source of ['a', 'b', 'c']) apply(`${source} joins g ${1 + pick(20)} 2`)
    for (let step = 0; step < 60; step++) {
      const source = ['a', 'b', 'c'][pick(3)] ?? 'a'
      const who = `${source}.${pick(2)}`
      const watermark = (at.get(who) ?? 0) + pick(30)
      at.set(who, watermark)
      apply(`${who} ${watermark}`)
      for (const each of ['a', 'b', 'c']) apply(`${each} tick`)
      if (at.size < 6) continue
      const [slowest, least] = [...at].reduce((low, entry) => (entry[1] < low[1] ? entry : low))
      expect(told.get(slowest.slice(0, 1)), `SEED=${seed}, run ${run}, step ${step}`).toBeGreaterThan(least)
    }
  }
})
