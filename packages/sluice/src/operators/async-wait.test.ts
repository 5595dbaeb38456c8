import { describe, expect, test } from 'vitest'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, processingTime, record, watermark, type OperatorScript } from '../testing/operator-script.ts'
import { asyncDefinition, type AsyncFunction, type AsyncOrder, type AsyncWaitOptions } from './async-definition.ts'
import { AsyncRetryStrategies, retryDelayMs } from './async-retry.ts'
import { asyncWaitOperator } from './async-wait.ts'
import type { OperatorSpec } from './operator.ts'

/** The first character says how a word behaves; `slow` ones fail once and are tried again 100 ms later. */
async function answer(word: string, { attempt }: { readonly attempt: number }): Promise<string> {
  if (word.startsWith('slow') && attempt === 1) throw new RangeError('busy')
  return word.toUpperCase()
}

const retry = AsyncRetryStrategies.fixedDelay({ attempts: 1, delay: '100ms' })

function wait<T, U>(
  order: AsyncOrder,
  request: AsyncFunction<T, U>,
  options: Partial<AsyncWaitOptions<T, U>> = {},
): OperatorSpec {
  return asyncWaitOperator(asyncDefinition(order, request, { timeout: '1h', ...options }))
}

const SLOW_FIRST: OperatorScript = [
  record('slow a', 1),
  record('b', 2),
  watermark(5),
  record('c', 6),
  watermark(10),
  processingTime(100),
  watermark(20),
]

describe.each(['ordered', 'unordered'] as const)('%s', (order) => {
  test('each record becomes its result with the timestamp of the record', async () => {
    const output = await testOperator(wait(order, answer), [record('a', 1), record('b', 2), watermark(3), record('c')])
    expect(output.records).toEqual([
      { value: 'A', timestamp: 1 },
      { value: 'B', timestamp: 2 },
      { value: 'C', timestamp: Number.MIN_SAFE_INTEGER },
    ])
    expect(output.watermarks).toEqual([3])
  })

  test('a watermark waits for the records in front of it, and the end of the input for all', async () => {
    const script = [...SLOW_FIRST.slice(0, 5), endOfInput()]
    const output = await testOperator(wait(order, answer, { retry }), script)
    expect(output.watermarks).toEqual([Number.MAX_SAFE_INTEGER])
    expect(new Set(output.values)).toEqual(new Set(['B', 'C', 'SLOW A']))
  })

  test('a result of undefined is no record', async () => {
    const even = async (n: number): Promise<number | undefined> => (n % 2 === 0 ? n : undefined)
    const output = await testOperator(wait(order, even), [record(1, 1), record(2, 2), watermark(2)])
    expect(output.values).toEqual([2])
    expect(output.watermarks).toEqual([2])
  })

  test('more records than its capacity are all answered', async () => {
    const script = [...Array.from({ length: 20 }, (_, n) => record(n, n)), watermark(20)]
    const output = await testOperator(
      wait(order, async (n: number) => n, { capacity: 3 }),
      script,
    )
    expect(output.values).toEqual(Array.from({ length: 20 }, (_, n) => n))
  })
})

test('ordered results leave in the order of their records, however long they take', async () => {
  const output = await testOperator(wait('ordered', answer, { retry }), SLOW_FIRST)
  expect(output.values).toEqual(['SLOW A', 'B', 'C'])
  expect(output.watermarks).toEqual([10, 20])
  expect(output.counters).toEqual({ retriedRequests: 1 })
})

test('unordered results overtake each other between two watermarks, but never cross one', async () => {
  const output = await testOperator(wait('unordered', answer, { retry }), SLOW_FIRST)
  expect(output.values).toEqual(['B', 'SLOW A', 'C'])
})

test('at most as many requests as its capacity are under way', async () => {
  let underWay = 0
  let most = 0
  const request = async (n: number): Promise<number> => {
    most = Math.max(most, ++underWay)
    await Promise.resolve()
    underWay--
    return n
  }
  const script = Array.from({ length: 30 }, (_, n) => record(n, n))
  await testOperator(wait('unordered', request, { capacity: 4 }), script)
  expect(most).toBeLessThanOrEqual(4)
})

describe('an error', () => {
  const failing = [
    ['rejects', async () => Promise.reject(new TypeError('no route'))],
    [
      'throws before it gives a promise',
      () => {
        throw new TypeError('no route')
      },
    ],
  ] as const
  test.each(failing)(
    'of a function that %s fails the task with operator, subtask and record',
    async (_how, request) => {
      await expect(
        testOperator(wait('ordered', request), [record({ id: 7 }, 5)], { name: 'lookup' }),
      ).rejects.toMatchObject({
        code: 'TSK1001',
        message: expect.stringContaining('the asynchronous function of operator "lookup" threw: no route.'),
        context: { operator: 'lookup', subtask: 0, record: '{"id":7} with timestamp 5' },
      })
    },
  )

  test('of a retry predicate is one of the record', async () => {
    const broken = AsyncRetryStrategies.fixedDelay({
      attempts: 1,
      delay: '1s',
      ifResult: () => {
        throw new TypeError('no such result')
      },
    })
    await expect(
      testOperator(
        wait('ordered', async (n: number) => n, { retry: broken }),
        [record(1, 1)],
      ),
    ).rejects.toMatchObject({ code: 'TSK1001', message: expect.stringContaining('no such result') })
  })
})

