/**
 * A frozen record of these entries. The caller answers for its type: names and values come from the same declarations, one for each name.
 *
 * @param entries what `Object.entries` gives, with other values
 */
export function recordOf<R extends object>(entries: Iterable<readonly [string, unknown]>): R {
  return Object.freeze(Object.fromEntries(entries)) as R // the one place that cannot know
}
