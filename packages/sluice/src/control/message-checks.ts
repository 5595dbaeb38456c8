/**
 * Checkers for `ControlLink`: a message of a known kind, from a peer that has passed the handshake and speaks the same version, is taken as what it
 * says it is.
 */
import { NetworkError } from '../base/network-error.ts'
import type { FromTaskManager, ToTaskManager } from './cluster-messages.ts'

type Kinds<T extends { readonly kind: string }> = Readonly<Record<T['kind'], true>>

export const checkFromTaskManager = checkKind<FromTaskManager>({
  register: true,
  heartbeat: true,
  'slot-ready': true,
  'from-slot': true,
  'slot-lost': true,
  'fetch-artifact': true,
  answer: true,
  leaving: true,
})

export const checkToTaskManager = checkKind<ToTaskManager>({
  registered: true,
  'heartbeat-ack': true,
  'start-slot': true,
  'to-slot': true,
  'kill-slot': true,
  'release-slot': true,
  'artifact-part': true,
  'artifact-missing': true,
  ask: true,
})

function checkKind<T extends { readonly kind: string }>(kinds: Kinds<T>): (value: unknown) => T {
  const isKnown = (value: unknown): value is T => {
    const kind = kindOf(value)
    return typeof kind === 'string' && Object.hasOwn(kinds, kind)
  }
  return (value) => {
    if (isKnown(value)) return value
    throw new NetworkError('protocol', `the kind of the message (${JSON.stringify(kindOf(value))}) is unknown`)
  }
}

function kindOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined
}
