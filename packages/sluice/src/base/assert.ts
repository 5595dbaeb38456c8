import { EngineError } from './errors.ts'

/**
 * Fails when one of our own invariants does not hold. Stays on in production: a broken invariant crashes the task and
 * keeps the evidence instead of writing a wrong result.
 */
export function assert(
  condition: boolean,
  message: string,
  details?: Readonly<Record<string, unknown>>,
): asserts condition {
  if (!condition) throw invariantBroken(message, details)
}

/** The value, or a broken invariant when it is missing. */
export function present<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw invariantBroken(`${what} is missing`)
  return value
}

/** For the cell of a table, or the arm of a switch, that cannot be reached. */
export function unreachable(why: string, value?: unknown): never {
  throw invariantBroken(`unreachable: ${why}`, value === undefined ? undefined : { value })
}

function invariantBroken(message: string, details?: Readonly<Record<string, unknown>>): EngineError {
  const values = details === undefined ? '' : ` (${describe(details)})`
  return new EngineError(
    'INT1001',
    `${message}${values}. This is a bug in Sluice: the task stops so that nothing wrong is written. Please report it with this message.`,
  )
}

function describe(details: Readonly<Record<string, unknown>>): string {
  return Object.entries(details)
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(', ')
}
