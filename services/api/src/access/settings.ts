import {
  about,
  flag,
  optional,
  Problems,
  secret,
  text,
  whole,
  type Secret,
  type Values,
  type Variable
} from '@tapedeck/core'
import { hostNameOf, isLoopback } from './hosts.ts'
import { readSecret, readTokens, tokenOf, tokenProblems, type Token } from './tokens.ts'

/** Who may do what, and how often. */
export interface AccessConfig {
  /** The address that the api listens on. */
  readonly host: string
  /** Tokens of the environment. */
  readonly tokens: readonly Token[]
  readonly tokensFile: string | undefined
  /** Whether everybody who reaches the port may read. */
  readonly isOpen: boolean
  /** Names beside the loopback ones by which this server is called. */
  readonly hosts: ReadonlySet<string>
  /** Origins of pages elsewhere that may use the api; `*`: any may read. */
  readonly origins: readonly string[]
  /** Requests a minute of one token, and of one address without; 0: no limit. */
  readonly requestsPerMinute: number
  /** Wrong tokens a minute of one address. */
  readonly wrongTokensPerMinute: number
}

/** What API_HOST means when it is not set; config.ts declares it. */
const HOST = text('127.0.0.1', 'a host name or address to listen on')

export const ACCESS_VARIABLES = {
  API_HOST: about(
    'Address of the api and the page; beyond this machine reading needs a token',
    HOST
  ),
  API_TOKEN: about(
    'Secret that allows reading, changing symbols, and starting and stopping runs; 16 characters at least',
    optional(tokenVariable()),
    'nobody may'
  ),
  API_TOKENS: about(
    'Tokens `name:scope:secret`, separated by commas; scopes: read, write, admin',
    optional(tokensVariable())
  ),
  API_TOKENS_FILE: about(
    'File with such tokens, one a line; read again when it changes',
    optional(text(undefined, 'the path of a file'))
  ),
  API_OPEN: about(
    'Whether everybody who reaches the port may read',
    optional(flag(true)),
    'on loopback'
  ),
  API_HOSTS: about(
    'Names, separated by commas, by which the api is called beside API_HOST and localhost',
    optional(listVariable('host names without a port', hostNameOf)),
    'no others'
  ),
  API_ORIGINS: about(
    'Origins of pages elsewhere that may use the api, separated by commas; `*`: any may read, without a token',
    optional(listVariable('origins such as https://charts.example, or *', originOf)),
    'no other page'
  ),
  API_RATE_LIMIT: about(
    'Requests a minute of one token, or of one address without; 0: no limit',
    whole(60_000, 0, 100_000_000)
  ),
  API_WRONG_TOKENS: about(
    'Wrong tokens a minute of one address, before further ones are answered with 429',
    whole(10, 1, 1_000_000)
  )
} as const

type AccessValues = Values<typeof ACCESS_VARIABLES>

/** The configuration of access; mistakes between the variables are those of `accessProblems`. */
export function accessConfig(values: AccessValues): AccessConfig {
  return Object.freeze({
    host: values.API_HOST,
    tokens: tokensOf(values),
    tokensFile: values.API_TOKENS_FILE,
    isOpen: isOpenFor(values),
    hosts: new Set([hostNameOf(values.API_HOST), ...(values.API_HOSTS ?? [])].filter(isGiven)),
    origins: values.API_ORIGINS ?? [],
    requestsPerMinute: values.API_RATE_LIMIT,
    wrongTokensPerMinute: values.API_WRONG_TOKENS
  })
}

/** What does not fit together; a variable that is wrong by itself is undefined. */
export function accessProblems(values: Partial<AccessValues>): readonly string[] {
  const tokens = tokensOf(values)
  const { API_HOST: host = '', API_TOKENS_FILE: file, API_ORIGINS: origins = [] } = values
  const hasNone = tokens.length === 0 && file === undefined && 'API_TOKEN' in values
  const isMissing = hasNone && 'API_TOKENS' in values && !isOpenFor(values)
  return [
    ...tokenProblems(tokens).map((problem) => `API_TOKENS with API_TOKEN: ${problem}`),
    ...(origins.includes('*') && origins.length > 1
      ? ["API_ORIGINS: '*' found with others, expected it alone, or names"]
      : []),
    ...(isMissing ? [noToken(host)] : [])
  ]
}

function isOpenFor({ API_OPEN, API_HOST = '' }: Partial<AccessValues>): boolean {
  return API_OPEN ?? isLoopback(API_HOST.toLowerCase())
}

function tokensOf({ API_TOKEN, API_TOKENS }: Partial<AccessValues>): readonly Token[] {
  const own = API_TOKEN === undefined ? [] : [tokenOf('API_TOKEN', 'write', API_TOKEN.reveal())]
  return [...own, ...(API_TOKENS ?? [])]
}

function tokenVariable(): Variable<Secret> {
  return { ...secret(), expected: 'a secret of at least 16 characters', parse: readSecret }
}

function tokensVariable(): Variable<readonly Token[]> {
  return {
    fallback: undefined,
    required: true,
    secret: true,
    expected: 'tokens name:scope:secret, separated by commas',
    parse(found) {
      const { tokens, problems } = readTokens(found.split(','), 'entry')
      if (problems.length > 0) throw new Problems(problems)
      return tokens
    }
  }
}

function listVariable(
  expected: string,
  read: (entry: string) => string | undefined
): Variable<readonly string[]> {
  return {
    fallback: undefined,
    required: true,
    secret: false,
    expected,
    parse(found) {
      const entries = found.split(',').map((entry) => entry.trim())
      const wrong = entries.filter((entry) => read(entry) === undefined)
      if (wrong.length > 0) {
        throw new Problems(wrong.map((entry) => `'${entry}' found, expected ${expected}`))
      }
      return entries.map(read).filter(isGiven)
    }
  }
}

function originOf(entry: string): string | undefined {
  if (entry === '*') return entry
  if (!URL.canParse(entry)) return undefined
  const { protocol, origin, href } = new URL(entry)
  return /^https?:$/.test(protocol) && href === `${origin}/` ? origin : undefined
}

function isGiven(entry: string | undefined): entry is string {
  return entry !== undefined
}

/** What to set when reading needs a token and there is none. */
export function noToken(host: string): string {
  return (
    `API_HOST is '${host}' with reading for tokens only, and there is no token: expected API_TOKENS=viewer:read:<secret> ` +
    '(or API_TOKENS_FILE, or API_TOKEN), or API_OPEN=true if everybody who reaches the port may read'
  )
}
