import { expect, test } from 'vitest'
import { EngineError } from '../base/errors.ts'
import { operatorUid, subtaskIndex } from '../base/ids.ts'
import type { EnumeratorContext, Source, SourceSplit, SplitEnumerator } from '../connector/source.ts'
import type { FromReader } from '../control/messages.ts'
import { bytesToValue, valueToBytes } from '../serde/value-codec.ts'
import { type ManualEnv, createManualEnv } from '../testing/manual-env.ts'
import { WatermarkStrategy } from '../time/watermark-strategy.ts'
import { AlignmentDriver } from './alignment-driver.ts'
import { type HandedBack, SourceCoordinator } from './source-coordinator.ts'

const UID = operatorUid('s')

function request(subtask: number): FromReader {
  return { kind: 'request-split', source: UID, subtask: subtaskIndex(subtask) }
}

function event(subtask: number, value: unknown): FromReader {
  return { kind: 'source-event', source: UID, subtask: subtaskIndex(subtask), event: valueToBytes(value) }
}

interface Hosted {
  readonly env: ManualEnv
  /** Calls of the enumerator other than requests. */
  readonly calls: string[]
  readonly coordinator: SourceCoordinator
  readonly context: EnumeratorContext<SourceSplit>
  readonly sent: string[]
  readonly failures: EngineError[]
  readonly requests: number[]
  readonly restored: unknown
}

function host(
  given: {
    readonly restored?: Uint8Array
    readonly handedBack?: readonly HandedBack[]
    readonly start?: () => Promise<void>
    readonly onRequest?: () => void
    readonly hasEvents?: false
    readonly watermarks?: WatermarkStrategy<unknown>
  } = {},
): Hosted {
  const env = createManualEnv()
  const calls: string[] = []
  const sent: string[] = []
  const failures: EngineError[] = []
  const requests: number[] = []
  const made: { context?: EnumeratorContext<SourceSplit>; restored?: unknown } = {}
  const enumerator: SplitEnumerator<SourceSplit, unknown> = {
    start:
      given.start ??
      (async () => {
        calls.push('start')
      }),
    addReader: (subtask) => void calls.push(`reader ${subtask}`),
    ...(given.hasEvents === false
      ? {}
      : { handleSourceEvent: (subtask, value) => void calls.push(`${subtask} says ${JSON.stringify(value)}`) }),
    notifyCheckpointComplete: (checkpoint) => void calls.push(`complete ${checkpoint}`),
    onSplitRequest: (subtask) => {
      requests.push(subtask)
      given.onRequest?.()
    },
    addSplitsBack: (splits, subtask) => void calls.push(`back from ${subtask}: ${splits.map(({ id }) => id).join()}`),
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
    uid: UID,
    node: { source, watermarks: given.watermarks ?? WatermarkStrategy.noWatermarks() },
    parallelism: 2,
    env,
    restored: given.restored,
    handedBack: given.handedBack ?? [],
    alignment: new AlignmentDriver(env.timers),
    channel: {
      send: (message) => {
        const { subtask } = message
        if (message.kind === 'source-event')
          return void sent.push(`${subtask}:${JSON.stringify(bytesToValue(message.event))}`)
        if (message.kind === 'align-source') return void sent.push(`${subtask}:<=${message.watermarkMax}`)
        const { splits, noMore } = message
        const ids = (bytesToValue(splits) as readonly SourceSplit[]).map(({ id }) => id) // encoded from splits
        sent.push(`${subtask}:${ids.join(',')}${noMore ? '!' : ''}`)
      },
      fail: (error) => void failures.push(error),
    },
  })
  const { context } = made
  if (context === undefined) return expect.unreachable('the enumerator was not made')
  return { env, calls, coordinator, context, sent, failures, requests, restored: made.restored }
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
  coordinator.onReaderMessage(request(1))
  await coordinator.start()
  coordinator.onReaderMessage(request(0))
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
  coordinator.onReaderMessage(request(0))
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
  throwing.coordinator.onReaderMessage(request(0))
  expect(throwing.failures).toMatchObject([{ code: 'SRC1001', context: { operator: 's' } }])
})

