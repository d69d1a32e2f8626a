import { inspect } from 'node:util'

const REDACTED = '[secret]'

/** A value that shows itself only when asked by `reveal()`: JSON, logs and inspection get a label. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return REDACTED
  }

  toJSON(): string {
    return REDACTED
  }

  [inspect.custom](): string {
    return REDACTED
  }
}

/** A URL as a person may read it: user, password and every query value replaced. */
export function redactUrl(url: string): string {
  const withoutUser = url.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s]*@/gi, `$1${REDACTED}@`)
  return withoutUser.replace(/([?&][^=&#\s]+)=[^&#\s]*/g, `$1=${REDACTED}`)
}
