/** How far one subtask of a source is in event time, for watermark alignment. `watermark` in milliseconds. */
export type SourceWatermark =
  | { readonly kind: 'active'; readonly watermark: number }
  /** Holds nobody back until it has records again: it has been silent, or waits for other readers of its source. */
  | { readonly kind: 'idle' }
  /** Has read its whole bounded input. */
  | { readonly kind: 'ended' }
