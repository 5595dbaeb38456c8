/**
 * What happens to a record that cannot be processed, in the words of users and as plain data of the graph: the same for operators, sinks and
 * what decodes the records of a source. The rules are in docs/spec/errors.md.
 */

/**
 * Name of the side output for records that cannot be processed, where the policy `'dead-letter'` names no other.
 *
 * @example orders.onError('dead-letter').getSideOutput<DeadLetterRecord<Order>>(DEAD_LETTER).sinkTo(jsonLinesSink('dead'))
 */
export const DEAD_LETTER = 'dead-letter'

/** As the graph has it. */
export type ErrorPolicy =
  /** The task fails, and the job restarts by its restart strategy. */
  | { readonly kind: 'fail' }
  /** The record is counted as `skippedRecords`. */
  | { readonly kind: 'skip' }
  /** It goes to the side output with this name and is counted as `deadLetterRecords`. */
  | { readonly kind: 'dead-letter'; readonly tag: string }

/** An `OutputTag` of letters, as far as it matters here. */
export interface DeadLetterTag<Letter> {
  readonly name: string
  /** Only for the type checker. */
  readonly types?: { readonly value: Letter }
}

/**
 * What to do with a record that cannot be processed: `'fail'` the job (the default everywhere), `'skip'` and count it, or set it aside: on the side
 * output named by a tag, or, with `'dead-letter'`, on the one named `DEAD_LETTER`.
 *
 * @example parsed.map(score).onError('skip')
 * @example jsonLinesSource<Order>('orders/', { onError: outputTag<DeadLetter>('broken-orders') })
 */
export type OnError<Letter> = 'fail' | 'skip' | 'dead-letter' | DeadLetterTag<Letter>

/** Names of the counters of records and timers that took another way than the main one. */
export const SKIPPED_RECORDS = 'skippedRecords'
export const DEAD_LETTER_RECORDS = 'deadLetterRecords'
export const SKIPPED_TIMERS = 'skippedTimers'

const FAIL: ErrorPolicy = Object.freeze({ kind: 'fail' })
const SKIP: ErrorPolicy = Object.freeze({ kind: 'skip' })

/** What was chosen, as plain data. */
export function errorPolicyOf(choice: OnError<unknown>): ErrorPolicy {
  if (choice === 'fail') return FAIL
  if (choice === 'skip') return SKIP
  return Object.freeze({ kind: 'dead-letter', tag: choice === 'dead-letter' ? DEAD_LETTER : choice.name })
}
