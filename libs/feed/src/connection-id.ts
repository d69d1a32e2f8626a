import { randomBytes } from 'node:crypto'

let lastMs = 0

/**
 * Names a connection: nine characters of base-36 milliseconds, then four random hex digits. Rises
 * with time also as text, so that trades of a later connection come after those of an earlier one.
 */
export function connectionId(nowMs: number): string {
  lastMs = Math.max(lastMs + 1, nowMs)
  return lastMs.toString(36).padStart(9, '0') + randomBytes(2).toString('hex')
}
