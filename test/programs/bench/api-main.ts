/**
 * `npm run bench:api`: what each read of the api takes with many trades stored, by which index, and what stays of the
 * api while 200 large reads are asked at once. Exit code 0 only when every answer was right, or a refusal for overload.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get as httpGet, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { commandLine, repeat, runCommand, seededRandom, table, type Terminal } from '@tapedeck/core'
import type { Database } from '@tapedeck/mongo'
import { SERVER_SETTINGS } from '@tapedeck/stack/testing'
import { aScore } from '../../support/forecast-parts.ts'
import { aBar, aForecast, aSymbol } from '../../support/market-documents.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { servers } from '../../support/servers.ts'
import type { RunningService } from '../../support/service-process.ts'
import { processCost } from '../verify-tape/process-cost.ts'
import { onServers, readyApi } from './on-servers.ts'
import { STORED_EVERY_MS, STORED_FROM_MS, STORED_SYMBOLS, storeTrades } from './stored-trades.ts'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
const LARGE_READS = 200
/** An answer is shared for 250 ms; requests that differ do not share. */
const REQUESTS = 200

const command = commandLine({
  name: 'bench:api',
  purpose:
    'Stores synthetic trades, bars and forecasts in a real database and asks a real api for each of its reads, then for 200 large ones at once.',
  forms: ['-- [--trades N] [--requests N] [--profile DIR] [--json]'],
  options: {
    trades: ['text', 'N', 'trades (10000000)'],
    requests: ['text', 'N', `requests of each read (${REQUESTS})`],
    profile: ['text', 'DIR', 'write a CPU profile of the api'],
    json: ['flag', 'the last line is one JSON object']
  },
  settings: SERVER_SETTINGS,
  exits: [
    'every answer was right, or a refusal for overload',
    'some were not',
    'wrong arguments, or a server is missing'
  ],
  example: '-- --trades 1000000',
  read: (given) => ({
    trades: given.whole('trades', 10_000, 1e9) ?? 10_000_000,
    requests: given.whole('requests', 10, 100_000) ?? REQUESTS,
    profileDir: given.text('profile'),
    isJson: given.flag('json')
  })
})

/** What the reads of one route took, ms. */
interface RouteRun {
  readonly path: string
  readonly p50: number
  readonly p99: number
  readonly bytes: number
  /** How the server found the documents. */
  readonly plans: string
  readonly failures: number
}

interface OverloadRun {
  readonly counts: Readonly<Record<string, number>>
  /** Of `/readyz` meanwhile, ms. */
  readonly readyP50: number
  readonly readyMost: number
  readonly looks: number
  /** Of the api, MiB. */
  readonly memory: number
}

async function main(
  given: Exclude<ReturnType<typeof command.read>, 'help'>,
  terminal: Terminal
): Promise<0 | 1> {
  const { runs, overload } = await onServers(async ({ scope, signal }) => {
    const { env, mongoUri, database: name } = servers()
    const { database } = await ownDatabase(scope, { mongoUri, database: name })
    const spanMs = given.trades * STORED_EVERY_MS
    await storeTrades(database, given.trades, terminal, signal)
    await storeResults(database, spanMs, terminal, signal)
    const { api, port } = await readyApi(
      scope,
      { ...env, API_RATE_LIMIT: '0', SYMBOLS: STORED_SYMBOLS.join(',') },
      given.profileDir
    )
    return {
      runs: await readsOf(port, database, { ...given, spanMs }, terminal),
      overload: await overloaded(api, port, spanMs)
    }
  })
  terminal.write(
    table([
      ['read', 'p50 ms', 'p99 ms', 'bytes', 'failures', 'plans'],
      ...runs.map(({ path, p50, p99, bytes, failures, plans }) => [
        path,
        p50.toFixed(1),
        p99.toFixed(1),
        String(bytes),
        String(failures),
        plans
      ])
    ])
  )
  const { counts, readyP50, readyMost, looks, memory } = overload
  const answers = Object.entries(counts).map(([status, count]) => `${count} times ${status}`)
  terminal.write(
    `${LARGE_READS} reads of 10000 rows at once: ${answers.join(', ')}; /readyz after ${readyP50.toFixed(0)} ms ` +
      `(median of ${looks}), ${readyMost.toFixed(0)} ms at most; ${memory} MiB of the api\n`
  )
  if (given.isJson) terminal.write(`${JSON.stringify({ runs, overload })}\n`)
  const isExpected = Object.keys(counts).every((status) => status === '200' || status === '429')
  return isExpected && runs.every(({ failures }) => failures === 0) ? 0 : 1
}

const BATCH = 10_000

/** Bars of one second and one minute, and forecasts of each minute, for the time of the trades. */
async function storeResults(
  database: Database,
  spanMs: number,
  terminal: Pick<Terminal, 'progress'>,
  signal: AbortSignal
): Promise<void> {
  const kinds = [
    ['1s', 1000],
    ['1m', MINUTE_MS]
  ] as const
  for (const symbol of STORED_SYMBOLS) {
    await database.symbols.insertOne(aSymbol(symbol))
    await database.forecastScores.insertOne(aScore(symbol, '1m', 1))
    for (const [timeframe, windowMs] of kinds) {
      const count = Math.floor(spanMs / windowMs)
      for (let at = 0; at < count; at += BATCH) {
        signal.throwIfAborted()
        const starts = Array.from(
          { length: Math.min(BATCH, count - at) },
          (_, index) => STORED_FROM_MS + (at + index) * windowMs
        )
        await database.bars.insertMany(
          starts.map((startMs, index) =>
            aBar(symbol, timeframe, windowMs, index, {
              _id: `${symbol}|${timeframe}|${startMs}`,
              start: new Date(startMs),
              end: new Date(startMs + windowMs)
            })
          )
        )
        if (timeframe === '1m') {
          await database.forecasts.insertMany(
            starts.map((startMs, index) =>
              aForecast(symbol, index, undefined, {
                _id: `${symbol}|1m|${startMs}|1|linear-regression`,
                target: new Date(startMs),
                targetEnd: new Date(startMs + MINUTE_MS)
              })
            )
          )
        }
        terminal.progress(`${at + starts.length} of ${count} bars of ${timeframe} of ${symbol}`)
      }
    }
  }
}

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
}

