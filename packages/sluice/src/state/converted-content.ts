/** What a slot holds when a state got a time to live, or lost it. */
import type { StateKind } from './declared-states.ts'
import type { Entry } from './entry.ts'
import { ExpiringList, Stamped } from './expiring.ts'
import { UNKNOWN_TIME_MS } from './expiry.ts'
import { expiringListIn, expiringMapIn, listIn, mapIn, stampedIn } from './slot-contents.ts'
import { StateMap } from './state-map.ts'

/** The contents of one slot for a state that now has a time to live, or none any more. */
export function convertedContent(kind: StateKind, content: unknown): unknown {
  switch (kind) {
    case 'value':
    case 'reducing':
    case 'aggregating':
      return new Stamped(content, UNKNOWN_TIME_MS)
    case 'list':
      return listOf(listIn(content))
    case 'map':
      return mapped(mapIn(content), (value) => new Stamped(value, UNKNOWN_TIME_MS))
    case 'expiring-value':
    case 'expiring-reducing':
    case 'expiring-aggregating':
      return stampedIn(content).value
    case 'expiring-list':
      return expiringListIn(content).values
    case 'expiring-map':
      return mapped(expiringMapIn(content), (stamped) => stamped.value)
  }
}

/** Moves the content of a slot that was filled as one kind to where the other is. */
export function convertEntry(
  entry: Entry,
  from: { readonly kind: StateKind; readonly slot: number },
  toSlot: number,
): void {
  const content = entry.contentOf(from.slot)
  if (content === undefined) return
  const converted = convertedContent(from.kind, content)
  entry.setContent(from.slot, undefined)
  entry.setContent(toSlot, converted)
}

function listOf(values: unknown[]): ExpiringList<unknown> {
  return new ExpiringList(
    values,
    values.map(() => UNKNOWN_TIME_MS),
  )
}

function mapped<V, W>(map: StateMap<unknown, V>, convert: (value: V) => W): StateMap<unknown, W> {
  const result = new StateMap<unknown, W>()
  for (const [key, value] of map.entries()) result.put(key, convert(value))
  return result
}