describe('a timeout', () => {
  const never = (): Promise<string> => new Promise(() => {})

  test('fails the task with the record and the time', async () => {
    const script = [record('x', 1), processingTime(1000)]
    await expect(testOperator(wait('ordered', never, { timeout: '1s' }), script)).rejects.toMatchObject({
      code: 'TSK1008',
      message: expect.stringContaining('no result within 1000 ms'),
      context: { record: '"x" with timestamp 1' },
    })
  })

  test('gives what onTimeout says, in its place', async () => {
    const request = (word: string): Promise<string> => (word === 'x' ? never() : answer(word, { attempt: 1 }))
    const options = { timeout: '1s', onTimeout: (word: string) => `${word}?` }
    const script = [record('x', 1), record('y', 2), watermark(2), processingTime(1000)]
    const output = await testOperator(wait('ordered', request, options), script)
    expect(output.values).toEqual(['x?', 'Y'])
    expect(output.counters).toEqual({ timedOutRequests: 1 })
    expect(output.watermarks).toEqual([2])
  })

  test('ends the retries, and aborts the signal of the request', async () => {
    let signal: AbortSignal | undefined
    const request: AsyncFunction<string, string> = (_word, context) => {
      signal = context.signal
      return Promise.reject(new RangeError('busy'))
    }
    const options = {
      timeout: '1s',
      retry: AsyncRetryStrategies.fixedDelay({ attempts: 100, delay: '400ms' }),
      onTimeout: () => `aborted: ${signal?.aborted}`,
    }
    const script = [record('x', 1), processingTime(1000), processingTime(9000)]
    const output = await testOperator(wait('unordered', request, options), script)
    expect(output.values).toEqual(['aborted: true'])
    expect(output.counters).toEqual({ timedOutRequests: 1 })
  })

  test('whose handler throws is an error of the record', async () => {
    const options = {
      timeout: '1s',
      onTimeout: () => {
        throw new TypeError('no default')
      },
    }
    const script = [record('x', 1), processingTime(1000)]
    await expect(testOperator(wait('ordered', never, options), script)).rejects.toMatchObject({
      code: 'TSK1001',
      message: expect.stringContaining('the onTimeout function of operator "operator" threw: no default'),
    })
  })
})

test('the signals of requests that are under way are aborted when the task ends', async () => {
  const signals: AbortSignal[] = []
  const request: AsyncFunction<string, string> = (_word, { signal }) => {
    signals.push(signal)
    return new Promise(() => {})
  }
  await testOperator(wait('ordered', request), [record('x', 1), record('y', 2)])
  expect(signals.length).toBeGreaterThan(2)
  expect(signals.map(({ aborted }) => aborted)).not.toContain(false)
})

describe('retries', () => {
  test('count on over a restore, and the last outcome counts', async () => {
    const request: AsyncFunction<string, string> = async (word, { attempt }) => `${word} ${attempt}`
    const again = AsyncRetryStrategies.fixedDelay<string>({ attempts: 3, delay: '100ms', ifResult: () => true })
    const script = [record('x', 1), processingTime(100), watermark(7), processingTime(200), processingTime(300)]
    const output = await testOperator(wait('ordered', request, { retry: again }), script)
    expect(output.values).toEqual(['x 4'])
    expect(output.counters).toEqual({ retriedRequests: 3 })
  })

  test('are made after errors that the strategy names only', async () => {
    const request: AsyncFunction<number, string> = async (n, { attempt }) => {
      if (attempt === 1) throw n === 0 ? new RangeError('busy') : new TypeError('broken')
      return `try ${attempt}`
    }
    const busy = AsyncRetryStrategies.fixedDelay({
      attempts: 1,
      delay: '1s',
      ifException: (error) => error instanceof RangeError,
    })
    const spec = wait('ordered', request, { retry: busy })
    const output = await testOperator(spec, [record(0, 1), processingTime(1000)])
    expect(output.values).toEqual(['try 2'])
    await expect(testOperator(spec, [record(1, 1)])).rejects.toMatchObject({ code: 'TSK1001' })
  })

  test('wait for the delay of their number', () => {
    const fixed = AsyncRetryStrategies.fixedDelay({ attempts: 3, delay: '50ms' })
    expect([1, 2, 3].map((attempt) => retryDelayMs(fixed, attempt))).toEqual([50, 50, 50])
    const growing = AsyncRetryStrategies.exponentialBackoff({ attempts: 9, initialDelay: '50ms', maxDelay: '1s' })
    expect([1, 2, 3, 4, 5, 6, 5000].map((attempt) => retryDelayMs(growing, attempt))).toEqual([
      50, 100, 200, 400, 800, 1000, 1000,
    ])
  })
})

describe('refused when the job is built:', () => {
  const GRA = (words: string) => expect.objectContaining({ code: 'GRA1005', message: expect.stringContaining(words) })
  test.each([
    ['a timeout of 0', { timeout: '0ms' }, GRA('the timeout 0')],
    ['a timeout that is no duration', { timeout: 'soon' }, expect.objectContaining({ code: 'CFG1002' })],
    ['a capacity of 0', { capacity: 0 }, GRA('the capacity 0')],
    ['a capacity that is no number', { capacity: Number.NaN }, GRA('the capacity NaN')],
  ])('%s', (_what, options, error) => {
    expect(() => wait('ordered', answer, options)).toThrow(error)
  })

  test.each([
    ['0 attempts', { attempts: 0, initialDelay: '1s', maxDelay: '2s' }, GRA('0 attempts')],
    ['a multiplier below 1', { attempts: 1, initialDelay: '1s', maxDelay: '2s', multiplier: 0.5 }, GRA('0.5')],
    ['a longest delay below the first', { attempts: 1, initialDelay: '3s', maxDelay: '2s' }, GRA('shorter')],
  ])('a retry strategy with %s', (_what, options, error) => {
    expect(() => AsyncRetryStrategies.exponentialBackoff(options)).toThrow(error)
  })
})
