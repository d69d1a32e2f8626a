import { redactUrl, TapedeckError, withoutSecrets } from '@tapedeck/core'
import { pino, stdSerializers, type Logger, type LoggerOptions } from 'pino'

export type { Logger } from 'pino'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * Logs one JSON line an event to standard output. Three guards keep secrets out: `Secret` wraps them,
 * URLs in messages and error texts are redacted because the feed's token is part of a URL, and wrapped
 * values are removed from every line.
 */
export function createLogger(service: string, level: LogLevel): Logger {
  // Not pino's own destination: when the reader of a pipe is gone it never stops writing at exit.
  dropWhenUnread()
  const options: LoggerOptions = {
    level,
    base: { service },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: serializeError, error: serializeError },
    hooks: {
      logMethod(args, method) {
        method.apply(
          this,
          args.map((arg) => (typeof arg === 'string' ? redactUrl(arg) : arg)) as typeof args
        )
      }
    }
  }
  return pino(options, { write: (line: string) => process.stdout.write(withoutSecrets(line)) })
}

let isGuarded = false

/** A process whose log is no longer read must not fail. */
function dropWhenUnread(): void {
  if (isGuarded) return
  isGuarded = true
  process.stdout.on('error', () => undefined)
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { type, message, stack } = stdSerializers.err(error)
  return {
    type,
    message: redactUrl(message),
    stack: redactUrl(stack),
    ...(error instanceof TapedeckError && { code: error.code, ...error.details })
  }
}

/** Logs the lines of a client library, in the form in which libs/kafka passes them on. */
export function clientLog(
  log: Logger
): (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  details: Record<string, unknown>
) => void {
  return (level, message, { error, stack: _stack, timestamp: _timestamp, ...details }) => {
    // Never above warn: the service itself reports the failure that ends it.
    const quieter = level === 'error' ? 'warn' : level === 'info' ? 'debug' : level
    log[quieter]({ client: { ...details, error } }, message)
  }
}
