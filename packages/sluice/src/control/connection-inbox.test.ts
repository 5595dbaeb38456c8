import { expect, test } from 'vitest'
import { NetworkError } from '../base/network-error.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { ConnectionInbox } from './connection-inbox.ts'

function inboxWithLog() {
  const env = createManualEnv()
  const inbox = new ConnectionInbox(env.turns)
  const told: string[] = []
  const receiver = (name: string) => ({
    onFrame: (frame: Uint8Array) => void told.push(`${name} ${frame.length}`),
    onClosed: (error: NetworkError | undefined) => void told.push(`${name} ${error?.failure ?? 'end'}`),
    onDrained: () => void told.push(`${name} drained`),
  })
  return { env, inbox, told, receiver }
}

test('what waits comes in a later turn, and what comes meanwhile goes behind it (N1, N2)', () => {
  const { env, inbox, told, receiver } = inboxWithLog()
  inbox.frame(new Uint8Array(1))
  inbox.setReceiver(receiver('a'))
  inbox.frame(new Uint8Array(2))
  inbox.end(new NetworkError('reset', 'test'))
  inbox.frame(new Uint8Array(3))
  expect(told).toEqual([])
  env.runTurns()
  expect(told).toEqual(['a 1', 'a 2', 'a reset'])
  inbox.end(undefined)
  expect(told).toHaveLength(3)
})

test('a receiver that goes in the middle leaves the rest and the end to the next one (N3)', () => {
  const { env, inbox, told, receiver } = inboxWithLog()
  for (const length of [1, 2, 3]) inbox.frame(new Uint8Array(length))
  inbox.end(undefined)
  const first = receiver('a')
  inbox.setReceiver({
    ...first,
    onFrame: (frame) => {
      first.onFrame(frame)
      inbox.setReceiver(undefined)
    },
  })
  env.runTurns()
  expect(told).toEqual(['a 1'])
  inbox.setReceiver(receiver('b'))
  env.runTurns()
  expect(told).toEqual(['a 1', 'b 2', 'b 3', 'b end'])
})

test('a frame at which the receiver throws does not come again', () => {
  const { env, inbox, told, receiver } = inboxWithLog()
  inbox.frame(new Uint8Array(1))
  inbox.frame(new Uint8Array(2))
  inbox.setReceiver({ ...receiver('a'), onFrame: () => expect.unreachable('thrown on purpose') })
  expect(() => env.runTurns()).toThrow(/thrown on purpose/)
  inbox.setReceiver(receiver('b'))
  env.runTurns()
  expect(told).toEqual(['b 2'])
})

test('nothing is told after it was silenced (N4)', () => {
  const { env, inbox, told, receiver } = inboxWithLog()
  inbox.frame(new Uint8Array(1))
  inbox.setReceiver(receiver('a'))
  inbox.silence()
  inbox.drained()
  inbox.end(undefined)
  env.runTurns()
  expect(told).toEqual([])
})
