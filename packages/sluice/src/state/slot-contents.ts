/** What a slot of a kind of state holds. Checked, because what is in the slot and what the kind says come by different ways. */
import { assert } from '../base/assert.ts'
import { ExpiringList, type ExpiringMap, Stamped } from './expiring.ts'
import { StateMap } from './state-map.ts'

export function listIn(content: unknown): unknown[] {
  assert(Array.isArray(content), 'the slot of a list state holds a list')
  return content
}

export function mapIn(content: unknown): StateMap<unknown, unknown> {
  assert(content instanceof StateMap, 'the slot of a map state holds pairs')
  return content
}

export function stampedIn(content: unknown): Stamped<unknown> {
  assert(content instanceof Stamped, 'the slot of a value with a time to live holds its time')
  return content
}

export function expiringListIn(content: unknown): ExpiringList<unknown> {
  assert(content instanceof ExpiringList, 'the slot of a list with a time to live holds the times of its elements')
  return content
}

export function expiringMapIn(content: unknown): ExpiringMap<unknown, unknown> {
  assert(content instanceof StateMap, 'the slot of a map with a time to live holds pairs')
  return content
}
