import { OPTION_KEYS, type OptionKey } from './options.ts'

/** Values from one place, as text. */
export interface OptionLayer {
  /** Names the place in messages: `command line`, `environment`, `job "orders"`. */
  readonly origin: string
  readonly values: Readonly<Record<string, string>>
}

const PREFIX = 'SLUICE__'

/**
 * The environment variable of an option.
 *
 * @example environmentName('checkpoint.pauseMin') // 'SLUICE__CHECKPOINT__PAUSE_MIN'
 */
export function environmentName(key: OptionKey): string {
  const parts = key.split('.').map((part) => part.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase())
  return PREFIX + parts.join('__')
}

/** Every variable with our prefix as an option; one that names no option keeps its likely key, so that resolving reports it. */
export function environmentLayer(variables: Readonly<Record<string, string | undefined>>): OptionLayer {
  const keyOf = new Map(OPTION_KEYS.map((key) => [environmentName(key), key]))
  const values: Record<string, string> = {}
  for (const [name, value] of Object.entries(variables)) {
    if (name.startsWith(PREFIX) && value !== undefined) values[keyOf.get(name) ?? likelyKey(name)] = value
  }
  return { origin: 'environment', values }
}

function likelyKey(name: string): string {
  const parts = name.slice(PREFIX.length).toLowerCase().split('__')
  return parts.map((part) => part.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())).join('.')
}
