/** What is said when a user function throws, or gives what the operator cannot work with (docs/spec/datastream.md, D3). */
import { EngineError, messageOf } from '../base/errors.ts'
import type { Key } from '../stream/key-groups.ts'
import type { OperatorInfo } from './operator.ts'
import type { TimeWindow } from './window-definition.ts'

/** What a user function was called for. Made only when the call has failed. */
export type UserCall =
  | { readonly kind: 'record'; readonly key?: Key }
  | {
      readonly kind: 'timer'
      readonly timeDomain: 'event' | 'processing'
      readonly timestampMs: number
      readonly key: Key
    }
  | { readonly kind: 'window'; readonly window: TimeWindow; readonly key: Key }
  | { readonly kind: 'open' | 'end' | 'close' | 'merge' }

const RECORD: UserCall = Object.freeze({ kind: 'record' })

/** Characters of a key in a message. */
const KEY_CHARS_MAX = 100

/**
 * What a user function threw, with the operator it belongs to. `what` names the function in the user's words, e.g. `map function`.
 * An error that is classified already keeps its code.
 */
export function userError(info: OperatorInfo, what: string, cause: unknown, call = RECORD): EngineError {
  const context = { operator: info.uid, subtask: info.subtask }
  if (cause instanceof EngineError) return cause.within(context)
  const { lost, advice } = consequenceOf(call)
  return new EngineError(
    'TSK1001',
    `the ${what} of operator "${info.name}" threw: ${sentence(messageOf(cause))} ${lost} and the task stops; its state stays as of ` +
      `the last checkpoint. ${advice}`,
    { context, cause },
  )
}

/** Fails when a user function is asynchronous: its result is needed before the next record. */
export function refusePromise(info: OperatorInfo, what: string, result: unknown): void {
  if (!(result instanceof Promise)) return
  result.catch(refusedAlready)
  throw userResultError(
    info,
    what,
    'returned a promise. Records are processed one after the other, and state belongs to a key only during the call, so the task stops. Make the function synchronous.',
  )
}

/** What the promise would still say no longer matters: the error above ends the task. */
function refusedAlready(): void {}

/** For a user function that gave back what the operator cannot work with. */
export function userResultError(info: OperatorInfo, what: string, problem: string): EngineError {
  return new EngineError('TSK1001', `the ${what} of operator "${info.name}" ${problem}`, {
    context: { operator: info.uid, subtask: info.subtask },
  })
}

function consequenceOf(call: UserCall): { readonly lost: string; readonly advice: string } {
  switch (call.kind) {
    case 'record':
      return {
        lost: `The record${call.key === undefined ? '' : ` of key ${keyText(call.key)}`} was not processed`,
        advice: 'Handle such records in the function, or fix it and start the job again.',
      }
    case 'timer':
      return {
        lost: `The ${call.timeDomain}-time timer at ${timeText(call.timestampMs)} of key ${keyText(call.key)} was not handled`,
        advice: 'The timer is due again after a restart: handle the state it meets in the function, or fix it.',
      }
    case 'merge':
      return {
        lost: 'Two accumulators were not joined, so a window has no result',
        advice: 'It is called again after a restart: fix it.',
      }
    case 'open':
      return { lost: 'The subtask did not start', advice: 'Fix what the function does before the first record.' }
    case 'end':
      return {
        lost: 'What it would have emitted at the end of the input is missing',
        advice: 'It is called again after a restart: fix it.',
      }
    case 'close':
      return { lost: 'The records before were processed', advice: 'Fix how the function releases what it holds.' }
    case 'window':
      return {
        lost: `The window [${timeText(call.window.start)}, ${timeText(call.window.end)}) of key ${keyText(call.key)} gave no result`,
        advice: 'It fires again after a restart: handle what it holds in the function, or fix it.',
      }
  }
}

function keyText(key: Key): string {
  if (typeof key !== 'string') return String(key)
  return JSON.stringify(key.length > KEY_CHARS_MAX ? `${key.slice(0, KEY_CHARS_MAX)}…` : key)
}

/** In the words of a clock, or as the number where no clock goes: the end of a window may lie behind the range of `Date`. */
function timeText(timestampMs: number): string {
  const date = new Date(timestampMs)
  return Number.isNaN(date.getTime()) ? `${timestampMs}` : date.toISOString()
}

/** Messages of causes end as they like. */
function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}
