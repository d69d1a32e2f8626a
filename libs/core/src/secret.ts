import { inspect } from 'node:util'

const REDACTED = '[secret]'

/** Shorter values may be common words ("simulated"): hiding them would hide too much. */
const LEAST_LENGTH = 10

/** Every form in which a text could contain a secret of this process. */
const forms = new Set<string>()

/** A value that only `reveal()` shows; JSON, logs and inspection show a label. */
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

/** A URL safe to show: user, password and every query value are replaced. */
export function redactUrl(url: string): string {
  const withoutUser = url.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s]*@/gi, `$1${REDACTED}@`)
  return withoutUser.replace(/([?&][^=&#\s]+)=[^&#\s]*/g, `$1=${REDACTED}`)
}

/**
 * The text with every secret of this process replaced: the last guard, for texts from outside, such as a
 * feed's error that repeats the token.
 */
export function withoutSecrets(text: string): string {
  let clean = text
  for (const form of forms) clean = clean.replaceAll(form, REDACTED)
  return clean
}
