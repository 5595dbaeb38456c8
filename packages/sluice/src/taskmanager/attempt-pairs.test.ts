import { expect, test } from 'vitest'
import { allocationId, attemptNumber, leaderEpoch, slotIndex } from '../base/ids.ts'
import type { SlotDeployment } from '../control/messages.ts'
import { AttemptPairs } from './attempt-pairs.ts'

interface Deployed {
  readonly attempt?: number
  readonly slots?: readonly number[]
  readonly peers?: readonly number[]
}

function deployment(slot: number, { attempt = 0, slots = [0, 1, 2], peers = [] }: Deployed = {}): SlotDeployment {
  return {
    epoch: leaderEpoch(1),
    attempt: attemptNumber(attempt),
    slot: slotIndex(slot),
    slotCount: slots.length,
    layoutHash: 'layout',
    tasks: [],
    placement: { source: slots.map(slotIndex), sink: slots.map(slotIndex) },
    peers: peers.map((peer) => ({
      slot: slotIndex(peer),
      allocation: allocationId(`a-${peer}`),
      address: { host: 'there', port: 1 },
    })),
  }
}

function pairs() {
  const closed: string[] = []
  let made = 0
  const attempts = new AttemptPairs<string>({
    make: () => {
      made++
      return [`${made}a`, `${made}b`]
    },
    close: (end) => void closed.push(end),
  })
  return { attempts, closed, take: (of: SlotDeployment) => Object.fromEntries(attempts.take(of)) }
}

test('each pair of slots of an attempt gets the two ends of one path', () => {
  const { take } = pairs()
  expect(take(deployment(0))).toEqual({ 1: '1a', 2: '2a' })
  expect(take(deployment(2))).toEqual({ 0: '2b', 1: '3a' })
  expect(take(deployment(1))).toEqual({ 0: '1b', 2: '3b' })
})

test('slots of other processes, and slots that take no part, get none', () => {
  const { take } = pairs()
  expect(take(deployment(0, { peers: [2] }))).toEqual({ 1: '1a' })
  expect(take(deployment(0, { attempt: 1, slots: [0] }))).toEqual({})
})

test('attempts that are deployed side by side do not share paths', () => {
  const { take } = pairs()
  const slots = [0, 1]
  expect(take(deployment(0, { attempt: 1, slots }))).toEqual({ 1: '1a' })
  expect(take(deployment(0, { attempt: 2, slots }))).toEqual({ 1: '2a' })
  expect(take(deployment(1, { attempt: 2, slots }))).toEqual({ 0: '2b' })
  expect(take(deployment(1, { attempt: 1, slots }))).toEqual({ 0: '1b' })
})

test('ends that nobody took are closed when they are old, and in the end', () => {
  const { take, closed, attempts } = pairs()
  for (let attempt = 0; attempt < 20; attempt++) take(deployment(0, { attempt, slots: [0, 1] }))
  expect(closed).toEqual(['1b', '2b', '3b', '4b'])
  attempts.close()
  attempts.close()
  expect(closed).toHaveLength(20)
})
