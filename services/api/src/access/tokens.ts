import { createHash, timingSafeEqual } from 'node:crypto'
import { Secret } from '@tapedeck/core'

/** What a token allows; each includes the ones before it. */
export const SCOPES = ['read', 'write', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** A token as the api keeps it: its secret cannot be read back. */
export interface Token {
  /** For logs and limits. */
  readonly name: string
  readonly scope: Scope
  /** SHA-256 of the secret. Digests have one length, so the time of a comparison does not reveal that of the secret. */
  readonly digest: Buffer
}

/** Every request is compared with all of them. */
const MAX_TOKENS = 100
/** Shorter ones can be guessed over the network. */
const LEAST_LENGTH = 16
/** What a header, an address and an entry of a list can hold. */
const SECRET = /^[\w.~+/=:-]+$/
const NAME = /^[\w.-]{1,40}$/

const TOKEN_FORM = `name:scope:secret with scope ${SCOPES.join(', ')} and a secret of at least ${LEAST_LENGTH} letters, digits and -._~+/=:`

/** Whether a scope includes another. */
export function includes(scope: Scope, other: Scope): boolean {
  return SCOPES.indexOf(scope) >= SCOPES.indexOf(other)
}

/** The token of a secret; log lines that contain the secret are redacted from now on. */
export function tokenOf(name: string, scope: Scope, secret: string): Token {
  return { name, scope, digest: digest(new Secret(secret).reveal()) }
}

/** The secret of a variable such as API_TOKEN; undefined when it can be guessed. */
export function readSecret(text: string): Secret | undefined {
  return text.length >= LEAST_LENGTH ? new Secret(text) : undefined
}

/**
 * Reads `name:scope:secret` entries. Problems name entries by number and never repeat what was found, because a
 * secret may stand anywhere in a wrong entry.
 * @param entries empty ones are skipped, but counted
 * @param unit what an entry is called: `entry` or `line`
 */
export function readTokens(
  entries: readonly string[],
  unit: string
): { readonly tokens: readonly Token[]; readonly problems: readonly string[] } {
  const tokens: Token[] = []
  const problems: string[] = []
  for (const [index, entry] of entries.entries()) {
    if (entry.trim() === '') continue
    const [name = '', scopeName = '', ...rest] = entry.trim().split(':')
    const scope = SCOPES.find((one) => one === scopeName.toLowerCase())
    const secret = rest.join(':')
    const wrong =
      rest.length === 0
        ? ['has not three parts']
        : [
            ...(NAME.test(name) ? [] : ['has no name of 1 to 40 letters, digits and -._']),
            ...(scope === undefined ? ['has another scope'] : []),
            ...(secret.length >= LEAST_LENGTH ? [] : ['has a shorter secret']),
            ...(SECRET.test(secret) || secret === '' ? [] : ['has other characters in its secret'])
          ]
    if (wrong.length === 0 && scope !== undefined) tokens.push(tokenOf(name, scope, secret))
    else problems.push(`${unit} ${index + 1} ${wrong.join(' and ')}, expected ${TOKEN_FORM}`)
  }
  return { tokens, problems: [...problems, ...tokenProblems(tokens)] }
}

/** What is wrong with tokens together. */
export function tokenProblems(tokens: readonly Token[]): readonly string[] {
  const names = new Set(tokens.map(({ name }) => name))
  const secrets = new Set(tokens.map(({ digest: one }) => one.toString('hex')))
  return [
    ...(names.size < tokens.length ? ['two tokens have one name, expected each its own'] : []),
    ...(secrets.size < tokens.length ? ['two tokens have one secret, expected each its own'] : []),
    ...(tokens.length > MAX_TOKENS
      ? [`${tokens.length} tokens found, expected ${MAX_TOKENS} at most`]
      : [])
  ]
}

/** The tokens that hold now; a file of tokens that changes replaces them. */
export class TokenStore {
  #tokens: readonly Token[]
  readonly #listeners = new Set<() => void>()
  /** Why these are not the newest tokens; undefined while they are. */
  trouble: string | undefined

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  get size(): number {
    return this.#tokens.length
  }

  /** The token with this secret. Takes the same time whichever it is, and whether there is one. */
  find(secret: string): Token | undefined {
    const given = digest(secret)
    let found: Token | undefined
    for (const token of this.#tokens) if (timingSafeEqual(given, token.digest)) found = token
    return found
  }

  /** Whether any token allows this. */
  hasFor(scope: Scope): boolean {
    return this.#tokens.some((token) => includes(token.scope, scope))
  }

  /** Whether a token that was found before still holds, for this scope. */
  stillAllows({ digest: known }: Token, scope: Scope): boolean {
    return this.#tokens.some((one) => known.equals(one.digest) && includes(one.scope, scope))
  }

  replace(tokens: readonly Token[]): void {
    this.#tokens = tokens
    for (const told of this.#listeners) told()
  }

  /** Is told after each change of the tokens. */
  listen(told: () => void): void {
    this.#listeners.add(told)
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
