import { expect, test } from 'vitest'
import { systemProcesses } from './process-identity.ts'

const processes = systemProcesses()

test('this process is alive', () => {
  expect(processes.stateOf(processes.own)).toBe('alive')
})

test.skipIf(processes.own.start === '')(
  'a process that started at another time had the same number by chance and is gone',
  () => {
    expect(processes.stateOf({ ...processes.own, start: '1' })).toBe('gone')
  },
)

test('a number that no process has is gone', () => {
  expect(processes.stateOf({ ...processes.own, pid: 2 ** 30 })).toBe('gone')
})

test('whether a process of another machine lives is not guessed', () => {
  expect(processes.stateOf({ ...processes.own, host: 'elsewhere' })).toBe('foreign')
})