test('an assignment to a subtask that does not exist is refused', async () => {
  const { coordinator, context } = host()
  await coordinator.start()
  expect(() => context.assign(2, [{ id: 'a' }])).toThrow('a subtask that does not exist')
})

test('readers are known from the moment at which the tasks run', async () => {
  const { coordinator, context, calls } = host()
  expect(context.registeredReaders()).toEqual([])
  await coordinator.start()
  expect(context.registeredReaders()).toEqual([])
  coordinator.open()
  expect(context.registeredReaders()).toEqual([0, 1])
  expect(calls).toEqual(['start', 'reader 0', 'reader 1'])
})

test('splits that readers had at the checkpoint are handed back before the start, when the source wants them', async () => {
  const handedBack = [
    { subtask: subtaskIndex(0), splits: [{ id: 'a' }] },
    { subtask: subtaskIndex(2), splits: [{ id: 'b' }, { id: 'c' }] },
  ]
  const { coordinator, calls } = host({ restored: valueToBytes({}), handedBack })
  await coordinator.start()
  expect(calls).toEqual(['back from 0: a', 'back from 2: b,c', 'start'])
})

test('events go to readers between assignments, in the order in which they were sent', async () => {
  const { coordinator, context, sent } = host()
  await coordinator.start()
  context.assign(0, [{ id: 'a' }])
  context.sendEventToSourceReader(0, { kind: 'go' })
  coordinator.open()
  context.sendEventToSourceReader(0, new Map([[1, 2]]))
  context.assign(0, [{ id: 'b' }])
  expect(sent).toEqual(['0:a', '0:{"kind":"go"}', '0:{}', '0:b'])
})

test('events of readers that come before the tasks were opened wait, in order with requests', async () => {
  const { coordinator, calls, requests } = host()
  coordinator.onReaderMessage(event(1, 'early'))
  coordinator.onReaderMessage(request(1))
  await coordinator.start()
  expect([calls, requests]).toEqual([['start'], []])
  coordinator.open()
  expect([calls.at(-1), requests]).toEqual(['1 says "early"', [1]])
})

test('an event that the enumerator does not understand fails the job', async () => {
  const { coordinator, failures } = host({ hasEvents: false })
  await coordinator.start()
  coordinator.open()
  coordinator.onReaderMessage(event(1, 'what'))
  expect(failures).toMatchObject([{ code: 'SRC1006', context: { operator: 's', subtask: 1 } }])
})

test('an event that cannot be encoded is refused where it is sent', async () => {
  const { context } = host()
  expect(() => context.sendEventToSourceReader(0, () => 1)).toThrow(expect.objectContaining({ code: 'SER1001' }))
})

test('the enumerator hears of completed checkpoints while its tasks run', async () => {
  const { coordinator, calls } = host()
  coordinator.notifyCheckpointComplete(1)
  await coordinator.start()
  coordinator.open()
  coordinator.notifyCheckpointComplete(2)
  await coordinator.close()
  coordinator.notifyCheckpointComplete(3)
  expect(calls.at(-1)).toBe('complete 2')
})

test('scheduled calls begin when the tasks run, follow each other by the period and end with the source', async () => {
  const { coordinator, context, env, failures } = host()
  const seen: string[] = []
  const call = (): Promise<number> => Promise.resolve(env.clock.monotonicMs())
  context.callAsync(call, (ms) => void seen.push(`a ${ms}`), { initialDelayMs: 5, periodMs: 100 })
  context.callAsync(call, (ms) => void seen.push(`once ${ms}`))
  await env.advanceAndSettle(1000)
  expect(seen).toEqual([])
  await coordinator.start()
  coordinator.open()
  await env.advanceAndSettle(210)
  expect(seen).toEqual(['once 1000', 'a 1005', 'a 1105', 'a 1205'])
  await coordinator.close()
  await env.advanceAndSettle(1000)
  expect([seen.length, failures, env.timerCount()]).toEqual([4, [], 0])
})

test('calls of one schedule never overlap', async () => {
  const { coordinator, context, env } = host()
  await coordinator.start()
  coordinator.open()
  const answers: (() => void)[] = []
  const handled: number[] = []
  context.callAsync(
    () => new Promise<void>((resolve) => answers.push(resolve)),
    () => void handled.push(env.clock.monotonicMs()),
    { periodMs: 10 },
  )
  await env.advanceAndSettle(100)
  expect(answers).toHaveLength(1)
  answers[0]?.()
  await env.advanceAndSettle(9)
  expect([answers.length, handled]).toEqual([1, [100]])
  await env.advanceAndSettle(1)
  expect(answers).toHaveLength(2)
})

