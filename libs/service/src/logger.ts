import { redactUrl, TapedeckError, withoutSecrets } from '@tapedeck/core'
import { pino, stdSerializers, type Logger, type LoggerOptions } from 'pino'

export type { Logger } from 'pino'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * One JSON line an event on standard output. Secrets are wrapped by `Secret`; as a second guard
 * URLs in messages and in error texts are redacted, since the feed's token travels in a URL; as a
 * third, no line leaves with a value that was wrapped.
 */
export function createLogger(service: string, level: LogLevel): Logger {
  // Not pino's own destination: it writes for ever at exit when the reader of a pipe is gone.
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

/** A log nobody reads any more is no reason to fail. */
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
