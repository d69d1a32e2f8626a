import { inspect } from 'node:util'

const REDACTED = '[secret]'

/** Shorter values are words that stand everywhere ("simulated"): hiding them would hide too much. */
const LEAST_LENGTH = 10

/** Every form in which a secret of this process could stand in a text. */
const forms = new Set<string>()

/** A value that shows itself only when asked by `reveal()`: JSON, logs and inspection get a label. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
    if (value.length < LEAST_LENGTH) return
    forms.add(value)
    forms.add(encodeURIComponent(value))
    forms.add(JSON.stringify(value).slice(1, -1))
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

/**
 * A text in which no secret of this process stands: the last guard, for texts that come from others,
 * such as a feed that repeats the token in its error.
 */
export function withoutSecrets(text: string): string {
  let clean = text
  for (const form of forms) clean = clean.replaceAll(form, REDACTED)
  return clean
}
