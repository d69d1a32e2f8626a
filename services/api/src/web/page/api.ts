import type { BarAccount } from './rows.ts'
import { needToken, storedToken } from './token.ts'

/** An answer of the api that is no success; `status` as in HTTP. */
export class ApiError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const TIMEOUT_MS = 8000
/** The api counts all trades of a bar, which takes seconds for that of a day. */
const COUNTING_TIMEOUT_MS = 20_000
const BAR_TRADE_ROWS = 200
const RETRY_MS = { least: 1000, most: 15_000 } as const

type Parameters = Readonly<Record<string, string | number | undefined>>

/** Asks an endpoint below /api/v1/. @throws ApiError with the api's message; Error when it does not answer */
export async function ask<T>(
  endpoint: string,
  parameters: Parameters = {},
  timeoutMs = TIMEOUT_MS
): Promise<T> {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined)
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]))
  const token = storedToken()
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    return await answerOf<T>(await reach(`/api/v1/${endpoint}?${query}`, { headers, signal }))
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) needToken(token !== undefined)
    throw error
  }
}

/** The trades of a bar, from the beginning or after another page. */
export function askBarTrades(id: string, after: string | undefined): Promise<BarAccount> {
  const path = `bars/${encodeURIComponent(id)}/trades`
  return ask(path, { limit: BAR_TRADE_ROWS, after }, COUNTING_TIMEOUT_MS)
}

/** Changes something with the token. @throws as `ask` */
export async function sendChange<T>(
  method: 'POST' | 'DELETE',
  path: string,
  token: string,
  body?: object
): Promise<T> {
  const headers: Record<string, string> = { authorization: `Bearer ${token}` }
  if (body !== undefined) headers['content-type'] = 'application/json'
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const content = body === undefined ? {} : { body: JSON.stringify(body) }
  return answerOf(await reach(`/api/v1/${path}`, { method, headers, signal, ...content }))
}

/** Browsers describe an unreachable server differently, and none of them clearly. */
async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === 'TimeoutError'
    throw new Error(isLate ? 'the api takes too long' : 'the api does not answer', { cause: error })
  }
}

async function answerOf<T>(response: Response): Promise<T> {
  const body = (await response.json().catch(() => ({}))) as T & { error?: { message?: string } }
  if (response.ok) return body
  throw new ApiError(
    response.status,
    body.error?.message ?? `the api answers with status ${response.status}`
  )
}

/**
 * Repeats `work` until it succeeds or `signal` aborts, a second to a quarter of a minute apart, and says in the panel meanwhile
 * what is in the way: a query that fails spoils its own panel only.
 */
export async function persistently(
  panel: HTMLElement,
  signal: AbortSignal,
  work: () => Promise<void>
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      await work()
      if (!signal.aborted) sayFailing(panel, '')
      return
    } catch (error) {
      if (signal.aborted) return
      const reason = error instanceof Error ? error.message : String(error)
      sayFailing(panel, `Not up to date: ${reason}. Trying again.`)
      const waitMs = Math.min(RETRY_MS.most, RETRY_MS.least * 2 ** failures)
      await new Promise((resolve) => setTimeout(resolve, waitMs * (0.5 + Math.random() / 2)))
    }
  }
}

function sayFailing(panel: HTMLElement, text: string): void {
  const line = panel.querySelector<HTMLElement>('.failing')
  if (line === null || line.textContent === text) return
  line.textContent = text
  line.hidden = text === ''
}