test('a result that comes after the schedule was cancelled, or the source closed, is dropped', async () => {
  const { coordinator, context, env } = host()
  await coordinator.start()
  coordinator.open()
  const answers: (() => void)[] = []
  const call = (): Promise<void> => new Promise((resolve) => answers.push(resolve))
  const handled: string[] = []
  const first = context.callAsync(call, () => void handled.push('cancelled'))
  context.callAsync(call, () => void handled.push('closed'))
  await env.advanceAndSettle(0)
  first.cancel()
  await coordinator.close()
  answers.forEach((answer) => answer())
  await env.settle()
  expect([answers.length, handled]).toEqual([2, []])
})

test('a scheduled call that fails is a failure of the job, unless somebody handles it', async () => {
  const { coordinator, context, env, failures } = host()
  await coordinator.start()
  coordinator.open()
  const caught: unknown[] = []
  const fail = (): never => {
    throw new RangeError('no route')
  }
  context.callAsync(fail, () => {}, { periodMs: 10, onError: (error) => void caught.push(error) })
  await env.advanceAndSettle(25)
  expect([caught.length, failures]).toEqual([3, []])
  context.callAsync(fail, () => {})
  await env.advanceAndSettle(0)
  expect(failures).toMatchObject([{ code: 'SRC1005', context: { operator: 's' } }])
})

test('a handler that throws is a failure of the enumerator', async () => {
  const { coordinator, context, env, failures } = host()
  await coordinator.start()
  coordinator.open()
  context.callAsync(
    () => 1,
    () => {
      throw new EngineError('SRC1004', 'changed')
    },
    { onError: () => expect.unreachable('the call did not fail') },
  )
  await env.advanceAndSettle(0)
  expect(failures).toMatchObject([{ code: 'SRC1004', context: { operator: 's' } }])
})

test('limits of watermark alignment go to all readers, and end with the source', async () => {
  const watermarks = WatermarkStrategy.forMonotonousTimestamps<unknown>().withWatermarkAlignment('g', '10s', '1s')
  const { coordinator, env, sent } = host({ watermarks })
  await coordinator.start()
  coordinator.open()
  const report = (subtask: number, watermark: number): void =>
    coordinator.onReaderMessage({
      kind: 'source-watermark',
      source: UID,
      subtask: subtaskIndex(subtask),
      progress: { kind: 'active', watermark },
    })
  report(0, 5000)
  expect(sent).toEqual([])
  report(1, 2000)
  expect(sent).toEqual(['0:<=12000', '1:<=12000'])
  report(1, 4000)
  await env.advanceAndSettle(1000)
  expect(sent.slice(2)).toEqual(['0:<=14000', '1:<=14000'])
  await coordinator.close()
  expect(env.timerCount()).toBe(0)
})

test('the close ends a discovery that hangs', async () => {
  const { coordinator } = host({ start: () => new Promise<never>(() => {}) })
  const started = coordinator.start()
  await coordinator.close()
  await started
})

test('splits for a reader that was told that there are no more are refused: nobody would read them', async () => {
  const { coordinator, context, sent } = host()
  await coordinator.start()
  coordinator.open()
  context.noMoreSplits(0)
  context.assign(0, [])
  context.assign(1, [{ id: 'a' }])
  expect(() => context.assign(0, [{ id: 'b' }])).toThrow(/assigned "b" to reader 0 behind noMoreSplits/)
  expect(sent).toEqual(['0:!', '0:', '1:a'])
})

test.each([{ periodMs: 0 }, { periodMs: Number.NaN }, { periodMs: Infinity }, { initialDelayMs: -1 }])(
  'a schedule that no clock can keep is refused: %o',
  (schedule) => {
    const { context } = host()
    const call = (): unknown =>
      context.callAsync(
        () => {},
        () => {},
        schedule,
      )
    expect(call).toThrow(/callAsync was given/)
  },
)
