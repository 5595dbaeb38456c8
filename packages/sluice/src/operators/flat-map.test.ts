import { expect, test } from 'vitest'
import { testOperator } from '../testing/operator-harness.ts'
import { record } from '../testing/operator-script.ts'
import { flatMapOperator, type Collector } from './flat-map.ts'
import type { OperatorContext } from './operator.ts'

test('a record becomes any number of records with its timestamp', async () => {
  const words = flatMapOperator((line: string, out: Collector<string>) => {
    for (const word of line.split(' ')) if (word !== '') out(word)
  })
  const output = await testOperator(words, [record('to be', 5), record('', 6), record('or', 7)])
  expect(output.records).toEqual([
    { value: 'to', timestamp: 5 },
    { value: 'be', timestamp: 5 },
    { value: 'or', timestamp: 7 },
  ])
})

test('a failure downstream is not blamed on the function, even when the function catches it', () => {
  const downstream = new TypeError('downstream')
  const swallowing = flatMapOperator((value: number, out: Collector<number>) => {
    try {
      out(value)
    } catch {
      // the point of this test
    }
  }).create()
  swallowing.open(
    contextWith(() => {
      throw downstream
    }),
  )
  expect(() => swallowing.onRecord(1, 1)).toThrow(downstream)
})

test('emitting after the function returned fails the task', () => {
  let kept: Collector<number> | undefined
  const failures: unknown[] = []
  const keeping = flatMapOperator((_value: number, out: Collector<number>) => {
    kept = out
  }).create()
  keeping.open(contextWith(() => {}, failures))
  keeping.onRecord(1, 1)
  expect(() => kept?.(2)).toThrow(expect.objectContaining({ code: 'TSK1005' }))
  expect(failures).toMatchObject([{ code: 'TSK1005' }])
})

test('what the function throws becomes TSK1001', async () => {
  const failing = flatMapOperator(() => {
    throw new RangeError('too long')
  })
  await expect(testOperator(failing, [record(1, 1)])).rejects.toMatchObject({ code: 'TSK1001' })
})

function contextWith(onRecord: () => void, failures: unknown[] = []): OperatorContext {
  return {
    info: { uid: 'op', name: 'op', subtask: 0, parallelism: 1, maxParallelism: 1, attempt: 0 },
    output: { onRecord },
    sideOutput: () => ({ onRecord }),
    keyed: undefined,
    restored: undefined,
    restoredCheckpoint: undefined,
    processingTimeMs: () => 0,
    wakeAt: () => {},
    wake: () => {},
    fail: (error) => failures.push(error),
    counter: () => ({ add: () => {} }),
  }
}

test('an asynchronous function is refused by name', async () => {
  const message = expect.stringContaining('returned a promise')
  const asynchronous: (value: number) => unknown = async () => {}
  await expect(testOperator(flatMapOperator(asynchronous), [record(1, 10)])).rejects.toMatchObject({
    code: 'TSK1001',
    message,
  })
})
