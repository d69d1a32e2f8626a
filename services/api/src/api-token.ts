import { createHash, timingSafeEqual } from 'node:crypto'
import type { Secret } from '@tapedeck/core'

/** Whether a request may change something, and if not, what it is told. */
export type Admission =
  | { readonly isAdmitted: true }
  | { readonly isAdmitted: false; readonly status: 401 | 403; readonly message: string }

/**
 * Judges the header `Authorization: Bearer <API_TOKEN>`. The comparison takes the same time whatever
 * is wrong, and no answer says more than that it is.
 */
export function admission(token: Secret | undefined, header: string | undefined): Admission {
  if (token === undefined) {
    return {
      isAdmitted: false,
      status: 403,
      message:
        'Symbols cannot be changed here: API_TOKEN is not set, expected the api to be started with API_TOKEN=<a secret of your own>'
    }
  }
  const given = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1]
  if (given !== undefined && isSame(given, token.reveal())) return { isAdmitted: true }
  const found = given === undefined ? 'no bearer token' : 'another token'
  return {
    isAdmitted: false,
    status: 401,
    message: `Not allowed: ${found} found, expected the header Authorization: Bearer <API_TOKEN>`
  }
}

/** Digests have one length, so that the comparison tells nothing of the token's. */
function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
