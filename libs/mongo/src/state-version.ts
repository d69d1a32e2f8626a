import { TapedeckError } from '@tapedeck/core'

/**
 * The version of the documents that a process continues from: checkpoints, states of series, leases. It rises
 * when an earlier program would misread them. Documents without one are of the first version.
 */
export const STATE_VERSION = 1

/** A document with the version of the program that wrote it. */
export interface Versioned {
  readonly stateVersion?: number
}

/**
 * Refuses a document that a later program wrote: to read it by the old rules would give wrong results.
 * @throws STATE_TOO_NEW
 */
export function refuseNewer(what: string, found: Versioned | null): void {
  const { stateVersion = 1 } = found ?? {}
  if (stateVersion <= STATE_VERSION) return
  throw new TapedeckError(
    'STATE_TOO_NEW',
    `Cannot continue ${what}: its version is ${stateVersion}, expected at most ${STATE_VERSION}; a later version of tapedeck wrote it, so start that one`
  )
}
