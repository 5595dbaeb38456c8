import { expect, test } from 'vitest'
import { createManualEnv } from '../testing/manual-env.ts'
import { functionSink } from './function-sink.ts'
import { printSink, type PrintSinkOptions } from './print-sink.ts'
import type { SinkContext } from './sink.ts'

function contextOf(subtask: number, parallelism: number): SinkContext & { readonly lines: readonly string[] } {
  const env = createManualEnv()
  const rest = { attempt: 0, incarnation: '1-0', delivery: 'exactly-once', wake: () => {}, fail: () => {} } as const
  return { env, uid: 'print', subtask, parallelism, ...rest, lines: env.lines }
}

function printed(
  options: PrintSinkOptions,
  values: readonly unknown[],
  subtask = 0,
  parallelism = 1,
): readonly string[] {
  const context = contextOf(subtask, parallelism)
  const writer = printSink(options).createWriter(context, [])
  for (const value of values) writer.write(value, 0)
  return context.lines
}

test('print writes strings as they are and everything else as JSON', () => {
  expect(printed({}, ['a b', 1, { x: [1] }, null])).toEqual(['a b', '1', '{"x":[1]}', 'null'])
})

test('print puts the number of the subtask in front when there are several, and the prefix', () => {
  expect(printed({}, ['a'], 1, 2)).toEqual(['2> a'])
  expect(printed({ prefix: 'late' }, ['a'], 1, 2)).toEqual(['late:2> a'])
  expect(printed({ prefix: 'late' }, ['a'])).toEqual(['late> a'])
})

test('a function sink calls the function with value and timestamp', async () => {
  const seen: unknown[] = []
  const writer = functionSink((value, timestamp) => seen.push([value, timestamp])).createWriter(contextOf(0, 1), [])
  writer.write('a', 5)
  expect(seen).toEqual([['a', 5]])
  expect(await writer.snapshot(1)).toEqual({ committables: [], states: [] })
})
