import { expect, test } from 'vitest'
import { OwnVitals, WatchedVitals, createVitals } from './vitals.ts'

const NS_PER_S = 1_000_000_000n

test('without a TaskManager the lease never ends', () => {
  expect(new OwnVitals(createVitals()).mayCommit()).toBe(true)
})

test('a slot may commit until the end of the lease that the main thread has written', () => {
  const vitals = createVitals()
  const own = new OwnVitals(vitals)
  const watched = new WatchedVitals(vitals)
  watched.leaseUntil(process.hrtime.bigint() + 60n * NS_PER_S)
  expect(own.mayCommit()).toBe(true)
  watched.leaseUntil(process.hrtime.bigint())
  expect(own.mayCommit()).toBe(false)
  watched.leaseUntil(0n)
  expect(own.mayCommit()).toBe(false)
})
