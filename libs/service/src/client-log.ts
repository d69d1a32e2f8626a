import type { Logger } from './logger.ts'

/** Passes a client library's own log lines on, in the form libs/kafka hands them out. */
export function clientLog(
  log: Logger
): (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  details: Record<string, unknown>
) => void {
  return (level, message, { error, stack: _stack, timestamp: _timestamp, ...details }) => {
    // The client repeats what the service reports itself when it gives up: never louder than warn.
    const quieter = level === 'error' ? 'warn' : level === 'info' ? 'debug' : level
    log[quieter]({ client: { ...details, error } }, message)
  }
}
