import { expect, test } from 'vitest'
import { average } from '../api/aggregates.ts'
import { crc32 } from '../base/bytes.ts'
import { aggregatingState, listState, mapState, reducingState, valueState } from './descriptors.ts'
import { createHeapBackend } from './heap-backend.ts'
import type { KeyedStateBackend } from './keyed-state.ts'

const create = (): KeyedStateBackend =>
  createHeapBackend({ uid: 'operator', keyGroups: { first: 0, last: 15 }, maxParallelism: 16 })
const neverOver = { isOver: () => false }

/** Written when there were three kinds of state. */
const OF_THREE_KINDS =
  'U0xLUwEAAQCJAAAAAQAAABAIb3BlcmF0b3IEBXZhbHVlAAV2YWx1ZQEEbGlzdAEFdmFsdWUBA21hcAIFdmFsdWUBBnNlY29uZAIFdmFsdWUBP6FhAQCAoKv++WIOAQT1n6v++WIBd84CAW4EdGFncwHLAaF4AgGjdHdvAqFrAwShdgHDwZUCtgg='
/** Written with one state of each kind that came later. */
const OF_LATER_KINDS =
  'U0xLUwEAAQDLAAAAAQAAABAIb3BlcmF0b3IHBXRvdGFsAwV2YWx1ZQEEbWVhbgQFdmFsdWUBBXZhbHVlBQV2YWx1ZQEEbGlzdAYFdmFsdWUBA21hcAcFdmFsdWUBDmV4cGlyaW5nIHRvdGFsCAV2YWx1ZQENZXhwaXJpbmcgbWVhbgkFdmFsdWUB/AOhYQPOAgNzdW0FY291bnQEAaF2gKCr/vliAcOAoKv++WIBoWvBgKCr/vliBYCgq/75YoAGAYCgq/75YtLyD20='

test('the first chunks that were ever written are read as what they are, and written again byte by byte', () => {
  const backend = create()
  const value = backend.valueState(valueState<unknown>('value'))
  const list = backend.listState(listState<unknown>('list'))
  const map = backend.mapState(mapState<unknown, unknown>('map'))
  const second = backend.mapState(mapState<unknown, unknown>('second'))
  backend.restore(Buffer.from(OF_THREE_KINDS, 'base64'))
  expect(textOf(backend)).toBe(OF_THREE_KINDS)
  backend.setCurrentKey('a')
  expect([value.value(), list.get()]).toEqual([{ n: 1, tags: ['x'] }, [1, 'two']])
  expect([[...map.entries()], [...second.entries()]]).toEqual([[['k', 3], [4, 'v']], [[true, null]]]) // prettier-ignore
  const fired: unknown[] = []
  for (const timers of [backend.eventTimers, backend.processingTimers])
    timers.advance(Number.MAX_SAFE_INTEGER, neverOver, (...timer) => fired.push(timer))
  expect(fired).toEqual([[1_700_000_000_000, 'a', 7], [5, 'a', 'w']]) // prettier-ignore
})

test('chunks with folding and expiring states stay as they are', () => {
  const backend = create()
  const states = declareLater(backend)
  backend.setCurrentKey('a')
  states.total.add(3)
  states.mean.add('4')
  states.value.update('v')
  states.list.add(true)
  states.map.put('k', null)
  states.expiringTotal.add(5)
  states.expiringMean.add('6')
  expect(textOf(backend)).toBe(OF_LATER_KINDS)
  const restored = create()
  const again = declareLater(restored)
  restored.restore(Buffer.from(OF_LATER_KINDS, 'base64'))
  restored.setCurrentKey('a')
  expect([again.total.get(), again.mean.get(), again.value.value(), again.list.get()]).toEqual([3, 4, 'v', [true]])
  expect([[...again.map.entries()], again.expiringTotal.get(), again.expiringMean.get()]).toEqual([[['k', null]], 5, 6])
})

test('a kind of state that nobody knows is refused', () => {
  const bytes = Buffer.from(OF_THREE_KINDS, 'base64')
  const at = bytes.indexOf('value') + 'value'.length
  expect(bytes[at]).toBe(0)
  bytes[at] = 10
  expect(() => create().restore(withChecksum(bytes))).toThrow(expect.objectContaining({ code: 'SER1002' }))
})

function declareLater(backend: KeyedStateBackend) {
  backend.useClock({
    eventTimeMs: () => 0,
    eventTimeOfWriteMs: () => 0,
    processingTimeMs: () => 1_700_000_000_000,
  })
  const ttl = '1h'
  const plus = (a: number, b: number): number => a + b
  return {
    total: backend.reducingState(reducingState('total', plus)),
    mean: backend.aggregatingState(aggregatingState('mean', average(Number))),
    value: backend.valueState(valueState<string>('value', undefined, { ttl })),
    list: backend.listState(listState<boolean>('list', { ttl })),
    map: backend.mapState(mapState<string, null>('map', { ttl })),
    expiringTotal: backend.reducingState(reducingState('expiring total', plus, { ttl })),
    expiringMean: backend.aggregatingState(aggregatingState('expiring mean', average(Number), { ttl })),
  }
}

function textOf(backend: KeyedStateBackend): string {
  const snapshot = backend.beginSnapshot()
  while (snapshot.encodeSlice(5) === 'more');
  const chunks = snapshot.takeChunks().map(({ bytes }) => bytes.slice())
  snapshot.release()
  return Buffer.concat(chunks).toString('base64')
}

function withChecksum(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32(bytes.subarray(0, bytes.length - 4)), bytes.length - 4)
  return bytes
}
