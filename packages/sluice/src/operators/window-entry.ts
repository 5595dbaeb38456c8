import type { TimeWindow } from './window-definition.ts'

/**
 * What the general window operator keeps of one window of one key. Plain data: it is encoded into checkpoints as it is.
 */
export interface WindowEntry extends TimeWindow {
  /** An accumulator or a list of records; undefined while it holds none, e.g. when it was purged. */
  contents: unknown
  /** States of the trigger, then those of the window's function, each at its place; undefined while there are none. */
  slots: unknown[] | undefined
}

export function newEntry(start: number, end: number): WindowEntry {
  return { start, end, contents: undefined, slots: undefined }
}

/** For who alone fills the place, and so knows what it holds. */
export function slotOf<Content>(entry: WindowEntry, place: number): Content | undefined {
  return entry.slots?.[place] as Content | undefined // the caller's promise
}

/** What a strategy that keeps records one by one has of them. */
export function listOf<V>(entry: WindowEntry): V[] | undefined {
  return entry.contents as V[] | undefined // only the strategy of the operator fills it
}

export function setSlot(entry: WindowEntry, place: number, content: unknown): void {
  if (entry.slots === undefined) {
    if (content === undefined) return
    entry.slots = []
  }
  const { slots } = entry
  while (slots.length <= place) slots.push(undefined)
  slots[place] = content
}

/** Whether nothing would be lost with it. */
export function isBare(entry: WindowEntry): boolean {
  return (
    entry.contents === undefined && (entry.slots === undefined || entry.slots.every((content) => content === undefined))
  )
}
