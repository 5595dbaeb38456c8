import { describe, expect, test } from 'vitest'
import { type Deferred, deferred } from '../base/deferred.ts'
import { SinkRun } from '../testing/sink-run.ts'
import { type AsyncSendContext, type AsyncSendResult, type AsyncSinkOptions, asyncSink } from './async-sink.ts'

interface Call {
  readonly batch: readonly number[]
  readonly context: AsyncSendContext
  readonly answer: Deferred<AsyncSendResult<number> | void>
}

/** The other side: every call waits until the test answers. */
class OtherSide {
  readonly calls: Call[] = []

  readonly send: AsyncSinkOptions<number>['send'] = (batch, context) => {
    const answer = deferred<AsyncSendResult<number> | void>()
    this.calls.push({ batch: [...batch], context, answer })
    return answer.promise
  }

  batches(): readonly (readonly number[])[] {
    return this.calls.map(({ batch }) => batch)
  }

  answer(call: number, result?: AsyncSendResult<number>): void {
    this.calls[call]?.answer.resolve(result)
  }

  refuse(call: number, error: unknown = new TypeError('busy')): void {
    this.calls[call]?.answer.reject(error)
  }
}

async function sending(
  options: Partial<AsyncSinkOptions<number>> = {},
  restored: readonly (readonly number[])[] = [],
): Promise<{ readonly other: OtherSide; readonly run: SinkRun<number, never, readonly number[]> }> {
  const other = new OtherSide()
  const sink = asyncSink<number>({ name: 'other', send: other.send, batch: { records: 3 }, ...options })
  return { other, run: await SinkRun.start(sink, { restored }) }
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n)
}

