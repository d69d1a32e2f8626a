import {
  askJson,
  fullJitter,
  RateLimit,
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

export function finnhubRest({
  token,
  url = FINNHUB_REST_URL,
  timeoutMs = TIMEOUT_MS,
  attempts = ATTEMPTS,
  callsPerMinute = FREE_CALLS_PER_MINUTE,
  clock = systemClock
}: RestOptions): FinnhubRest {
  const api = {
    name: 'Finnhub',
    headers: { 'x-finnhub-token': token.reveal() },
    limit: new RateLimit(clock, callsPerMinute),
    timeoutMs,
    tries: attempts,
    jitterMs,
    expected: { 401: 'a valid FINNHUB_TOKEN', 403: 'a plan that includes it' },
    clock
  }
  let tail: Promise<unknown> = Promise.resolve()

  function inTurn<T>(path: string, signal: AbortSignal | undefined, read: (body: unknown) => T) {
    const asked = () => askJson(api, `${url}/${path}`, `/${path.split('?', 1)[0]}`, signal)
    const answer = tail.then(async () => read((await asked()).body))
    tail = answer.catch(() => undefined) // thrown to its own caller
    return answer
  }

  return {
    usSymbols: (signal) => inTurn('stock/symbol?exchange=US', signal, symbolsOf)
  }
}

/** The symbols of /stock/symbol. @throws FEED_DISCONNECTED for another form */
function symbolsOf(body: unknown): readonly string[] {
  if (!Array.isArray(body)) {
    throw new TapedeckError(
      'FEED_DISCONNECTED',
      'Finnhub does not answer /stock/symbol: another form found, expected a list'
    )
  }
  return body.flatMap((row: unknown) => {
    const symbol = typeof row === 'object' && row !== null && 'symbol' in row ? row.symbol : ''
    return typeof symbol === 'string' && symbol !== '' ? [symbol] : []
  })
}
