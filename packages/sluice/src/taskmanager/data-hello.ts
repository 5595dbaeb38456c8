/** What two slots say to each other behind the handshake, before data flows: which attempt the connection is for. docs/spec/exchange.md. */
import type { Connection, Env } from '../base/env.ts'
import { messageOf } from '../base/errors.ts'
import {
  allocationId,
  attemptNumber,
  leaderEpoch,
  slotIndex,
  type AllocationId,
  type AttemptNumber,
  type LeaderEpoch,
  type SlotIndex,
} from '../base/ids.ts'
import { NetworkError } from '../base/network-error.ts'
import { bytesToValue, valueToBytes } from '../serde/value-codec.ts'

export interface SlotHello {
  readonly epoch: LeaderEpoch
  readonly attempt: AttemptNumber
  readonly from: AllocationId
  readonly fromSlot: SlotIndex
  readonly to: AllocationId
  readonly toSlot: SlotIndex
}

/** A reason is a part of a sentence, for people. */
type HelloReply = { readonly kind: 'accepted' } | { readonly kind: 'refused'; readonly reason: string }

const REASON_CHARACTERS_MAX = 500

export function sendHello(connection: Connection, hello: SlotHello): void {
  connection.send(valueToBytes({ ...hello }))
}

export function acceptHello(connection: Connection): void {
  connection.send(valueToBytes({ kind: 'accepted' }))
}

export function refuseHello(connection: Connection, reason: string): void {
  connection.send(valueToBytes({ kind: 'refused', reason }))
  connection.close()
}

/** The first frame, within `limitMs`. Afterwards the connection has no receiver. */
export function readHello(env: Env, connection: Connection, limitMs: number): Promise<SlotHello> {
  return firstFrame(env, connection, limitMs).then(helloOf)
}

/** Resolves when the other side has accepted. Afterwards the connection has no receiver. */
export async function readReply(env: Env, connection: Connection, limitMs: number): Promise<void> {
  const reply = replyOf(await firstFrame(env, connection, limitMs))
  if (reply.kind === 'refused') throw new NetworkError('denied', `the other slot refused: ${reply.reason}`)
}

function firstFrame(env: Env, connection: Connection, limitMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const timer = env.timers.after(limitMs, () => {
      connection.receive(undefined)
      reject(new NetworkError('timeout', `nothing was said within ${limitMs} ms`))
    })
    connection.receive({
      onFrame(frame) {
        timer.cancel()
        connection.receive(undefined)
        resolve(frame)
      },
      onClosed(error) {
        timer.cancel()
        reject(error ?? new NetworkError('reset', 'the other side closed the connection'))
      },
    })
  })
}

function helloOf(bytes: Uint8Array): SlotHello {
  const { epoch, attempt, from, fromSlot, to, toSlot } = fieldsOf(bytes)
  if (!isCount(epoch) || !isCount(attempt) || !isCount(fromSlot) || !isCount(toSlot)) throw garbled()
  if (typeof from !== 'string' || typeof to !== 'string') throw garbled()
  return {
    epoch: leaderEpoch(epoch),
    attempt: attemptNumber(attempt),
    from: allocationId(from),
    fromSlot: slotIndex(fromSlot),
    to: allocationId(to),
    toSlot: slotIndex(toSlot),
  }
}

function replyOf(bytes: Uint8Array): HelloReply {
  const { kind, reason } = fieldsOf(bytes)
  if (kind === 'accepted') return { kind }
  if (kind !== 'refused' || typeof reason !== 'string') throw garbled()
  return { kind, reason: reason.slice(0, REASON_CHARACTERS_MAX) }
}

function fieldsOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value = bytesToValue(bytes)
    if (typeof value === 'object' && value !== null) return { ...value }
  } catch (error) {
    throw garbled(messageOf(error))
  }
  throw garbled()
}

function garbled(detail = 'a field is missing or of another type'): NetworkError {
  return new NetworkError('protocol', `what the other slot said first is not understood: ${detail}`)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
