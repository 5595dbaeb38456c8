import { checkKey, type Key } from '../stream/key-groups.ts'
import type { OperatorInfo } from './operator.ts'
import { userError } from './user-error.ts'

/** The key of a record. Strings, by far the most common, pay for no check. */
export function selectKey<T>(keySelector: (value: T) => Key, value: T, info: OperatorInfo): Key {
  let key: Key
  try {
    key = keySelector(value)
    return typeof key === 'string' ? key : checkKey(key)
  } catch (cause) {
    throw userError(info, 'keyBy function', cause)
  }
}

/** The key at hand as what the operator's own selectors give: every key that it ever sees came from one of them. */
export function ownKey<K extends Key>(key: Key | undefined): K {
  return key as K // see above
}
