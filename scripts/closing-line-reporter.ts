import type { Reporter, TestCase, TestModule } from 'vitest/node'

export interface Tally {
  passed: number
  failed: number
  skipped: number
}

/**
 * Ends a test run with one plain line of counts, and fails runs that only look green: one that executed no test, and in
 * CI one that skipped any.
 */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tally = tallyOf(modules, unhandledErrors.length)
    const complaint = complaintAbout(tally, process.env['CI'] === 'true' ? 'ci' : 'local')
    if (complaint !== undefined) {
      process.stderr.write(`\n${complaint}\n`)
      process.exitCode = 1
    }
    process.stdout.write(`\n${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped\n`)
  }
}

/** Why a run without a failed test is a failure all the same. */
export function complaintAbout(tally: Tally, where: 'ci' | 'local'): string | undefined {
  if (tally.passed + tally.failed === 0) return 'No test was executed.'
  if (where === 'ci' && tally.skipped > 0) return `${tally.skipped} tests were skipped; in CI every test has to run.`
  return undefined
}

/** A file that does not load, and an error outside of any test, count as one failure each: no test speaks for them. */
function tallyOf(modules: readonly TestModule[], unhandledErrorCount: number): Tally {
  const tally: Tally = { passed: 0, failed: unhandledErrorCount, skipped: 0 }
  for (const module of modules) {
    const tests = [...module.children.allTests()]
    for (const test of tests) tally[outcomeOf(test)] += 1
    if (module.state() === 'failed' && !tests.some((test) => outcomeOf(test) === 'failed')) tally.failed += 1
  }
  return tally
}

function outcomeOf(test: TestCase): keyof Tally {
  const { state } = test.result()
  return state === 'pending' ? 'skipped' : state
}
