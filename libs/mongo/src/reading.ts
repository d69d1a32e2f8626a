import { hasCode, messageOf, TapedeckError, withTimeout } from '@tapedeck/core'
import { translated } from './failure.ts'

/**
 * Does a read under one limit, however many operations it is made of, and translates the driver's
 * errors at the border. Each operation has a limit of its own, so none goes on for long unattended.
 * @throws DATABASE_UNREACHABLE when the server is away or does not answer in time, STATE_CORRUPT
 * when it refuses the read itself
 */
export async function reading<T>(
  what: string,
  timeoutMs: number,
  read: () => Promise<T>
): Promise<T> {
  try {
    return await withTimeout(translated(`Cannot read ${what}`, read), timeoutMs, 'The read')
  } catch (cause) {
    if (!hasCode(cause, 'TIMED_OUT')) throw cause
    throw new TapedeckError(
      'DATABASE_UNREACHABLE',
      `Cannot read ${what}: ${messageOf(cause)}, expected a server at MONGODB_URI`,
      { cause }
    )
  }
}
