import { createLogger, type Logger } from '@tapedeck/service'

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error' | 'fatal'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Lines kept of a service; the oldest are forgotten. */
const CAPACITY = 1000

/** A service's log that is kept and not written. */
export function recordedLog(service: string): { log: Logger; lines: readonly LogLine[] } {
  const lines: LogLine[] = []
  const log = createLogger(service, 'silent')
  for (const level of ['info', 'warn', 'error', 'fatal'] as const) {
    log[level] = (fields?: unknown, message?: unknown): void => {
      if (lines.length >= CAPACITY) lines.shift()
      if (typeof fields === 'string') lines.push({ level, message: fields, fields: {} })
      else {
        lines.push({
          level,
          message: typeof message === 'string' ? message : '',
          fields: typeof fields === 'object' && fields !== null ? { ...fields } : {}
        })
      }
    }
  }
  return { log, lines }
}
