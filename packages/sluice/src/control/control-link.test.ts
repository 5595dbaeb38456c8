import { expect, test } from 'vitest'
import type { NetworkError } from '../base/network-error.ts'
import { valueToBytes } from '../serde/value-codec.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { MemoryNetwork } from '../testing/memory-network.ts'
import type { Connection } from '../base/env.ts'
import type { FromTaskManager } from './cluster-messages.ts'
import { ControlLink } from './control-link.ts'
import { checkFromTaskManager } from './message-checks.ts'

async function twoEnds() {
  const env = createManualEnv({ network: new MemoryNetwork() })
  let far: Connection | undefined
  const listening = env.network.listen({ host: 'localhost', port: 1 }, (connection) => void (far = connection))
  const connecting = env.network.connect({ host: 'localhost', port: 1 }, 100)
  await env.settle()
  await listening
  const near = await connecting
  if (far === undefined) expect.unreachable('a connection was accepted')
  const messages: FromTaskManager[] = []
  const ends: (NetworkError | undefined)[] = []
  const receiver = new ControlLink<FromTaskManager, never>(far, { check: checkFromTaskManager })
  receiver.receive({
    onMessage: (message) => void messages.push(message),
    onClosed: (error) => void ends.push(error),
  })
  const sender = new ControlLink<FromTaskManager, unknown>(near, { check: checkFromTaskManager, messageBytesMax: 1000 })
  return { env, near, sender, messages, ends }
}

test('messages arrive as they were sent, in order', async () => {
  const { env, sender, messages, ends } = await twoEnds()
  const sent = [
    { kind: 'leaving', reason: 'stopped' },
    { kind: 'answer', request: 3, result: { kind: 'text', text: 'ä' } },
  ]
  for (const message of sent) sender.sendMessage(message)
  sender.close()
  await env.settle()
  expect(messages).toEqual(sent)
  expect(ends).toEqual([undefined])
})

test('a message that is too large is refused at the sender, and the link goes on', async () => {
  const { env, sender, messages } = await twoEnds()
  expect(() => sender.sendMessage({ kind: 'leaving', reason: 'x'.repeat(1000) })).toThrow(
    expect.objectContaining({ code: 'NET1020', message: expect.stringContaining('"leaving"') }),
  )
  sender.sendMessage({ kind: 'leaving', reason: 'short' })
  await env.settle()
  expect(messages).toHaveLength(1)
})

test.for<[string, Uint8Array]>([
  ['bytes that are no value', new Uint8Array([0xff, 0xff, 0xff])],
  ['a value that is no message', valueToBytes(42)],
  ['a message of an unknown kind', valueToBytes({ kind: 'toString' })],
])('%s end the connection', async ([, bytes]) => {
  const { env, near, messages, ends } = await twoEnds()
  near.send(bytes)
  near.send(valueToBytes({ kind: 'leaving', reason: 'behind it' }))
  await env.settle()
  expect(messages).toEqual([])
  expect(ends).toMatchObject([{ failure: 'protocol' }])
})
