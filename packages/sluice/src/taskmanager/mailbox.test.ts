import { expect, test } from 'vitest'
import { createManualEnv } from '../testing/manual-env.ts'
import { Mailbox } from './mailbox.ts'

function mailbox(itemsPerTurn: number, delayMs?: () => number | undefined) {
  const env = createManualEnv()
  const got: number[] = []
  const box = new Mailbox<number>({
    env,
    itemsPerTurn,
    deliver: (item) => void got.push(item),
    ...(delayMs === undefined ? {} : { delayMs }),
  })
  return { env, got, box }
}

test('what comes before a mailbox is opened is delivered first, and never inside a call', () => {
  const { env, got, box } = mailbox(Infinity)
  box.push(1)
  env.runTurns()
  expect(got).toEqual([])
  box.open()
  box.push(2)
  expect(got).toEqual([])
  env.runTurns()
  expect(got).toEqual([1, 2])
})

test('one turn delivers at most as many items as allowed, in order', () => {
  const { env, got, box } = mailbox(2)
  box.open()
  for (const item of [1, 2, 3, 4, 5]) box.push(item)
  expect(env.runTurns()).toBe(3)
  expect(got).toEqual([1, 2, 3, 4, 5])
})

test('delays that shrink do not change the order', () => {
  const delays = [30, 20, 10]
  const { env, got, box } = mailbox(1, () => delays.shift())
  box.open()
  for (const item of [1, 2, 3]) box.push(item)
  env.advance(30)
  expect(got).toEqual([1])
  env.advance(30)
  expect(got).toEqual([1, 2, 3])
})

test('a closed mailbox drops what waits and what comes', () => {
  const { env, got, box } = mailbox(1)
  box.open()
  box.push(1)
  box.push(2)
  box.close()
  box.push(3)
  env.runTurns()
  expect(got).toEqual([])
})
