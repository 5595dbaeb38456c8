/**
 * The panes of one key that a window has ended on: state, except for what is computed from them again when it is missing.
 *
 * L1 Panes are in order of their numbers, none twice. Places in front of `droppedCount` hold none.
 * L2 Dropping the first pane moves nothing; the places are given back when they are a quarter of all.
 */

/** Everything of one key but its open panes. Plain data: it is encoded as it is, without what a symbol names. */
export interface PaneList<A> {
  /** When the key's one timer is due. */
  timerAt: number
  droppedCount: number
  readonly numbers: number[]
  /** Of the panes with these numbers; undefined where one was dropped. */
  readonly accumulators: (A | undefined)[]
  [FOLDS]?: PaneFolds<A> | undefined
}

/** What neighbouring panes were merged to, around one border between two of them (pane-folds.ts). */
export interface PaneFolds<A> {
  /** First pane behind the border; NaN before there is one. */
  border: number
  /** At i: the i + 1 panes in front of the border. */
  readonly suffixes: A[]
  /** The first so many panes behind the border; undefined when there are none. */
  prefix: A | undefined
  prefixCount: number
}

export const FOLDS: unique symbol = Symbol('folds')

/** Places of dropped panes that a list may keep, however few others it has. */
const DROPPED_MIN = 8

export function newPaneList<A>(timerAt: number): PaneList<A> {
  return { timerAt, droppedCount: 0, numbers: [], accumulators: [], [FOLDS]: undefined }
}

export function newPaneFolds<A>(): PaneFolds<A> {
  return { border: Number.NaN, suffixes: [], prefix: undefined, prefixCount: 0 }
}

/** The place of the first pane with this number or a greater one. */
export function placeOf<A>({ numbers, droppedCount }: PaneList<A>, pane: number): number {
  const { length } = numbers
  // nearly always it is at one of the ends
  if (length === droppedCount || numbers[length - 1]! < pane) return length // not empty
  if (numbers[droppedCount]! >= pane) return droppedCount // likewise
  let low = droppedCount + 1
  let high = length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (numbers[middle]! < pane) low = middle + 1 // low <= middle < high < length
    else high = middle
  }
  return low
}

/** The number at this place; undefined behind the last pane. */
export function paneAt<A>({ numbers }: PaneList<A>, place: number): number | undefined {
  return place < numbers.length ? numbers[place] : undefined
}

export function insertPane<A>(list: PaneList<A>, place: number, pane: number, accumulator: A): void {
  const { numbers, accumulators } = list
  if (place === numbers.length) {
    numbers.push(pane)
    accumulators.push(accumulator)
  } else {
    numbers.splice(place, 0, pane)
    accumulators.splice(place, 0, accumulator)
  }
}

/** The list is not empty. */
export function dropFirstPane<A>(list: PaneList<A>): void {
  list.numbers[list.droppedCount] = 0
  list.accumulators[list.droppedCount] = undefined
  list.droppedCount++
  if (list.droppedCount >= DROPPED_MIN && list.droppedCount * 4 >= list.numbers.length) closeGap(list)
}

/** L2 */
function closeGap<A>(list: PaneList<A>): void {
  const { numbers, accumulators, droppedCount } = list
  const count = numbers.length - droppedCount
  for (let place = 0; place < count; place++) {
    numbers[place] = numbers[place + droppedCount]! // place + droppedCount < length
    accumulators[place] = accumulators[place + droppedCount]
  }
  numbers.length = count
  accumulators.length = count
  list.droppedCount = 0
}
