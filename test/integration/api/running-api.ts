import type { TestContext } from 'node:test'
import { startApi } from '@tapedeck/api'
import { readConfig } from '@tapedeck/api/testing'
import { createContext, createLogger } from '@tapedeck/service'
import { until } from '../../support/until.ts'

export interface Answer {
  readonly status: number
  readonly body: Record<string, unknown> & { readonly error?: ErrorOfApi }
}

interface ErrorOfApi {
  readonly code: string
  readonly field?: string
  readonly message: string
  readonly problems?: readonly { readonly field: string; readonly message: string }[]
}

/** The real api on a free port; `get` returns the status and the parsed body. */
export async function runningApi(
  t: Pick<TestContext, 'after'>,
  {
    uri,
    database,
    symbols = 'AAPL,MSFT',
    more = {}
  }: { uri: string; database: string; symbols?: string; more?: Readonly<Record<string, string>> }
): Promise<{
  url: string
  get(path: string): Promise<Answer>
  ask(method: string, path: string, init?: RequestInit): Promise<Answer>
}> {
  const { context, stop } = createContext(createLogger('api', 'silent'))
  t.after(async () => {
    stop()
    await context.close()
  })
  const env = { MONGODB_URI: uri, MONGODB_DB: database, SYMBOLS: symbols, API_PORT: '0', ...more }
  const { url } = await startApi(readConfig(env), context)
  const ask = async (method: string, path: string, init: RequestInit = {}): Promise<Answer> => {
    const signal = AbortSignal.timeout(10_000)
    const response = await fetch(`${url}${path}`, { ...init, method, signal })
    const body = (await response.json()) as Answer['body']
    return { status: response.status, body }
  }
  return { url, ask, get: (path) => ask('GET', path) }
}

/** Asks until the answer is a good one; the api connects in the background. */
export async function untilReady(
  get: (path: string) => Promise<Answer>,
  deadlineMs = 10_000
): Promise<void> {
  await until('the api is ready', async () => (await get('/readyz')).status === 200, deadlineMs)
}
