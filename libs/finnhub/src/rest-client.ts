import {
  fullJitter,
  messageOf,
  RateLimit,
  retry,
  systemClock,
  TapedeckError,
  type Clock,
  type Secret
} from '@tapedeck/core'

const FINNHUB_REST_URL = 'https://finnhub.io/api/v1'

export interface RestOptions {
  readonly token: Secret
  readonly url?: string
  /** Limit of one attempt, including its body. */
  readonly timeoutMs?: number
  readonly attempts?: number
  readonly callsPerMinute?: number
  readonly clock?: Clock
}

/**
 * Finnhub's REST interface, as far as a free key reaches. One call at a time, within the plan's limits.
 * Every call rejects with FEED_REFUSED when no retry can help (the key, the plan, the request),
 * FEED_DISCONNECTED after the last attempt, ABORTED by its signal.
 */
export interface FinnhubRest {
  /** Every symbol that Finnhub lists for US exchanges: tens of thousands. */
  usSymbols(signal?: AbortSignal): Promise<readonly string[]>
}

/** The free plan's calls a minute. */
const FREE_CALLS_PER_MINUTE = 60
const TIMEOUT_MS = 10_000
const ATTEMPTS = 3
const jitterMs = fullJitter({ baseMs: 2000, capMs: 60_000 })
/** The list of US symbols has about 6 MB. */
const MAX_BODY_BYTES = 64 * 1024 * 1024

export function finnhubRest({
  token,
  url = FINNHUB_REST_URL,
  timeoutMs = TIMEOUT_MS,
  attempts = ATTEMPTS,
  callsPerMinute = FREE_CALLS_PER_MINUTE,
  clock = systemClock
}: RestOptions): FinnhubRest {
  const limit = new RateLimit(clock, callsPerMinute)
  let tail: Promise<unknown> = Promise.resolve()

  async function attempt(path: string, signal: AbortSignal | undefined): Promise<unknown> {
    await limit.enter(signal)
    const timeout = AbortSignal.timeout(timeoutMs)
    try {
      const response = await fetch(`${url}/${path}`, {
        // Not in the address: addresses end up in logs.
        headers: { 'x-finnhub-token': token.reveal(), accept: 'application/json' },
        redirect: 'error',
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal])
      })
      limit.heed(response.status, response.headers)
      const text = await textOf(response)
      return bodyOf(path, response.status, text)
    } catch (cause) {
      if (cause instanceof TapedeckError) throw cause
      if (signal?.aborted === true) throw new TapedeckError('ABORTED', `${name(path)} was aborted`)
      throw away(path, whyOf(cause), cause)
    }
  }

  function ask(path: string, signal: AbortSignal | undefined): Promise<unknown> {
    return retry(() => attempt(path, signal), {
      // The rate limit itself waits when the server said when to come back.
      delayMs: (tried) => (limit.waitMs > 0 ? 0 : jitterMs(tried)),
      tries: attempts,
      signal,
      clock
    })
  }

  function inTurn<T>(path: string, signal: AbortSignal | undefined, read: (body: unknown) => T) {
    const answer = tail.then(async () => read(await ask(path, signal)))
    tail = answer.catch(() => undefined) // thrown to its own caller
    return answer
  }

  return {
    usSymbols: (signal) => inTurn('stock/symbol?exchange=US', signal, symbolsOf)
  }
}

function bodyOf(path: string, status: number, text: string): unknown {
  if (status === 401) throw refused(path, status, 'a valid FINNHUB_TOKEN')
  if (status === 403) throw refused(path, status, 'a plan that includes it')
  if (status === 429 || status >= 500) throw away(path, `status ${status} found, expected 200`)
  if (status !== 200) throw refused(path, status, '200')
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw away(path, `no JSON found (${messageOf(cause)}), expected an answer in JSON`, cause)
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

/** The error of fetch() says only that it failed; its cause says why. */
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

/** The symbols of /stock/symbol. @throws FEED_DISCONNECTED for another form */
function symbolsOf(body: unknown): readonly string[] {
  if (!Array.isArray(body)) throw away('stock/symbol', 'another form found, expected a list')
  return body.flatMap((row: unknown) => {
    const symbol = typeof row === 'object' && row !== null && 'symbol' in row ? row.symbol : ''
    return typeof symbol === 'string' && symbol !== '' ? [symbol] : []
  })
}
