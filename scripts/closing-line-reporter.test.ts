import { expect, test } from 'vitest'
import { complaintAbout } from './closing-line-reporter.ts'

test('a run that executed no test fails', () => {
  expect(complaintAbout({ passed: 0, failed: 0, skipped: 3 }, 'local')).toBe('No test was executed.')
})

test('a skipped test fails the run in CI only', () => {
  const tally = { passed: 1, failed: 0, skipped: 2 }
  expect(complaintAbout(tally, 'ci')).toBe('2 tests were skipped; in CI every test has to run.')
  expect(complaintAbout(tally, 'local')).toBeUndefined()
})
