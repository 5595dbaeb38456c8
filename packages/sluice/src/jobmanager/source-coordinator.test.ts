import { expect, test } from 'vitest'
import { EngineError } from '../base/errors.ts'
import { operatorUid, subtaskIndex } from '../base/ids.ts'
import type { EnumeratorContext, Source, SourceSplit, SplitEnumerator } from '../connector/source.ts'
import { bytesToValue } from '../serde/value-codec.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { SourceCoordinator } from './source-coordinator.ts'

interface Hosted {
  readonly coordinator: SourceCoordinator
  readonly context: EnumeratorContext<SourceSplit>
  readonly sent: string[]
  readonly failures: EngineError[]
  readonly requests: number[]
  readonly restored: unknown
}

function host(
  given: { readonly restored?: Uint8Array; readonly start?: () => Promise<void>; readonly onRequest?: () => void } = {},
): Hosted {
  const sent: string[] = []
  const failures: EngineError[] = []
  const requests: number[] = []
  const made: { context?: EnumeratorContext<SourceSplit>; restored?: unknown } = {}
  const enumerator: SplitEnumerator<SourceSplit, unknown> = {
    start: given.start ?? (async () => {}),
    onSplitRequest: (subtask) => {
      requests.push(subtask)
      given.onRequest?.()
    },
    addSplitsBack: () => {},
    snapshot: () => ({ rest: ['c'] }),
    close: async () => {},
  }
  const source: Source<unknown> = {
    kind: 'scripted',
    identity: 'scripted',
    boundedness: 'bounded',
    createEnumerator: (context, restored) => {
      Object.assign(made, { context, restored })
      return enumerator
    },
    createReader: () => expect.unreachable('no reader runs here'),
  }
  const coordinator = new SourceCoordinator({
    uid: operatorUid('s'),
    source,
    parallelism: 2,
    env: createManualEnv(),
    restored: given.restored,
    channel: {
      assign: ({ subtask, splits, noMore }) => {
        const ids = (bytesToValue(splits) as readonly SourceSplit[]).map(({ id }) => id) // encoded from splits
        sent.push(`${subtask}:${ids.join(',')}${noMore ? '!' : ''}`)
      },
      fail: (error) => void failures.push(error),
    },
  })
  const { context } = made
  if (context === undefined) return expect.unreachable('the enumerator was not made')
  return { coordinator, context, sent, failures, requests, restored: made.restored }
}

test('splits assigned before the tasks run are sent in order when they do', async () => {
  const { coordinator, context, sent } = host()
  await coordinator.start()
  context.assign(1, [{ id: 'a' }])
  context.assign(0, [{ id: 'b' }])
  context.noMoreSplits(1)
  expect(sent).toEqual([])
  coordinator.open()
  context.assign(0, [{ id: 'c' }, { id: 'd' }])
  expect(sent).toEqual(['1:a', '0:b', '1:!', '0:c,d'])
})

test('requests before the tasks were opened wait', async () => {
  const { coordinator, requests } = host()
  coordinator.onSplitRequest(subtaskIndex(1))
  await coordinator.start()
  coordinator.onSplitRequest(subtaskIndex(0))
  expect(requests).toEqual([])
  coordinator.open()
  expect(requests).toEqual([1, 0])
})

test('a snapshot is what the next enumerator is made from', async () => {
  const first = host()
  await first.coordinator.start()
  first.coordinator.open()
  const next = host({ restored: first.coordinator.snapshot() })
  expect([first.restored, next.restored]).toEqual([undefined, { rest: ['c'] }])
})

test('nothing is sent and no failure is told after the close', async () => {
  const { coordinator, context, sent, failures, requests } = host()
  await coordinator.start()
  coordinator.open()
  await coordinator.close()
  await coordinator.close()
  context.assign(0, [{ id: 'a' }])
  context.fail(new EngineError('SRC1004', 'changed'))
  coordinator.onSplitRequest(subtaskIndex(0))
  expect([sent, failures, requests]).toEqual([[], [], []])
})

test('whatever the enumerator throws names the source', async () => {
  const broken = host({ start: () => Promise.reject(new Error('no route')) })
  await expect(broken.coordinator.start()).rejects.toMatchObject({ code: 'SRC1003', context: { operator: 's' } })
  const throwing = host({
    onRequest: () => {
      throw new EngineError('SRC1001', 'gone')
    },
  })
  await throwing.coordinator.start()
  throwing.coordinator.open()
  throwing.coordinator.onSplitRequest(subtaskIndex(0))
  expect(throwing.failures).toMatchObject([{ code: 'SRC1001', context: { operator: 's' } }])
})

test('an assignment to a subtask that does not exist is refused', async () => {
  const { coordinator, context } = host()
  await coordinator.start()
  expect(() => context.assign(2, [{ id: 'a' }])).toThrow('a subtask that does not exist')
})
