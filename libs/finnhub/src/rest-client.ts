import {
  fullJitterMs,
  messageOf,
  systemClock,
  TapedeckError,
  type Clock,
  type Secret
} from '@tapedeck/core'
import { RateLimit } from './rest-rate-limit.ts'
import { quoteOf, searchHitsOf, symbolsOf, type Quote, type SearchHit } from './rest-rows.ts'

export const FINNHUB_REST_URL = 'https://finnhub.io/api/v1'

export interface RestOptions {
  readonly token: Secret
  readonly url?: string
  /** Of one attempt, with its body. */
  readonly timeoutMs?: number
  readonly attempts?: number
  readonly callsPerMinute?: number
  readonly clock?: Clock
}

/**
 * Finnhub's REST side, as far as a free key reaches. One call at a time, within the plan's limits.
 * Every call rejects with FEED_REFUSED when no retry can help (the key, the plan, the request),
 * FEED_DISCONNECTED after the last attempt, ABORTED by its signal.
 */
export interface FinnhubRest {
  /** Every symbol that Finnhub lists for US exchanges: some tens of thousands. */
  usSymbols(signal?: AbortSignal): Promise<readonly string[]>
  /** Undefined for a symbol that Finnhub does not know: it answers zeros. */
  quote(symbol: string, signal?: AbortSignal): Promise<Quote | undefined>
  search(text: string, signal?: AbortSignal): Promise<readonly SearchHit[]>
}

const TIMEOUT_MS = 10_000
const ATTEMPTS = 3
const BACKOFF = { baseMs: 1000, capMs: 60_000 } as const
/** The list of US symbols has some 6 MB. */
const MAX_BODY_BYTES = 64 * 1024 * 1024

export function finnhubRest({
  token,
  url = FINNHUB_REST_URL,
  timeoutMs = TIMEOUT_MS,
  attempts = ATTEMPTS,
  callsPerMinute,
  clock = systemClock
}: RestOptions): FinnhubRest {
  const limit = new RateLimit(clock, callsPerMinute)
  let tail: Promise<unknown> = Promise.resolve()

  async function attempt(path: string, signal: AbortSignal | undefined): Promise<Attempt> {
    await limit.enter(signal)
    const timeout = AbortSignal.timeout(timeoutMs)
    try {
      const response = await fetch(`${url}/${path}`, {
        // Not in the address: addresses end up in logs.
        headers: { 'x-finnhub-token': token.reveal(), accept: 'application/json' },
        redirect: 'error',
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal])
      })
      const toldWhen = limit.heed(response.status, response.headers)
      const text = await textOf(response)
      return { ...judge(path, response.status, text), toldWhen }
    } catch (cause) {
      if (signal?.aborted === true) throw new TapedeckError('ABORTED', `${name(path)} was aborted`)
      return { error: away(path, whyOf(cause), cause), toldWhen: false }
    }
  }

  async function ask(path: string, signal: AbortSignal | undefined): Promise<unknown> {
    for (let tried = 1; ; tried++) {
      const { body, error, toldWhen } = await attempt(path, signal)
      if (error === undefined) return body
      if (!error.retryable || tried >= attempts) throw error
      if (!toldWhen) await clock.delay(fullJitterMs(tried, BACKOFF), signal)
    }
  }

  function inTurn<T>(path: string, signal: AbortSignal | undefined, read: (body: unknown) => T) {
    const answer = tail.then(async () => read(await ask(path, signal)))
    tail = answer.catch(() => undefined) // thrown to its own caller
    return answer
  }

  return {
    usSymbols: (signal) => inTurn('stock/symbol?exchange=US', signal, symbolsOf),
    quote: (symbol, signal) => inTurn(`quote?${query({ symbol })}`, signal, quoteOf),
    search: (text, signal) =>
      inTurn(`search?${query({ q: text, exchange: 'US' })}`, signal, searchHitsOf)
  }
}

interface Attempt {
  readonly body?: unknown
  readonly error?: TapedeckError
  /** The server said when to come back. */
  readonly toldWhen: boolean
}

function judge(path: string, status: number, text: string): Omit<Attempt, 'toldWhen'> {
  if (status === 401) return { error: refused(path, status, 'a valid FINNHUB_TOKEN') }
  if (status === 403) return { error: refused(path, status, 'a plan that includes it') }
  if (status === 429 || status >= 500) {
    return { error: away(path, `status ${status} found, expected 200`) }
  }
  if (status !== 200) return { error: refused(path, status, '200') }
  try {
    return { body: JSON.parse(text) }
  } catch (cause) {
    return {
      error: away(path, `no JSON found (${messageOf(cause)}), expected an answer in JSON`, cause)
    }
  }
}

async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MAX_BODY_BYTES) throw new Error(`more than ${MAX_BODY_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** fetch() says only that it failed; what failed is beneath. */
function whyOf(error: unknown): string {
  const beneath = error instanceof Error ? error.cause : undefined
  return beneath === undefined ? messageOf(error) : `${messageOf(error)}, ${messageOf(beneath)}`
}

function refused(path: string, status: number, expected: string): TapedeckError {
  return new TapedeckError(
    'FEED_REFUSED',
    `Finnhub refuses ${name(path)}: status ${status} found, expected ${expected}`,
    { details: { status } }
  )
}

function away(path: string, found: string, cause?: unknown): TapedeckError {
  return new TapedeckError('FEED_DISCONNECTED', `Finnhub does not answer ${name(path)}: ${found}`, {
    cause
  })
}

function name(path: string): string {
  return `/${path.split('?', 1)[0] ?? path}`
}

function query(parameters: Readonly<Record<string, string>>): string {
  return new URLSearchParams(parameters).toString()
}
