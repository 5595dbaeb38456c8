import { expect, test } from 'vitest'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, record, secondRecord, watermark } from '../testing/operator-script.ts'
import { coFlatMapOperator } from './co-flat-map.ts'
import { coMapOperator } from './co-map.ts'

test('a co-map gives one record for each record of either input, with its timestamp', async () => {
  const spec = coMapOperator(
    (text: string) => text.length,
    (number: number) => number * 10,
  )
  const output = await testOperator(spec, [
    record('abc', 1),
    secondRecord(2, 7),
    record('', 3),
    watermark(3),
    secondRecord(4),
    endOfInput(),
  ])
  expect(output.records.map(({ value }) => value)).toEqual([3, 20, 0, 40])
  expect(output.records.slice(0, 2).map(({ timestamp }) => timestamp)).toEqual([1, 7])
})

test('a co-flatMap gives any number of records for each record of either input', async () => {
  const spec = coFlatMapOperator<string, number, string>(
    (text, out) => text.split('').forEach((letter) => out(letter)),
    (count, out) => {
      for (let i = 0; i < count; i++) out(`${count}`)
    },
  )
  const output = await testOperator(spec, [record('ab', 1), secondRecord(0, 2), secondRecord(3, 3), record('', 4)])
  expect(output.records).toEqual([
    { value: 'a', timestamp: 1 },
    { value: 'b', timestamp: 1 },
    { value: '3', timestamp: 3 },
    { value: '3', timestamp: 3 },
    { value: '3', timestamp: 3 },
  ])
})

test('what a function throws says which of the two it was', async () => {
  const fails = (): never => {
    throw new RangeError('boom')
  }
  const passes = (value: unknown): unknown => value
  await expect(testOperator(coMapOperator(fails, passes), [record(1)])).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringContaining('the first map function of operator "operator" threw: boom'),
  })
  await expect(testOperator(coMapOperator(passes, fails), [record(1), secondRecord(1)])).rejects.toMatchObject({
    message: expect.stringContaining('the second map function'),
  })
  await expect(testOperator(coFlatMapOperator(passes, fails), [record(1), secondRecord(1)])).rejects.toMatchObject({
    message: expect.stringContaining('the second flatMap function'),
  })
  await expect(testOperator(coFlatMapOperator(fails, passes), [record(1)])).rejects.toMatchObject({
    message: expect.stringContaining('the first flatMap function'),
  })
})

test('an asynchronous function is refused on either side', async () => {
  const later = (): unknown => Promise.resolve()
  const now = (): void => {}
  await expect(testOperator(coMapOperator(now, later), [secondRecord(1)])).rejects.toMatchObject({ code: 'TSK1001' })
  await expect(testOperator(coFlatMapOperator(later, now), [record(1)])).rejects.toMatchObject({ code: 'TSK1001' })
})
