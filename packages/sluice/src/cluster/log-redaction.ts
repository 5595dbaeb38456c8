/**
 * Takes secrets out of what a process logs.
 *
 * L1 A value of one of the process's own secrets is never written, wherever it stands.
 * L2 Neither is what looks like a secret: the value of a field with such a name, `password=…`, a bearer token, the password of an address.
 * L3 What jobs print is theirs: only the process's own secrets are taken out.
 */
import type { LogFields } from '../base/log.ts'
import { looksSecret, withoutPasswords, type Secret } from '../base/secret.ts'

const HIDDEN = '***'
/** `password=x`, `"apiKey": "x"`, `SLUICE_TOKEN=x`: the name stays. */
const ASSIGNED =
  /\b([\w.-]*(?:secret|passw(?:or)?d|passphrase|token|credential|api[-_.]?key|access[-_.]?key|private[-_.]?key))(["']?\s*=\s*|["']\s*:\s*)(?:"[^"]*"|'[^']*'|[^\s"',;&)]+)/gi
const BEARER = /\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi

export class LogRedaction {
  readonly #values: readonly string[]

  constructor(secrets: readonly (Secret | undefined)[]) {
    this.#values = secrets.flatMap((secret) => (secret === undefined ? [] : [secret.reveal()]))
  }

  text(text: string): string {
    const known = this.printed(text)
    const named = known.replace(ASSIGNED, (_, name: string, between: string) => `${name}${between}${HIDDEN}`)
    return withoutPasswords(named.replace(BEARER, `$1 ${HIDDEN}`), HIDDEN)
  }

  fields(fields: LogFields): LogFields {
    const entries = Object.entries(fields).map(([name, value]) => {
      if (value === undefined) return [name, value]
      if (looksSecret(name)) return [name, HIDDEN]
      return [name, typeof value === 'string' ? this.text(value) : value]
    })
    return Object.fromEntries(entries)
  }

  // L1, L3
  printed(line: string): string {
    return this.#values.reduce((text, secret) => text.replaceAll(secret, HIDDEN), line)
  }
}