/** Asks each read of the OpenAPI document, each time for another range. */
async function readsOf(
  port: number,
  database: Database,
  { requests, spanMs }: { readonly requests: number; readonly spanMs: number },
  terminal: Pick<Terminal, 'progress'>
): Promise<RouteRun[]> {
  const document = (await (await fetch(`http://127.0.0.1:${port}/openapi.json`)).json()) as {
    readonly paths: Readonly<Record<string, { readonly get?: Operation }>>
  }
  const random = seededRandom(2)
  const agent = new Agent({ keepAlive: true })
  const runs: RouteRun[] = []
  for (const [path, { get: operation }] of Object.entries(document.paths)) {
    if (operation === undefined || !path.startsWith('/api/v1/') || STREAMS.has(path)) continue
    terminal.progress(path)
    const took: number[] = []
    let bytes = 0
    let failures = 0
    await database.db.command({ profile: 2, filter: { op: { $in: ['query', 'command'] } } })
    for (let index = 0; index < requests; index++) {
      const url = urlOf(path, operation, Math.floor(random() * Math.max(1, spanMs - HOUR_MS)))
      const startedMs = performance.now()
      const { status, length } = await ask(port, url, agent)
      took.push(performance.now() - startedMs)
      bytes = Math.max(bytes, length)
      if (status !== 200) failures++
      if (index === PROFILED) await database.db.command({ profile: 0 })
    }
    took.sort((a, b) => a - b)
    runs.push({
      path,
      p50: took[Math.floor(took.length / 2)] ?? NaN,
      p99: took[Math.floor(took.length * 0.99)] ?? NaN,
      bytes,
      plans: await plansOf(database),
      failures
    })
  }
  agent.destroy()
  return runs
}

/** These do not end. */
const STREAMS = new Set(['/api/v1/stream', '/api/v1/events'])
/** So many requests of a read are seen by MongoDB's profiler. */
const PROFILED = 3

/** The plans that the profiler saw. */
async function plansOf({ db }: Database): Promise<string> {
  const seen = await db
    .collection<{ planSummary?: string; ns: string }>('system.profile')
    .find({ planSummary: { $exists: true } })
    .toArray()
  await db.collection('system.profile').drop()
  return [
    ...new Set(seen.map(({ ns, planSummary = '' }) => `${ns.split('.').at(-1)}: ${planSummary}`))
  ].join('; ')
}

/** A request for an hour, beginning `atMs` after the first trade. */
function urlOf(path: string, { parameters = [] }: Operation, atMs: number): string {
  const fromMs = STORED_FROM_MS + Math.floor(atMs / MINUTE_MS) * MINUTE_MS
  const symbol = STORED_SYMBOLS[0]
  const values: Readonly<Record<string, string>> = {
    symbol,
    timeframe: '1m',
    from: String(STORED_FROM_MS + atMs),
    to: String(STORED_FROM_MS + atMs + HOUR_MS),
    limit: '500',
    id: `${symbol}|1m|${fromMs}`,
    indicators: 'sma:20,rsi'
  }
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(values[name] ?? '')
  )
  const query = parameters.flatMap(({ name, in: place }) => {
    const value = values[name]
    return place === 'query' && value !== undefined ? [`${name}=${encodeURIComponent(value)}`] : []
  })
  return query.length === 0 ? filled : `${filled}?${query.join('&')}`
}

async function ask(
  port: number,
  path: string,
  agent: Agent
): Promise<{ readonly status: number; readonly length: number }> {
  const request = httpGet({ host: '127.0.0.1', port, path, agent })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let length = 0
  response.on('data', (part: Buffer) => (length += part.length))
  await once(response, 'end')
  return { status: response.statusCode ?? 0, length }
}

/** Asks for 200 large ranges at once, while another process asks for `/readyz` as often as it answers. */
async function overloaded(
  { pid }: RunningService,
  port: number,
  spanMs: number
): Promise<OverloadRun> {
  const agent = new Agent({ maxSockets: Infinity })
  const looks = fork(join(import.meta.dirname, 'ready-looks.ts'), [
    `http://127.0.0.1:${port}/readyz`
  ])
  await once(looks, 'message')
  let memory = 0
  const weigh = async (): Promise<void> => {
    memory = Math.max(memory, (await processCost('api', pid))?.rssMebibytes ?? 0)
  }
  const stopWeighing = repeat(100, weigh, () => undefined)
  const answers = await Promise.all(
    Array.from({ length: LARGE_READS }, (_, at) => {
      const fromMs = STORED_FROM_MS + Math.floor((spanMs / LARGE_READS / 2) * at)
      const url = `/api/v1/trades?symbol=*&from=${fromMs}&to=${fromMs + HOUR_MS}&limit=10000`
      return ask(port, url, agent)
    })
  )
  await stopWeighing()
  looks.send('stop')
  const [took] = (await once(looks, 'message')) as [number[]]
  const counts: Record<string, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  took.sort((a, b) => a - b)
  return {
    counts,
    readyP50: took[Math.floor(took.length / 2)] ?? NaN,
    readyMost: took.at(-1) ?? NaN,
    looks: took.length,
    memory
  }
}

await runCommand({ ...command, run: main })
