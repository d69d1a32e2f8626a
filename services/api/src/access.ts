import { createHash, timingSafeEqual } from 'node:crypto'
import type { Secret } from '@tapedeck/core'

/** Whether a request may change something, and if not, the status and message of the refusal. */
export type Access =
  | { readonly isAllowed: true }
  | { readonly isAllowed: false; readonly status: 401 | 403; readonly message: string }

/**
 * Checks the header `Authorization: Bearer <API_TOKEN>`. The comparison takes constant time, and a refusal
 * does not say in what the token differs.
 */
export function accessOf(token: Secret | undefined, header: string | undefined): Access {
  if (token === undefined) {
    return {
      isAllowed: false,
      status: 403,
      message:
        'Symbols cannot be changed here: API_TOKEN is not set, expected the api to be started with API_TOKEN=<a secret of your own>'
    }
  }
  const given = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1]
  if (given !== undefined && isToken(token, given)) return { isAllowed: true }
  const found = given === undefined ? 'no bearer token' : 'another token'
  return {
    isAllowed: false,
    status: 401,
    message: `Not allowed: ${found} found, expected the header Authorization: Bearer <API_TOKEN>`
  }
}

/** Whether a text is the token. Digests have one length, so the time of the comparison does not reveal the token's. */
export function isToken(token: Secret, given: string): boolean {
  return timingSafeEqual(digest(given), digest(token.reveal()))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
