import { expect, test } from 'vitest'
import { createManualEnv } from './manual-env.ts'

test('timers fire in order of their moment and registration, and the clock shows that moment', () => {
  const env = createManualEnv({ wallMs: 1000 })
  const fired: string[] = []
  const note = (name: string) => () => void fired.push(`${name}@${env.clock.wallMs()}`)
  env.timers.after(20, note('b'))
  env.timers.after(10, note('a'))
  env.timers.after(20, note('c'))
  env.timers.after(15, note('never')).cancel()
  env.advance(9)
  expect(fired).toEqual([])
  env.advance(91)
  expect(fired).toEqual(['a@1010', 'b@1020', 'c@1020'])
  expect(env.clock.monotonicMs()).toBe(100)
})

test('a timer of no delay fires only when the clock is advanced or settled', async () => {
  const env = createManualEnv()
  let fired = 0
  env.timers.after(0, () => void fired++)
  expect(fired).toBe(0)
  await env.settle()
  expect(fired).toBe(1)
})

test('settle runs turns and promise reactions until nothing is left', async () => {
  const env = createManualEnv()
  const seen: string[] = []
  env.turns.next(() => {
    seen.push('turn')
    void Promise.resolve().then(() => env.turns.next(() => seen.push('turn after promise')))
  })
  expect(seen).toEqual([])
  await env.settle()
  expect(seen).toEqual(['turn', 'turn after promise'])
})

test('advancing with settle lets promise reactions see the moment of their timer', async () => {
  const env = createManualEnv({ wallMs: 0 })
  const seen: number[] = []
  env.timers.after(5, () => void Promise.resolve().then(() => seen.push(env.clock.wallMs())))
  env.timers.after(7, () => void Promise.resolve().then(() => seen.push(env.clock.wallMs())))
  await env.advanceAndSettle(100)
  expect(seen).toEqual([5, 7])
})

test('a jump of the wall clock fires nothing and leaves the monotonic clock', () => {
  const env = createManualEnv({ wallMs: 0 })
  env.timers.after(5, () => expect.unreachable())
  env.jumpWall(1000)
  expect([env.clock.wallMs(), env.clock.monotonicMs(), env.nextTimerInMs()]).toEqual([1000, 0, 5])
})
