/** Characters of a value that a message shows. */
const VALUE_CHARS_MAX = 200

/** Any value of a user in a message: as JSON where that works, cut where it is long. */
export function valueText(value: unknown): string {
  const text = textOf(value)
  return text.length <= VALUE_CHARS_MAX ? text : `${text.slice(0, VALUE_CHARS_MAX)}…`
}

function textOf(value: unknown): string {
  try {
    return (
      JSON.stringify(value, (_name, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part)) ?? String(value)
    )
  } catch {
    return Object.prototype.toString.call(value) // cyclic, or with a toJSON that throws
  }
}
