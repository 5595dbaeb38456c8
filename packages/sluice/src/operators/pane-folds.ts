/**
 * What a window of panes holds, for three merges a pane and not one for every pane of every window.
 *
 * Panes are numbered through, and every `panesPerWindow` panes there is a border. A window crosses exactly one (or begins at one), so it is the
 * panes in front of the border from its first on, merged, and those behind the border up to its last, merged. Both are kept: the windows that
 * cross the same border share them.
 *
 * Owns: the folds of a key. Does not own: the panes, which it never changes.
 *
 * F1 A window's accumulator is a function of its panes alone, down to the order of merging: panes in front of the border from the right, those
 *    behind it from the left, then both. So it makes no difference when the folds were computed, or that a restored key has none.
 * F2 Panes and folds are merged as copies only: the user's function may do with its arguments what it likes.
 * F3 A fold is dropped when a pane in it changes.
 */
import { present } from '../base/assert.ts'
import { copyOf } from './pane-copy.ts'
import type { PaneGrid } from './pane-grid.ts'
import { FOLDS, newPaneFolds, type PaneFolds, type PaneList, placeOf } from './pane-list.ts'

const NO_PREFIX = Object.freeze({ prefix: undefined, prefixCount: 0 })

interface AccumulatorMerge<A> {
  /** May change both, and return either. */
  merge(first: A, second: A): A
}

export class PaneFolding<A> {
  readonly #grid: PaneGrid
  readonly #aggregation: AccumulatorMerge<A>
  /** For windows that fire again: nothing of them is kept. */
  readonly #earlier: PaneFolds<A> = newPaneFolds()

  constructor(grid: PaneGrid, aggregation: AccumulatorMerge<A>) {
    this.#grid = grid
    this.#aggregation = aggregation
  }

  /** What the window holds, as a new accumulator; undefined when it has no pane. The windows of a key are asked for in order. */
  accumulatorOf(list: PaneList<A>, window: number): A | undefined {
    return this.#accumulatorOf(list, window, (list[FOLDS] ??= newPaneFolds()))
  }

  /** The same for windows that have fired before, in order; `undefined` where one has no pane. */
  accumulatorsOfEarlier(list: PaneList<A>, firstWindow: number, lastWindow: number): (A | undefined)[] {
    const found: (A | undefined)[] = []
    moveBorder(this.#earlier, Number.NaN) // a function may have thrown the last time
    for (let window = firstWindow; window <= lastWindow; window++) {
      found.push(this.#accumulatorOf(list, window, this.#earlier))
    }
    moveBorder(this.#earlier, Number.NaN)
    return found
  }

  /** The pane at this place is new or has changed (F3). */
  invalidate(list: PaneList<A>, place: number): void {
    const folds = list[FOLDS]
    if (folds === undefined) return
    const border = placeOf(list, folds.border)
    if (place < border) shorten(folds.suffixes, border - 1 - place)
    else if (place - border < folds.prefixCount) dropPrefix(folds)
  }

  #accumulatorOf(list: PaneList<A>, window: number, folds: PaneFolds<A>): A | undefined {
    const borderPane = this.#borderOf(window)
    if (folds.border !== borderPane) moveBorder(folds, borderPane)
    const from = placeOf(list, this.#grid.firstPaneOf(window))
    const border = placeOf(list, borderPane)
    const to = placeOf(list, this.#grid.lastPaneOf(window) + 1)
    const right = border < to ? this.#prefix(list, folds, border, to - border) : undefined
    if (from === border) return copyOf(right)
    const suffix = this.#suffix(list, folds, border, border - from)
    const isLastUse = present(list.numbers[from], 'a pane of the window') < this.#grid.firstPaneOf(window + 1)
    if (isLastUse) folds.suffixes.pop()
    const left = isLastUse ? suffix : copyOf(suffix)
    return right === undefined ? left : this.#aggregation.merge(left, copyOf(right)) // F2
  }

  /** The last `count` panes in front of the border. */
  #suffix({ accumulators }: PaneList<A>, { suffixes }: PaneFolds<A>, border: number, count: number): A {
    for (let held = suffixes.length; held < count; held++) {
      const pane = copyOf(present(accumulators[border - 1 - held], 'a pane in front of the border'))
      const behind = suffixes[held - 1]
      suffixes.push(behind === undefined ? pane : this.#aggregation.merge(pane, copyOf(behind)))
    }
    shorten(suffixes, count) // windows that come later begin later
    return present(suffixes[count - 1], 'the panes in front of the border')
  }

  /** The first `count` panes behind the border. */
  #prefix({ accumulators }: PaneList<A>, folds: PaneFolds<A>, border: number, count: number): A {
    let { prefix, prefixCount } = folds.prefixCount <= count ? folds : NO_PREFIX
    dropPrefix(folds) // a merge that throws may have changed it
    for (; prefixCount < count; prefixCount++) {
      const pane = copyOf(present(accumulators[border + prefixCount], 'a pane behind the border'))
      prefix = prefix === undefined ? pane : this.#aggregation.merge(prefix, pane)
    }
    folds.prefix = prefix
    folds.prefixCount = count
    return present(prefix, 'the panes behind the border')
  }

  #borderOf(window: number): number {
    const { panesPerWindow } = this.#grid
    return Math.floor(this.#grid.lastPaneOf(window) / panesPerWindow) * panesPerWindow
  }
}

function moveBorder<A>(folds: PaneFolds<A>, border: number): void {
  folds.border = border
  shorten(folds.suffixes, 0)
  dropPrefix(folds)
}

function dropPrefix<A>(folds: PaneFolds<A>): void {
  folds.prefix = undefined
  folds.prefixCount = 0
}

function shorten(held: unknown[], count: number): void {
  while (held.length > count) held.pop()
}
