import { bytesToValue } from '../serde/value-codec.ts'
import type { OperatorStateItems, OperatorStateList } from '../state/operator-state.ts'

/** Operator state out of the bytes of a checkpoint; undefined when they hold something else. */
export function operatorStateIn(bytes: Uint8Array): OperatorStateItems | undefined {
  const value = bytesToValue(bytes)
  return isOperatorState(value) ? value : undefined
}

function isOperatorState(value: unknown): value is OperatorStateItems {
  return Array.isArray(value) && value.every(isOperatorStateList)
}

function isOperatorStateList(value: unknown): value is OperatorStateList {
  if (typeof value !== 'object' || value === null) return false
  if (!('name' in value && 'mode' in value && 'items' in value)) return false
  const isMode = value.mode === 'split' || value.mode === 'union' || value.mode === 'broadcast'
  return typeof value.name === 'string' && isMode && Array.isArray(value.items)
}
