import type { Clock } from './clock.ts'
import { messageOf, TapedeckError } from './errors.ts'
import type { RateLimit } from './rate-limit.ts'
import { retry } from './retry.ts'

/** A JSON API, and how it is asked. */
export interface JsonApi {
  /** As messages call it, at the beginning of a sentence. */
  readonly name: string
  /** Sent with every request; credentials stand here and never in an address, because addresses end up in logs. */
  readonly headers: Readonly<Record<string, string>>
  readonly limit: RateLimit
  /** Limit of one try, including its body. */
  readonly timeoutMs: number
  readonly tries: number
  /** The wait before a further try, ms, of the number of those before it. */
  readonly jitterMs: (tried: number) => number
  /** What is expected instead of a status that no repetition changes; 200 where it is not named. */
  readonly expected: Readonly<Record<number, string>>
  readonly clock: Clock
}

export interface JsonAnswer {
  /** As it came. */
  readonly text: string
  readonly body: unknown
}

const MOST_BODY_BYTES = 64 * 1024 * 1024

/**
 * Asks a JSON API within its rate limit. A request that fails for now (429, 5xx, no answer, no JSON) is repeated, no
 * earlier than the server says.
 * @param target the request in messages
 * @throws FEED_REFUSED for an answer that no repetition changes, FEED_DISCONNECTED after the last try, ABORTED
 */
export function askJson(
  api: JsonApi,
  url: string,
  target: string,
  signal?: AbortSignal
): Promise<JsonAnswer> {
  const { limit, jitterMs, tries, clock } = api
  return retry(() => attempt(api, url, target, signal), {
    // The rate limit itself waits when the server said when to come back.
    delayMs: (tried) => (limit.waitMs > 0 ? 0 : jitterMs(tried)),
    tries,
    signal,
    clock
  })
}

async function attempt(
  { name, headers, limit, timeoutMs, expected }: JsonApi,
  url: string,
  target: string,
  signal: AbortSignal | undefined
): Promise<JsonAnswer> {
  await limit.enter(signal)
  const away = (found: string, cause?: unknown): TapedeckError =>
    new TapedeckError('FEED_DISCONNECTED', `${name} does not answer ${target}: ${found}`, { cause })
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, {
      headers: { ...headers, accept: 'application/json' },
      redirect: 'error',
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal])
    })
    const { status } = response
    limit.heed(status, response.headers)
    const text = await textOf(response)
    if (status === 429 || status >= 500) throw away(`status ${status} found, expected 200`)
    if (status !== 200) {
      throw new TapedeckError(
        'FEED_REFUSED',
        `${name} refuses ${target}: status ${status} found, expected ${expected[status] ?? '200'}`,
        { details: { status } }
      )
    }
    try {
      return { text, body: JSON.parse(text) as unknown }
    } catch (cause) {
      throw away(`no JSON found (${messageOf(cause)}), expected an answer in JSON`, cause)
    }
  } catch (cause) {
    if (cause instanceof TapedeckError) throw cause
    if (signal?.aborted === true) {
      throw new TapedeckError('ABORTED', `${target} was aborted`, { cause })
    }
    throw away(whyOf(cause), cause)
  }
}

async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MOST_BODY_BYTES) throw new Error(`more than ${MOST_BODY_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** The error of fetch() says only that it failed; its cause says why. */
function whyOf(error: unknown): string {
  const beneath = error instanceof Error ? error.cause : undefined
  return beneath === undefined ? messageOf(error) : `${messageOf(error)}, ${messageOf(beneath)}`
}
