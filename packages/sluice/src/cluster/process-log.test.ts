import { expect, test } from 'vitest'
import { LOG_TAIL_BYTES_MAX, logSamples, ProcessLog } from './process-log.ts'

function logging(format: 'text' | 'json', level: 'debug' | 'warn' = 'debug') {
  const lines: string[] = []
  const log = new ProcessLog({ level, format, output: { writeLine: (line) => void lines.push(line) }, wallMs: () => 0 })
  return { lines, log }
}

test('a line has its time, its level, its text and what it is about', () => {
  const { lines, log } = logging('text')
  log.write('warn', 'a slot was lost', { job: 'j', slot: 1, vertex: undefined })
  expect(lines).toEqual(['1970-01-01T00:00:00.000Z WARN  a slot was lost  (job=j slot=1)'])
})

test('further lines of a text cannot be taken for lines of their own', () => {
  const { lines, log } = logging('text')
  log.write('info', 'one\n1970-01-01T00:00:00.000Z ERROR two')
  expect(lines).toEqual(['1970-01-01T00:00:00.000Z INFO  one\n  1970-01-01T00:00:00.000Z ERROR two'])
})

test('for programs a line is one object', () => {
  const { lines, log } = logging('json')
  log.write('info', 'two\nlines', { job: 'j' })
  expect(lines).toEqual(['{"at":"1970-01-01T00:00:00.000Z","level":"info","text":"two\\nlines","job":"j"}'])
})

test('less important lines are left out', () => {
  const { lines, log } = logging('text', 'warn')
  log.write('info', 'not this')
  log.write('error', 'this')
  expect(lines).toHaveLength(1)
})

test('the newest lines can be looked up, whole, with what jobs printed among them', () => {
  const { log } = logging('json')
  log.write('info', 'first')
  log.keep('printed')
  log.keep('é')
  expect(log.newest(1000).split('\n').slice(1)).toEqual(['printed', 'é', ''])
  expect(log.newest(11)).toBe('printed\né\n')
  expect(log.newest(10)).toBe('é\n')
  expect(log.newest(0)).toBe('')
})

test('memory for lines is bounded, however many and however long they are', () => {
  const { log } = logging('text')
  for (let n = 0; n < 5000; n++) log.keep(`${n} ${'x'.repeat(500)}`)
  log.keep('y'.repeat(LOG_TAIL_BYTES_MAX * 2))
  const kept = log.newest(Number.MAX_SAFE_INTEGER)
  expect(kept.length).toBeLessThanOrEqual(LOG_TAIL_BYTES_MAX)
  expect(kept).toContain('4999 x')
})

test('who writes stands in every line for programs, and in none for people', () => {
  for (const format of ['json', 'text'] as const) {
    const { lines, log } = logging(format)
    log.identify({ taskManager: 'tm-1' })
    log.write('info', 'it runs', { job: 'j' })
    expect(lines.map((line) => line.includes('tm-1'))).toEqual([format === 'json'])
  }
})

test('lines are counted by level, those that are left out are not', () => {
  const { log } = logging('json', 'warn')
  for (const level of ['debug', 'info', 'warn', 'error', 'error'] as const) log.write(level, 'something')
  const counts = logSamples(log, { role: 'r' }).map(({ labels, value }) => [labels['level'], value])
  expect(Object.fromEntries(counts)).toEqual({ debug: 0, info: 0, warn: 1, error: 2 })
})
