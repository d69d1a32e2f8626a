import { redactUrl, TapedeckError } from '@tapedeck/core'
import { pino, stdSerializers, type Logger } from 'pino'

export type { Logger } from 'pino'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * One JSON line an event on standard output. Secrets are wrapped by `Secret`; as a second guard
 * URLs in messages and in error texts are redacted, since the feed's token travels in a URL.
 */
export function createLogger(service: string, level: LogLevel): Logger {
  return pino({
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
  })
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
