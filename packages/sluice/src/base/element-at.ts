/** The element at an index that the caller has compared with the length. Elements may be undefined themselves, so that cannot tell. */
export function elementAt<T>(values: readonly T[], index: number): T {
  return values[index] as T // the caller's bound check
}
