/** The watermark of a source subtask against the rules read off the whole history, on random splits, records, silences and blocked outputs. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MIN_WATERMARK } from '../stream/element.ts'
import { SplitWatermarks } from './split-watermarks.ts'
import { WatermarkStrategy } from './watermark-strategy.ts'

const IDLE_AFTER_MS = 100
const SPLITS = ['a', 'b', 'c'] as const
type SplitId = (typeof SPLITS)[number]

type Move =
  | { readonly kind: 'assign'; readonly split: SplitId }
  | { readonly kind: 'open'; readonly split: SplitId }
  | { readonly kind: 'finish'; readonly split: SplitId }
  | { readonly kind: 'event'; readonly split: SplitId; readonly timestampMs: number }
  | { readonly kind: 'probe'; readonly nowMs: number }
  | { readonly kind: 'blocked' }

const splitId = fc.constantFrom(...SPLITS)
const moves = fc
  .array(
    fc.oneof(
      { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('assign', 'open', 'finish'), split: splitId }) },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('event'),
          split: splitId,
          timestampMs: fc.integer({ min: -50, max: 300 }),
        }),
      },
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('probe'), passedMs: fc.integer({ min: 0, max: 90 }) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('blocked') }) },
    ),
    { maxLength: 60 },
  )
  .map((drawn) => {
    let nowMs = 0
    return drawn.map((move): Move => {
      if (move.kind !== 'probe') return move
      nowMs += 'passedMs' in move ? move.passedMs : 0
      return { kind: 'probe', nowMs }
    })
  })

test('it is what the rules say about the whole history', () => {
  fc.assert(
    fc.property(moves, (history) => {
      const splits = new SplitWatermarks(WatermarkStrategy.forMonotonousTimestamps().withIdleness(`${IDLE_AFTER_MS}ms`))
      let idle = false
      for (const [index, move] of history.entries()) {
        if (move.kind === 'assign') splits.assigned({ id: move.split })
        else if (move.kind === 'open') splits.split(move.split)
        else if (move.kind === 'finish') splits.remove(move.split)
        else if (move.kind === 'event') splits.split(move.split).onEvent(move.timestampMs)
        else if (move.kind === 'blocked') splits.onBlocked()
        else idle = splits.emit(move.nowMs).idle ?? idle
        if (move.kind === 'probe') expect([splits.current(), idle]).toEqual(expectedAt(history.slice(0, index + 1)))
      }
    }),
    { numRuns: 2000 },
  )
})

/** Watermark and idleness at the last move, a probe. */
function expectedAt(history: readonly Move[]): readonly [number, boolean] {
  const before = history.slice(0, -1)
  const lastProbe = before.findLastIndex(({ kind }) => kind === 'probe')
  const [emitted] = lastProbe < 0 ? [MIN_WATERMARK] : expectedAt(history.slice(0, lastProbe + 1))
  if (isWaiting(history)) return [emitted, false]
  const lives = SPLITS.map((split) => lifeOf(split, history)).filter((life) => life !== undefined)
  const idle =
    lives.length === 0 ? isSilent(history, emptySince(history)) : lives.every((life) => isSilent(history, life))
  const active = lives.filter((life) => !isSilent(history, life)).map((life) => watermarkOf(life))
  const all = lives.map((life) => watermarkOf(life))
  const combined = idle ? Math.max(emitted, ...all) : active.length === 0 ? emitted : Math.min(...active)
  return [Math.max(emitted, combined), idle]
}

/** One stretch in which a split was read, or nothing was. */
interface Life {
  readonly from: number
  readonly split: SplitId | undefined
  readonly timestamps: readonly number[]
}

function lifeOf(split: SplitId, history: readonly Move[]): Life | undefined {
  const from = openedAt(split, history)
  if (from < 0) return undefined
  const timestamps = history.slice(from).flatMap((move) => (isEvent(move, split) ? [move.timestampMs] : []))
  return { from, split, timestamps }
}

/** Index of the move that opened it, for the last time; -1 when it is not open. */
function openedAt(split: SplitId, history: readonly Move[]): number {
  const finished = history.findLastIndex((move) => move.kind === 'finish' && move.split === split)
  return history.findIndex(
    (move, index) => index > finished && (isEvent(move, split) || (move.kind === 'open' && move.split === split)),
  )
}

/** A split that was assigned and not opened holds everything where it is. */
function isWaiting(history: readonly Move[]): boolean {
  return SPLITS.some((split) => {
    const finished = history.findLastIndex((move) => move.kind === 'finish' && move.split === split)
    const assigned = history.some((move, index) => index > finished && move.kind === 'assign' && move.split === split)
    return assigned && openedAt(split, history) < 0
  })
}

function emptySince(history: readonly Move[]): Life {
  const moves = history.findLastIndex(({ kind }) => kind === 'finish' || kind === 'open' || kind === 'event')
  return { from: moves, split: undefined, timestamps: [] }
}

/** Two probes without a record, further apart than the limit, and no blocked output between them. */
function isSilent(history: readonly Move[], { from, split }: Life): boolean {
  let sinceMs: number | undefined
  let isIdle = false
  let hasRecord = false
  for (const [index, move] of history.entries()) {
    if (index < from) continue
    if (split !== undefined && isEvent(move, split)) hasRecord = true
    if (move.kind === 'blocked' && !isIdle) sinceMs = undefined
    if (move.kind !== 'probe' || isWaiting(history.slice(0, index + 1))) continue
    if (hasRecord) [sinceMs, isIdle, hasRecord] = [undefined, false, false]
    else if (sinceMs === undefined && !isIdle) sinceMs = move.nowMs
    else if (sinceMs !== undefined && move.nowMs - sinceMs > IDLE_AFTER_MS) isIdle = true
  }
  return isIdle
}

function watermarkOf({ timestamps }: Life): number {
  return timestamps.length === 0 ? MIN_WATERMARK : Math.max(...timestamps) - 1
}

function isEvent(move: Move, split: SplitId): move is Extract<Move, { readonly kind: 'event' }> {
  return move.kind === 'event' && move.split === split
}
