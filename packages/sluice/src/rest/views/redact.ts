/** Secrets in what users gave as parameters and options: never shown. */
import { looksSecret, withoutPasswords } from '../../base/secret.ts'

/** As Flink writes it. */
const HIDDEN = '******'

/** @param names further keys whose values are secret */
export function redacted(
  values: Readonly<Record<string, string>>,
  names: ReadonlySet<string>,
): Readonly<Record<string, string>> {
  const entries = Object.entries(values).map(([key, value]) => {
    const isSecret = names.has(key) || looksSecret(key)
    return [key, isSecret ? HIDDEN : withoutPasswords(value, HIDDEN)] as const
  })
  return Object.fromEntries(entries)
}
