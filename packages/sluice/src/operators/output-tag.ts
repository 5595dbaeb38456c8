/** Names a side output and its type. Frozen plain data. */
export interface OutputTag<T> {
  readonly name: string
  /** Only for the type checker. */
  readonly types?: { readonly value: T }
}

/**
 * A side output: records that an operator sets aside, such as late ones.
 *
 * @param name unique within the operator that writes to it
 * @example const late = outputTag<Order>('late-orders')
 */
export function outputTag<T>(name: string): OutputTag<T> {
  return Object.freeze({ name })
}
