import { expect, test } from 'vitest'
import { seededRandom } from '../base/random.ts'
import { LiveBuffer, type LiveItem } from './live-source.ts'

test('a buffer that is never empty gives what came in order, and counts what waits', () => {
  const random = seededRandom(5)
  const buffer = new LiveBuffer<number, LiveItem<number>>()
  let added = 0
  let taken = 0
  for (let turn = 0; turn < 200; turn++) {
    for (let n = Math.floor(random.fraction() * 100); n > 0; n--) buffer.add({ record: added++ }, 10)
    for (let n = Math.floor(random.fraction() * 100); n > 0 && buffer.size > 1; n--)
      expect(buffer.take()).toEqual({ record: taken++ })
    expect([buffer.size, buffer.bytes]).toEqual([added - taken, (added - taken) * 10])
  }
  expect(taken).toBeGreaterThan(5000)
})
