import { expect, test } from 'vitest'
import { OutputPressure } from './blocking.ts'
import { InputGate } from './input-gate.ts'
import { LocalChannel } from './local-channel.ts'

function gateOf(count: number): { channels: LocalChannel[]; gate: InputGate; notifications: () => number } {
  let notified = 0
  const channels = Array.from({ length: count }, () => new LocalChannel(8, new OutputPressure(() => {})))
  return { channels, gate: new InputGate(channels, () => notified++), notifications: () => notified }
}

function send(channel: LocalChannel | undefined, timestamp: number): void {
  channel?.sendControl({ kind: 'watermark', timestamp })
}

function pollAll(gate: InputGate): (readonly [number, number])[] {
  const seen: (readonly [number, number])[] = []
  for (let next = gate.poll(); next !== undefined; next = gate.poll()) {
    if (next.kind === 'watermark') seen.push([gate.channel, next.timestamp])
  }
  return seen
}

test('every channel with elements gets its turn', () => {
  const { channels, gate } = gateOf(3)
  for (const timestamp of [1, 2]) for (const channel of channels) send(channel, timestamp)
  expect(pollAll(gate)).toEqual([
    [0, 1],
    [1, 1],
    [2, 1],
    [0, 2],
    [1, 2],
    [2, 2],
  ])
})

test('a blocked channel keeps its elements until it is unblocked', () => {
  const { channels, gate } = gateOf(2)
  send(channels[0], 1)
  send(channels[1], 2)
  gate.block(0)
  expect(pollAll(gate)).toEqual([[1, 2]])
  expect(gate.hasNext()).toBe(false)
  gate.unblockAll()
  expect(gate.hasNext()).toBe(true)
  expect(pollAll(gate)).toEqual([[0, 1]])
})

test('an arrival in an empty channel notifies', () => {
  const { channels, notifications } = gateOf(2)
  send(channels[1], 1)
  send(channels[1], 2)
  expect(notifications()).toBe(1)
})
