import {
  about,
  fullJitter,
  messageOf,
  optional,
  repeat,
  secret,
  TapedeckError,
  webAddress,
  type Clock,
  type Env,
  type Secret,
  type Values
} from '@tapedeck/core'
import type { ServiceContext } from '@tapedeck/service'
import { tradedSymbol, type LastPrice } from './stream/events.ts'
import type { PlacedEvent } from './stream/hub.ts'

/** The Grafana that last prices are pushed to, and who may push. */
export interface GrafanaLiveConfig {
  /** Without a slash at its end; it may have a path. */
  readonly url: string
  readonly token: Secret
}

export const GRAFANA_LIVE_VARIABLES = {
  GRAFANA_LIVE_URL: about(
    'Grafana that last prices and trades are pushed to four times a second (Grafana Live)',
    optional(webAddress(undefined, 'path')),
    'none are pushed'
  ),
  GRAFANA_LIVE_TOKEN: about(
    'Token of a service account of that Grafana; the role Viewer is enough',
    optional(secret())
  )
} as const

type LiveValues = Partial<Values<typeof GRAFANA_LIVE_VARIABLES>>

const NEEDED = {
  GRAFANA_LIVE_URL: 'the address of the Grafana of GRAFANA_LIVE_TOKEN',
  GRAFANA_LIVE_TOKEN: 'the token of a service account of GRAFANA_LIVE_URL',
  KAFKA_BROKERS: 'the brokers whose trades are pushed to GRAFANA_LIVE_URL'
}

/** What is missing where the one or the other is set: each needs the other, and both need the brokers. */
export function grafanaLiveProblems(env: Env): readonly string[] {
  // The environment is asked, because one that is set and does not fit is a mistake of its own.
  const isSet = (name: string): boolean => (env[name]?.trim() ?? '') !== ''
  if (!isSet('GRAFANA_LIVE_URL') && !isSet('GRAFANA_LIVE_TOKEN')) return []
  return Object.entries(NEEDED)
    .filter(([name]) => !isSet(name))
    .map(([name, what]) => `${name} is not set, expected ${what}`)
}

export function grafanaLiveConfig({
  GRAFANA_LIVE_URL: address,
  GRAFANA_LIVE_TOKEN: token
}: LiveValues): GrafanaLiveConfig | undefined {
  return address === undefined || token === undefined ? undefined : { url: address, token }
}

const STREAM = 'tapedeck'
const PUSH_EVERY_MS = 250
const ANSWER_LIMIT_MS = 1000
/** In one request; of more symbols, those whose trades have waited longest come first. */
const MOST_LINES = 1000
/** Trades of a symbol in one request: its newest, as many as a panel shows. */
const MOST_PRINTS = 20
const DELAY = fullJitter({ baseMs: 1000, capMs: 30_000 })

/**
 * The last part of a symbol's channel, `stream/tapedeck/…`: Grafana takes letters, digits, `-`, `.` and `_` there, so every
 * other byte, and `_` itself, is written as `_` and two hexadecimal digits.
 */
function measurementOf(symbol: string): string {
  return symbol.replaceAll(/[^A-Za-z0-9.-]+/g, (others) =>
    Buffer.from(others).toString('hex').replaceAll(/../g, '_$&')
  )
}

/** No symbol's name ends so: `_` is followed by hexadecimal digits there. */
const TAPE = '_tape'

interface Latest extends LastPrice {
  /** Since the last push of the symbol. */
  readonly trades: number
  /** The newest of them. */
  readonly prints: readonly Print[]
}

/** What the tape says of a trade; epoch ms. */
interface Print {
  readonly time: number
  readonly price: number
  readonly size: number
}

/**
 * Pushes the last price, the number of new trades and the newest trades of each symbol that was traded to Grafana Live, in one
 * request each 250 ms. Each line of a channel has the same two fields, because a panel of Grafana stops when they change. It holds
 * as much of a symbol however long Grafana is away, and the stream never waits for it.
 */
export class GrafanaLive {
  readonly #address: string
  readonly #token: Secret
  readonly #clock: Clock
  readonly #log: ServiceContext['log']
  readonly #count: (outcome: 'pushed' | 'failed') => void
  readonly #latest = new Map<string, Latest>()
  /** Symbols to be pushed, the one that has waited longest first. */
  readonly #changed = new Set<string>()
  readonly #stopping = new AbortController()
  #trouble: string | undefined
  #failures = 0
  #nextMs = 0

