/**
 * How long a TaskManager may go on without its leader. Pure: time comes in; all moments are monotonic milliseconds of one clock.
 * docs/spec/control.md, "The lease".
 *
 * L1 A lease ends `leaseMs` after the newest acknowledged message was *sent*: whoever waits for that message counts from a later moment.
 * L2 A lease that is over never holds again.
 * L3 Heartbeats whose answer could not extend the lease any more are forgotten: what is remembered is bounded.
 */

export interface Lease {
  readonly leaseMs: number
  readonly untilMs: number
  /** Number of the newest heartbeat. */
  readonly seq: number
  /** Heartbeats that were sent and not acknowledged, oldest first. */
  readonly sent: readonly SentHeartbeat[]
}

interface SentHeartbeat {
  readonly seq: number
  readonly sentMs: number
}

/** @param sentMs when `register` was sent, which `registered` acknowledges */
export function startLease(leaseMs: number, sentMs: number): Lease {
  return { leaseMs, untilMs: sentMs + leaseMs, seq: 0, sent: [] }
}

/** The lease with one more heartbeat on its way: its number is `seq`. */
export function sendHeartbeat(lease: Lease, nowMs: number): Lease {
  const seq = lease.seq + 1
  const useful = lease.sent.filter(({ sentMs }) => nowMs < sentMs + lease.leaseMs) // L3
  return { ...lease, seq, sent: [...useful, { seq, sentMs: nowMs }] }
}

/** An answer to a heartbeat that is not waited for changes nothing. */
export function acknowledgeHeartbeat(lease: Lease, seq: number, nowMs: number): Lease {
  const acknowledged = lease.sent.find((heartbeat) => heartbeat.seq === seq)
  if (acknowledged === undefined || isLeaseOver(lease, nowMs)) return lease // L2
  const untilMs = Math.max(lease.untilMs, acknowledged.sentMs + lease.leaseMs)
  return { ...lease, untilMs, sent: lease.sent.filter((heartbeat) => heartbeat.seq > seq) }
}

export function isLeaseOver(lease: Lease, nowMs: number): boolean {
  return nowMs >= lease.untilMs
}
