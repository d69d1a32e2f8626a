/**
 * Every operational error tapedeck raises, with the decision whether trying again can help.
 * A new failure gets a code here; messages say what failed, then what was found and expected.
 */
export const ERROR_CODES = {
  CONFIG_INVALID: { retryable: false },
  SERVER_MISSING: { retryable: false },
  SERVER_FAILED: { retryable: true },
  DOWNLOAD_FAILED: { retryable: true },
  CHECKSUM_MISMATCH: { retryable: false },
  DATA_DIR_IN_USE: { retryable: false },
  DISK_FULL: { retryable: true },
  PORT_IN_USE: { retryable: false },
  RUN_IN_PROGRESS: { retryable: false },
  TIMED_OUT: { retryable: true },
  ABORTED: { retryable: false },
  QUEUE_CLOSED: { retryable: false },
  FEED_REFUSED: { retryable: false },
  FEED_DISCONNECTED: { retryable: true },
  BROKER_UNREACHABLE: { retryable: true },
  READING_FAILED: { retryable: false },
  CODEC_MISSING: { retryable: false },
  PUBLISH_FAILED: { retryable: true },
  RECORD_REFUSED: { retryable: false },
  SPOOL_FAILED: { retryable: true },
  SPOOL_FULL: { retryable: true },
  DATABASE_UNREACHABLE: { retryable: true },
  OVERLOADED: { retryable: true },
  PARTITION_FENCED: { retryable: false },
  RECORD_FAILED: { retryable: false },
  STATE_CORRUPT: { retryable: false },
  STATE_TOO_NEW: { retryable: false },
  REQUEST_INVALID: { retryable: false },
  INTERNAL_ERROR: { retryable: false },
  TAPE_INVALID: { retryable: false },
  ASSERTION_FAILED: { retryable: false }
} as const satisfies Record<string, { retryable: boolean }>

export type ErrorCode = keyof typeof ERROR_CODES

export interface TapedeckErrorOptions {
  readonly cause?: unknown
  /** A flat record for the log; never a secret. */
  readonly details?: Readonly<Record<string, string | number | boolean | undefined>>
}

/** The one error class: branch on `code` through `hasCode`, never on the message. */
export class TapedeckError extends Error {
  override readonly name = 'TapedeckError'
  readonly code: ErrorCode
  readonly details: NonNullable<TapedeckErrorOptions['details']>

  constructor(code: ErrorCode, message: string, options: TapedeckErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable
  }
}

/** Whether `error` is a TapedeckError with that code. */
export function hasCode(error: unknown, code: ErrorCode): error is TapedeckError {
  return error instanceof TapedeckError && error.code === code
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Programmer errors only: a false condition is a bug, so the process may crash. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new TapedeckError('ASSERTION_FAILED', `Assertion failed: ${message}`)
}
