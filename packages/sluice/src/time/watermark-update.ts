/**
 * What changed after an input of event time: to be sent downstream. Order: `idle: false` goes before the watermark,
 * `idle: true` behind it.
 */
export interface WatermarkUpdate {
  /** Milliseconds; greater than every one before. */
  readonly watermark?: number
  /** Present only when it changed. */
  readonly idle?: boolean
}

export const NO_UPDATE: WatermarkUpdate = Object.freeze({})
