import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SilenceWatch, silenceLimits } from './heartbeat.ts'
import { acknowledgeHeartbeat, isLeaseOver, sendHeartbeat, startLease } from './lease.ts'

test('an acknowledgement extends the lease from when its heartbeat was sent, not from when it came', () => {
  const lease = acknowledgeHeartbeat(sendHeartbeat(startLease(4000, 0), 1000), 1, 3000)
  expect(lease.untilMs).toBe(5000)
  expect(isLeaseOver(lease, 4999)).toBe(false)
  expect(isLeaseOver(lease, 5000)).toBe(true)
})

test('a lease that is over is not extended by an acknowledgement that comes late', () => {
  const sent = sendHeartbeat(startLease(4000, 0), 3000)
  expect(acknowledgeHeartbeat(sent, 1, 4000)).toBe(sent)
})

test('unknown and repeated acknowledgements change nothing', () => {
  const sent = sendHeartbeat(startLease(4000, 0), 1000)
  expect(acknowledgeHeartbeat(sent, 7, 1500)).toBe(sent)
  const acknowledged = acknowledgeHeartbeat(sent, 1, 1500)
  expect(acknowledgeHeartbeat(acknowledged, 1, 1600)).toBe(acknowledged)
})

test('heartbeats that nobody answers are forgotten when they could not help any more', () => {
  let lease = startLease(4000, 0)
  for (let beat = 1; beat <= 100; beat++) lease = sendHeartbeat(lease, beat * 1000)
  expect(lease.sent.length).toBeLessThanOrEqual(4)
})

test('whatever is delayed or lost, the lease ends before the other side has seen silence for its timeout', () => {
  const timeoutMs = 5000
  const leaseMs = 4000
  const beats = fc.array(
    fc.record({
      gapMs: fc.integer({ min: 1, max: 3000 }),
      wayMs: fc.integer({ min: 0, max: 2000 }),
      isLost: fc.boolean(),
    }),
  )
  fc.assert(
    fc.property(beats, (sent) => {
      let lease = startLease(leaseMs, 0)
      let nowMs = 0
      let heardMs = 0
      const answers: { readonly atMs: number; readonly seq: number }[] = []
      for (const { gapMs, wayMs, isLost } of sent) {
        nowMs += gapMs
        for (const { atMs, seq } of answers.splice(0)) {
          if (atMs <= nowMs) lease = acknowledgeHeartbeat(lease, seq, atMs)
          else answers.push({ atMs, seq })
        }
        if (isLeaseOver(lease, nowMs)) break
        lease = sendHeartbeat(lease, nowMs)
        if (isLost) continue
        heardMs = Math.max(heardMs, nowMs + wayMs)
        answers.push({ atMs: nowMs + 2 * wayMs, seq: lease.seq })
      }
      expect(lease.untilMs).toBeLessThan(heardMs + timeoutMs)
    }),
  )
})

test('silence is told when it has lasted for the timeout', () => {
  const watch = new SilenceWatch(silenceLimits(5000), 0)
  for (let ms = 500; ms < 5000; ms += 500) expect(watch.look(ms)).toBeUndefined()
  expect(watch.look(5000)).toBe(5000)
})

test('whoever is heard of is not silent', () => {
  const watch = new SilenceWatch(silenceLimits(5000), 0)
  for (let ms = 500; ms <= 20_000; ms += 500) {
    watch.heard(ms - 1)
    expect(watch.look(ms)).toBeUndefined()
  }
})

test('time in which the listener itself stood still is no silence of the other side', () => {
  const watch = new SilenceWatch(silenceLimits(5000), 0)
  expect(watch.look(500)).toBeUndefined()
  expect(watch.look(60_000)).toBeUndefined()
  for (let ms = 60_500; ms < 63_500; ms += 500) expect(watch.look(ms)).toBeUndefined()
  expect(watch.look(63_500)).toBe(5000)
})
