/** A value that never shows itself: printed, put into JSON or inspected it is `***`. Only `reveal` gives it out. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '***'
  }

  toJSON(): string {
    return '***'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '***'
  }
}

const SECRET_NAME =
  /secret|passw(?:or)?d|passphrase|token|credential|api[-_.]?key|access[-_.]?key|private[-_.]?key|auth/i
/** `user:password@` of an address. */
const USER_INFO = /(?<=\b[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:)[^/\s@]+(?=@)/gi

/** Whether what has this name is most likely a secret. */
export function looksSecret(name: string): boolean {
  return SECRET_NAME.test(name)
}

/** The text with passwords of addresses replaced. */
export function withoutPasswords(text: string, hidden: string): string {
  return text.replace(USER_INFO, hidden)
}
