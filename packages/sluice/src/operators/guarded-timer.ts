import type { TimerNamespace } from '../state/keyed-state.ts'
import type { Key } from '../stream/key-groups.ts'
import type { OperatorContext } from './operator.ts'

export type FireTimer = (timestampMs: number, key: Key, namespace: TimerNamespace) => void

/** The same, where a timer that cannot be handled goes by the operator's error policy; without one it is what it was. */
export function guardedTimer({ errors }: OperatorContext, fire: FireTimer): FireTimer {
  if (errors === undefined) return fire
  return (timestampMs, key, namespace) => {
    try {
      fire(timestampMs, key, namespace)
    } catch (error) {
      errors.onFailedTimer(error, timestampMs)
    }
  }
}