  constructor(
    { url: address, token }: GrafanaLiveConfig,
    { log, metrics }: Pick<ServiceContext, 'log' | 'metrics'>,
    clock: Clock
  ) {
    this.#address = `${address}/api/live/push/${STREAM}?gf_live_frame_format=wide`
    this.#token = token
    this.#clock = clock
    this.#log = log
    const pushes = metrics.counter('grafana_live_pushes_total', 'Requests to Grafana Live', [
      'outcome'
    ])
    this.#count = (outcome) => pushes.inc({ outcome })
  }

  /** Why Grafana does not take what is pushed; undefined while it does. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  /** Takes the trades of what the stream has read. */
  take(events: readonly PlacedEvent[]): void {
    for (const { event } of events) {
      const symbol = tradedSymbol(event)
      if (symbol === undefined) continue
      const before = this.#latest.get(symbol)
      const last = event.last ?? before
      // Nothing to show before the first trade that sets a price.
      if (last === undefined) continue
      const { price, timeMs } = last
      const prints = event.rows.slice(-MOST_PRINTS).map((row) => JSON.parse(row) as Print)
      this.#latest.set(symbol, {
        price,
        timeMs,
        trades: (before?.trades ?? 0) + event.ids.length,
        prints: [...(before?.prints ?? []), ...prints].slice(-MOST_PRINTS)
      })
      this.#changed.add(symbol)
    }
  }

  /** Pushes on until the function it returns is called. */
  start(): () => Promise<void> {
    const stop = repeat(
      PUSH_EVERY_MS,
      () => this.push(),
      () => undefined // no push throws: that Grafana is away is a state
    )
    return () => {
      this.#stopping.abort()
      return stop()
    }
  }

  /** Pushes what has changed, unless Grafana has just failed. What it does not take is not sent again. */
  async push(): Promise<void> {
    if (this.#changed.size === 0 || this.#clock.now() < this.#nextMs) return
    const lines: string[] = []
    for (const symbol of this.#changed) {
      if (lines.length >= MOST_LINES) break
      lines.push(...this.#takeLines(symbol))
    }
    try {
      const answer = await fetch(this.#address, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${this.#token.reveal()}`,
          'content-type': 'text/plain; charset=utf-8'
        },
        body: lines.join('\n'),
        redirect: 'error', // the token is for this address alone
        signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(ANSWER_LIMIT_MS)])
      })
      const text = await answer.text()
      if (!answer.ok) {
        throw new TapedeckError(
          'SERVER_FAILED',
          `it answered ${answer.status} ${text}`.slice(0, 200)
        )
      }
      this.#succeed()
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#fail(error)
    }
  }

  /**
   * Influx line protocol: the measurement, the fields, and the time in nanoseconds. Grafana makes one frame of lines of the same
   * measurement and time, whose fields would be there twice, so trades of one millisecond are a nanosecond apart.
   */
  #takeLines(symbol: string): string[] {
    const latest = this.#latest.get(symbol) as Latest
    const { price, timeMs, trades, prints } = latest
    this.#changed.delete(symbol)
    this.#latest.set(symbol, { ...latest, trades: 0, prints: [] })
    const name = measurementOf(symbol)
    return [
      `${name} price=${price},trades=${trades} ${timeMs}000000`,
      ...prints.map(
        (print, at) =>
          `${name}${TAPE} price=${print.price},size=${print.size} ${print.time}${String(at).padStart(6, '0')}`
      )
    ]
  }

  #succeed(): void {
    this.#count('pushed')
    if (this.#trouble !== undefined) this.#log.info('Grafana Live takes prices again')
    this.#trouble = undefined
    this.#failures = 0
  }

  #fail(error: unknown): void {
    this.#count('failed')
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const reason = messageOf(cause)
    if (this.#trouble === undefined) this.#log.warn({ reason }, 'Grafana Live takes no prices')
    this.#trouble = reason
    this.#nextMs = this.#clock.now() + DELAY(this.#failures++)
  }
}