describe('asyncSink', () => {
  test('a batch leaves when it is full, or when its first record has waited long enough', async () => {
    const { other, run } = await sending({ batch: { records: 3, after: '2s' } })
    run.write(...numbers(7))
    expect(other.batches()).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ])
    await run.env.advanceAndSettle(1999)
    expect(other.calls).toHaveLength(2)
    await run.env.advanceAndSettle(1)
    expect(other.batches()[2]).toEqual([6])
  })

  test('a batch leaves when it has enough bytes; a record that is larger goes alone', async () => {
    const { other, run } = await sending({ batch: { records: 100, bytes: '10b' }, sizeOf: (value) => value })
    run.write(4, 4, 4, 50, 1, 9)
    await run.env.advanceAndSettle(1000)
    expect(other.batches()).toEqual([[4, 4], [4], [50], [1, 9]])
  })

  test('no more batches are on their way than may be, and the stream waits while the buffer is full', async () => {
    const { other, run } = await sending({ inFlight: 2, buffered: 9 })
    run.write(...numbers(9))
    expect([other.calls.length, run.writer.isBlocked(), run.wakes]).toEqual([2, true, 0])
    other.answer(0)
    await run.env.settle()
    expect([other.calls.length, run.writer.isBlocked(), run.wakes]).toEqual([3, false, 1])
  })

  test('a snapshot does not wait: it holds what is not acknowledged, which a restored writer sends again', async () => {
    const { other, run } = await sending({ inFlight: 2 })
    run.write(...numbers(8))
    other.answer(0)
    await run.env.settle()
    const { states, committables } = await run.checkpoint()
    expect([committables, states]).toEqual([
      [],
      [
        [3, 4, 5],
        [6, 7],
      ],
    ])
    const second = await sending({}, states)
    await second.run.env.settle()
    expect(second.other.batches()).toEqual([
      [3, 4, 5],
      [6, 7],
    ])
  })

  test('at the end of the input the snapshot waits until all are acknowledged', async () => {
    const { other, run } = await sending()
    run.write(...numbers(4))
    run.writer.endOfInput?.()
    let states: unknown
    void run.checkpoint().then((snapshot) => (states = snapshot.states))
    await run.env.settle()
    expect([other.batches(), states]).toEqual([[[0, 1, 2], [3]], undefined])
    other.refuse(1)
    other.answer(0)
    await run.env.advanceAndSettle(100)
    expect([other.batches()[2], states]).toEqual([[3], undefined])
    other.answer(2)
    await run.env.settle()
    expect(states).toEqual([])
  })

  test('records that were not taken are sent again, in front of the others, after a pause that grows', async () => {
    const { other, run } = await sending({ inFlight: 1, retry: { initial: '100ms', max: '300ms', attempts: 5 } })
    run.write(...numbers(6))
    other.answer(0, { retry: [1, 2] })
    await run.env.settle()
    expect(other.calls).toHaveLength(1)
    for (const [call, pauseMs] of [100, 200, 300].entries()) {
      await run.env.advanceAndSettle(pauseMs / 2 - 1)
      expect(other.calls).toHaveLength(call + 1)
      await run.env.advanceAndSettle(pauseMs / 2 + 1)
      expect(other.calls.at(-1)).toMatchObject({ batch: [1, 2, 3], context: { attempt: call + 2 } })
      other.refuse(call + 1)
      await run.env.settle()
    }
    expect(run.failure).toBeUndefined()
  })

  test('a record that failed too often fails the job with SNK1005, and so does what is fatal, at once', async () => {
    const { other, run } = await sending({ retry: { attempts: 2, isFatal: (error) => error instanceof RangeError } })
    run.write(...numbers(3))
    other.refuse(0)
    await run.env.advanceAndSettle(100)
    other.refuse(1)
    await run.env.settle()
    expect(run.failure).toMatchObject({ code: 'SNK1005', message: expect.stringContaining('2 tries: busy') })
    await expect(run.checkpoint()).rejects.toMatchObject({ code: 'SNK1005' })
    const fatal = await sending({ retry: { isFatal: (error) => error instanceof RangeError } })
    fatal.run.write(...numbers(3))
    fatal.other.refuse(0, new RangeError('no such table'))
    await fatal.run.env.settle()
    expect(fatal.run.failure).toMatchObject({ code: 'SNK1005', message: expect.stringContaining('no such table') })
  })

  test('a call that takes too long is aborted and has failed; what it answers later changes nothing', async () => {
    const { other, run } = await sending({ timeout: '5s' })
    run.write(...numbers(3))
    await run.env.advanceAndSettle(5000)
    expect(other.calls[0]?.context.signal.aborted).toBe(true)
    other.answer(0)
    await run.env.advanceAndSettle(100)
    expect(other.batches()).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ])
    expect((await run.checkpoint()).states).toEqual([[0, 1, 2]])
  })

  test('with order kept, one batch is on its way, and a later one does not overtake it', async () => {
    const { other, run } = await sending({ order: 'kept', inFlight: 8 })
    run.write(...numbers(6))
    expect(other.calls).toHaveLength(1)
    other.refuse(0)
    await run.env.advanceAndSettle(100)
    other.answer(1)
    await run.env.settle()
    expect(other.batches()).toEqual([
      [0, 1, 2],
      [0, 1, 2],
      [3, 4, 5],
    ])
  })

  test('closing aborts what is on its way and leaves no timer', async () => {
    const { other, run } = await sending()
    run.write(...numbers(4))
    await run.writer.close()
    expect([other.calls[0]?.context.signal.aborted, run.env.timerCount()]).toEqual([true, 0])
    other.refuse(0)
    await run.env.settle()
    expect([run.failure, run.env.timerCount()]).toEqual([undefined, 0])
  })

  test('giving back what is not in the batch counts as a failure of it', async () => {
    const { other, run } = await sending({ retry: { attempts: 1 } })
    run.write(...numbers(3))
    other.answer(0, { retry: [7] })
    await run.env.settle()
    expect(run.failure).toMatchObject({ code: 'SNK1005', message: expect.stringContaining('not in the batch') })
  })

  test('isFatal that throws fails the job, and so does an answer that is none', async () => {
    const isFatal = (): boolean => {
      throw new RangeError('of the user')
    }
    const throwing = await sending({ retry: { isFatal } })
    throwing.run.write(...numbers(3))
    throwing.other.refuse(0)
    await throwing.run.env.settle()
    const message = expect.stringContaining('isFatal threw: of the user')
    expect(throwing.run.failure).toMatchObject({ code: 'SNK1005', message })
    const { other, run } = await sending({ retry: { attempts: 1 } })
    run.write(...numbers(3))
    const notAList: object = { retry: 3 }
    other.answer(0, notAList as AsyncSendResult<number>) // what JavaScript callers may do
    await run.env.settle()
    expect(run.failure).toMatchObject({ code: 'SNK1005', message: expect.stringContaining('{ retry: [...] }') })
  })

  test('a size that is none is an error of the record that has it', async () => {
    const sizeOf = (value: number): number => (value === 2 ? Number.NaN : 1)
    const { run } = await sending({ batch: { bytes: '10b' }, sizeOf })
    run.write(1)
    expect(() => run.write(2)).toThrow('sizeOf gave NaN')
  })

  test('a send that throws at once has failed like one that rejects', async () => {
    let calls = 0
    const send = (): Promise<void> => {
      if (calls++ === 0) throw new TypeError('not connected')
      return Promise.resolve()
    }
    const { run } = await sending({ send })
    run.write(...numbers(3))
    await run.env.advanceAndSettle(1000)
    expect([calls, run.failure, (await run.checkpoint()).states]).toEqual([2, undefined, []])
  })

  test('options that do not fit are refused when the graph is built', () => {
    const refused = (options: Partial<AsyncSinkOptions<number>>, code: string): void =>
      expect(() => asyncSink({ name: 'other', send: async () => {}, ...options })).toThrow(
        expect.objectContaining({ code }),
      )
    refused({ batch: { records: 0 } }, 'CFG1002')
    refused({ batch: { bytes: '1' } }, 'CFG1002')
    refused({ batch: { after: 'soon' } }, 'CFG1002')
    refused({ timeout: '0s' }, 'CFG1002')
    refused({ inFlight: 1.5 }, 'CFG1002')
    refused({ retry: { attempts: 0 } }, 'CFG1002')
    refused({ buffered: 10, batch: { records: 20 } }, 'CFG1003')
  })
})
