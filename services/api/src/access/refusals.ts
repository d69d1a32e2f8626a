import type { Scope, Token } from './tokens.ts'

/** Why a request is refused before it is read. */
export interface Refusal {
  readonly status: 401 | 403 | 421 | 429
  readonly code: string
  /** A label of the metric. */
  readonly reason: string
  readonly message: string
}

export const UNKNOWN_HOST: Refusal = {
  status: 421,
  code: 'HOST_UNKNOWN',
  reason: 'host',
  message:
    'The header Host is no name of this server, expected localhost, API_HOST or one of API_HOSTS=<names>, which the api is started with'
}

export const FOREIGN_PAGE: Refusal = {
  status: 403,
  code: 'ORIGIN_UNKNOWN',
  reason: 'origin',
  message:
    'The page that asks is of another origin, expected this server or one of API_ORIGINS=<origins>, which the api is started with'
}

export const TOKEN_OF_ANY_PAGE: Refusal = {
  status: 403,
  code: 'ORIGIN_UNKNOWN',
  reason: 'origin',
  message: 'API_ORIGINS is *, which is for reading without a token, expected the origin by its name'
}

export function nobodyMay(scope: Scope): Refusal {
  const what = scope === 'read' ? 'Nothing can be read here' : 'Nothing can be changed here'
  return {
    status: 403,
    code: 'FORBIDDEN',
    reason: 'nobody may',
    message: `${what}: API_TOKEN is not set and no other token has scope ${scope}, expected the api to be started with API_TOKEN=<a secret of your own>`
  }
}

/** @param isStream whether the token may be in the address */
export function noToken(isStream: boolean): Refusal {
  return unauthorized('no token', 'no bearer token', isStream)
}

export function wrongToken(isStream: boolean): Refusal {
  return unauthorized('wrong token', 'another token', isStream)
}

function unauthorized(reason: string, found: string, isStream: boolean): Refusal {
  const address = isStream ? ' or ?token=<token> in the address' : ''
  return {
    status: 401,
    code: 'UNAUTHORIZED',
    reason,
    message: `Not allowed: ${found} found, expected the header Authorization: Bearer <token>${address}`
  }
}

export function lessScope({ scope: found }: Token, expected: Scope): Refusal {
  return {
    status: 403,
    code: 'FORBIDDEN',
    reason: 'scope',
    message: `Not allowed: the token has scope ${found}, expected ${expected}`
  }
}

export function tooManyRequests(perMinute: number, isOfToken: boolean): Refusal {
  return {
    status: 429,
    code: 'TOO_MANY_REQUESTS',
    reason: 'rate',
    message: `More than ${perMinute} requests in this minute with this ${isOfToken ? 'token' : 'address'}, expected fewer (API_RATE_LIMIT)`
  }
}

export function tooManyWrong(perMinute: number): Refusal {
  return {
    status: 429,
    code: 'TOO_MANY_WRONG_TOKENS',
    reason: 'wrong tokens',
    message: `More than ${perMinute} wrong tokens in this minute from this address, expected a right one (API_WRONG_TOKENS)`
  }
}
