/**
 * The arithmetic of panes: the pieces that the starts and ends of sliding windows cut time into.
 *
 * Where the size is a whole number of slides, a pane is one slide, and pane n starts at offset + n * slide. Otherwise a slide has two: windows
 * start at its beginning and end `rest` behind it, so that panes 2n and 2n + 1 are the parts of slide n before and behind that moment. Either way a
 * window is a row of neighbouring panes, and no more of them than twice the windows of a record.
 *
 * Window k starts at offset + k * slide, as everywhere. Numbers of panes and windows are small where starts are not.
 */
import { windowIndex } from './window-index.ts'

export interface SlidingShape {
  readonly sizeMs: number
  readonly slideMs: number
  readonly offsetMs: number
}

export class PaneGrid {
  /** Panes of each window. */
  readonly panesPerWindow: number
  readonly panesPerSlide: 1 | 2
  readonly #sizeMs: number
  readonly #slideMs: number
  readonly #offsetMs: number
  /** How far behind the beginning of a slide windows end; 0 when that is where slides begin. */
  readonly #restMs: number
  readonly #slidesPerWindow: number

  constructor({ sizeMs, slideMs, offsetMs }: SlidingShape) {
    this.#sizeMs = sizeMs
    this.#slideMs = slideMs
    this.#offsetMs = offsetMs
    this.#restMs = sizeMs % slideMs
    this.#slidesPerWindow = Math.floor(sizeMs / slideMs)
    this.panesPerSlide = this.#restMs === 0 ? 1 : 2
    this.panesPerWindow = this.#slidesPerWindow * this.panesPerSlide + (this.#restMs === 0 ? 0 : 1)
  }

  paneAt(timestamp: number): number {
    const slide = windowIndex(timestamp, this.#offsetMs, this.#slideMs)
    if (this.panesPerSlide === 1) return slide
    return 2 * slide + (timestamp - this.#slideStart(slide) < this.#restMs ? 0 : 1)
  }

  startOfPane(pane: number): number {
    if (this.panesPerSlide === 1) return this.#slideStart(pane)
    const slide = Math.floor(pane / 2)
    return this.#slideStart(slide) + (pane === 2 * slide ? 0 : this.#restMs)
  }

  firstPaneOf(window: number): number {
    return window * this.panesPerSlide
  }

  lastPaneOf(window: number): number {
    return this.firstPaneOf(window) + this.panesPerWindow - 1
  }

  /** The first window that the pane is in. */
  firstWindowOf(pane: number): number {
    return Math.floor((pane - this.panesPerWindow + this.panesPerSlide) / this.panesPerSlide) // rounded up
  }

  lastWindowOf(pane: number): number {
    return Math.floor(pane / this.panesPerSlide)
  }

  /** The last window that has ended when time has reached `timestamp`. */
  lastWindowEndedAt(timestamp: number): number {
    return windowIndex(timestamp + 1 - this.#sizeMs, this.#offsetMs, this.#slideMs)
  }

  startOfWindow(window: number): number {
    return this.#slideStart(window)
  }

  endOfWindow(window: number): number {
    return this.#slideStart(window) + this.#sizeMs
  }

  maxTimestampOfWindow(window: number): number {
    return this.endOfWindow(window) - 1
  }

  #slideStart(slide: number): number {
    return slide * this.#slideMs + this.#offsetMs
  }
}
