/**
 * Crash loops: the same record fails the job again and again, and restarting does not get past it. Pure; the rules are in docs/spec/errors.md.
 *
 * C1 Failures are of one loop when record, operator and error code are the same and no other failure came between them.
 * C2 It is called so from the third failure on: two may be chance, such as a service that was away for a moment.
 */
import type { ErrorData } from '../base/errors.ts'
import type { CrashLoop, FailureRecord } from './job-events.ts'

const CRASH_LOOP_MIN = 3

/** The loop that a failure goes on with; `earlier` are those before it, oldest first. */
export function crashLoopAt(newest: FailureRecord, earlier: readonly FailureRecord[]): CrashLoop | undefined {
  const { record } = newest.error.context
  if (record === undefined) return undefined
  let failureCount = 1
  for (const failure of earlier.toReversed()) {
    if (!isAlike(failure, newest)) break // C1
    failureCount += failure.crashLoop?.failureCount ?? 1
    if (failure.crashLoop !== undefined) break // its count goes back further than the history does
  }
  return failureCount >= CRASH_LOOP_MIN ? { record, failureCount } : undefined // C2
}

function isAlike({ error: a }: FailureRecord, { error: b }: FailureRecord): boolean {
  return a.code === b.code && a.context.record === b.context.record && a.context.operator === b.context.operator
}

/** The error of a job that ends in a crash loop; `why` says why it is not restarted again, `after` what is kept. */
export function crashLoopError(
  { error }: FailureRecord,
  { record, failureCount }: CrashLoop,
  { job, why, after }: { readonly job: string; readonly why: string; readonly after: string },
): ErrorData {
  const operator = error.context.operator === undefined ? '' : ` of operator "${error.context.operator}"`
  const origin = error.cause ?? error.stack
  return {
    code: 'TSK1007',
    message:
      `crash loop: record ${record}${operator} failed job "${job}" ${failureCount} times in a row: [${error.code}] ${error.message}\n` +
      `It was not restarted: ${why}, and restarting does not get past that record.\n${after} To go on without such records, give the operator an ` +
      "error policy: .onError('skip'), or .onError(tag) for a side output.",
    context: { ...error.context, job },
    ...(origin === undefined ? {} : { cause: origin }),
  }
}
