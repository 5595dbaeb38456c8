import { expect, test } from 'vitest'
import type { ErrorCode } from '../base/error-codes.ts'
import { attemptNumber } from '../base/ids.ts'
import { crashLoopAt, crashLoopError } from './crash-loop.ts'
import type { CrashLoop, FailureRecord } from './job-events.ts'

interface Place {
  readonly record?: string
  readonly operator?: string
  readonly code?: ErrorCode
}

function failure({ record, operator = 'parse', code = 'TSK1001' }: Place): FailureRecord {
  const context = { operator, ...(record === undefined ? {} : { record }) }
  const error = { code, message: 'it broke', context, cause: 'Error: it broke\n    at parse' }
  return { error, attempt: attemptNumber(0), wallMs: 0, restoredCheckpoint: undefined, mergedCount: 0 }
}

/** As the job machine notes them, with a history of limited length. */
function loopBehind(places: readonly Place[], keptMax = 16): CrashLoop | undefined {
  let kept: readonly FailureRecord[] = []
  for (const place of places) {
    const crashLoop = crashLoopAt(failure(place), kept)
    kept = [...kept, { ...failure(place), ...(crashLoop === undefined ? {} : { crashLoop }) }].slice(-keptMax)
  }
  return kept.at(-1)?.crashLoop
}

const AT_7: Place = { record: 'a.jsonl byte 7' }

test('two failures at one record are none, three are a crash loop', () => {
  expect(loopBehind([AT_7, AT_7])).toBeUndefined()
  expect(loopBehind([AT_7, AT_7, AT_7])).toEqual({ record: 'a.jsonl byte 7', failureCount: 3 })
})

test.each<[string, Place]>([
  ['record', { record: 'a.jsonl byte 8' }],
  ['operator', { ...AT_7, operator: 'score' }],
  ['error code', { ...AT_7, code: 'KEY1001' }],
  ['failure without a record', {}],
])('another %s between them begins anew', (_what, other) => {
  expect(loopBehind([AT_7, AT_7, other, AT_7, AT_7])).toBeUndefined()
  expect(loopBehind([AT_7, AT_7, other, AT_7, AT_7, AT_7])?.failureCount).toBe(3)
})

test('failures that name no record are no crash loop', () => {
  expect(loopBehind([{}, {}, {}, {}])).toBeUndefined()
})

test('the count goes on behind the end of the history', () => {
  expect(loopBehind(Array.from({ length: 50 }, () => AT_7))?.failureCount).toBe(50)
  expect(
    loopBehind(
      Array.from({ length: 50 }, () => AT_7),
      3,
    )?.failureCount,
  ).toBe(50)
})

test('the error of the job names record, operator and count, keeps the cause, and says what to do', () => {
  const loop = { record: 'a.jsonl byte 7', failureCount: 4 }
  const error = crashLoopError(failure(AT_7), loop, { job: 'orders', why: 'enough', after: 'All is kept.' })
  expect(error).toMatchObject({ code: 'TSK1007', cause: expect.stringContaining('at parse') })
  expect(error.context).toEqual({ job: 'orders', operator: 'parse', record: 'a.jsonl byte 7' })
  expect(error.message).toContain(
    'crash loop: record a.jsonl byte 7 of operator "parse" failed job "orders" 4 times in a row: [TSK1001] it broke',
  )
  expect(error.message).toContain('error policy')
})
