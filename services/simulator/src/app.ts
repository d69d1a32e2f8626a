import { access, constants } from 'node:fs/promises'
import { hasCode, messageOf, systemClock, TapedeckError, type Clock } from '@tapedeck/core'
import { serveHealth, type Logger, type ServiceContext } from '@tapedeck/service'
import type { SimulatorConfig, TapeConfig } from './config.ts'
import { createCounts, type Counts, type SimulatorStats } from './counts.ts'
import { Audience } from './feed/audience.ts'
import { fullSpeed, livePace, recordedPace } from './feed/pace.ts'
import { play, type PlayOptions } from './feed/play.ts'
import { openFeedServer } from './feed/server.ts'
import { Session } from './feed/session.ts'
import { StartGate } from './feed/start-gate.ts'
import { marketBatches, SLICE_MS } from './market/market-source.ts'
import { Market } from './market/market.ts'
import { readTape } from './tape/tape-source.ts'

export { readCommandLine, SETTINGS, USAGE } from './command-line.ts'
export { readConfig, type SimulatorConfig } from './config.ts'
export type { SimulatorStats } from './counts.ts'
export type { Frame } from './feed/frame.ts'
export { recordedPace } from './feed/pace.ts'
export { Market, type MarketOptions } from './market/market.ts'
export { readTape } from './tape/tape-source.ts'

export interface RunningSimulator {
  /** For FINNHUB_URL, without a token. */
  readonly url: string
  readonly healthUrl: string
  stats(): SimulatorStats
}

type PlayParts = Omit<PlayOptions, 'pace' | 'gate'>

/**
 * Serves Finnhub's protocol and plays its source in the background until the context's signal.
 *
 * A file that cannot be played ends the service with TAPE_INVALID, when it is played and not before:
 * a tape is streamed, so a bad line is found when its turn comes.
 *
 * @throws CONFIG_INVALID when the file is not there; PORT_IN_USE.
 */
export async function startSimulator(
  config: SimulatorConfig,
  context: ServiceContext,
  clock: Clock = systemClock
): Promise<RunningSimulator> {
  const { log, signal, defer, metrics } = context
  const { source } = config
  if (source.kind === 'tape') await expectFile(source.path)

  const audience = new Audience()
  const clients = metrics.gauge('simulator_clients', 'Connected clients')
  const counts = createCounts(metrics, () => audience.sessions.size)
  const onChange = (): void => {
    audience.refresh()
    clients.set(audience.sessions.size)
  }
  const server = await openFeedServer({
    ...config,
    onConnection(socket, stream) {
      const { maxSymbols, pingMs } = config
      audience.sessions.add(new Session(socket, stream, { maxSymbols, pingMs, log, onChange }))
      onChange()
    }
  })
  defer(async () => {
    const closing = server.close()
    await Promise.all([...audience.sessions].map((session) => session.close()))
    await closing
  })
  const { url: healthUrl } = await serveHealth('simulator', context, () => [], {
    host: config.healthHost,
    port: config.healthPort
  })
  const url = `ws://${urlHost(config.host)}:${server.port}`
  log.info({ url, ...source }, 'feed is served')

  const parts = { audience, clock, signal, onPlayed: counts.played }
  const playing =
    source.kind === 'tape'
      ? playTape(source, parts, log, counts)
      : playMarket(new Market({ ...source, startMs: clock.now() }), parts, log, counts)
  const ended = playing.catch((error: unknown) => {
    if (!hasCode(error, 'ABORTED')) context.fail(error)
  })
  defer(() => ended)
  return { url, healthUrl, stats: counts.stats }
}

async function playMarket(
  market: Market,
  parts: PlayParts,
  log: Logger,
  counts: Counts
): Promise<void> {
  const batches = marketBatches(market, parts.audience, parts.clock, (skippedMs) => {
    log.warn({ skippedMs }, 'held up: market time is passed over')
    counts.skipped(skippedMs)
  })
  await play(batches, { ...parts, pace: livePace, gate: undefined })
}

async function playTape(
  { path, speed, skipGaps, start }: TapeConfig,
  parts: PlayParts,
  log: Logger,
  counts: Counts
): Promise<void> {
  const { audience, clock } = parts
  const pace = speed === Infinity ? fullSpeed : recordedPace(speed, skipGaps, clock)
  const gate = new StartGate(start, audience, clock)
  log.info({ start }, 'tape waits for subscriptions')
  await play(readTape(path, SLICE_MS * speed), { ...parts, pace, gate })
  counts.ended()
  const { framesSent, tradesSent } = counts.stats()
  log.info({ framesSent, tradesSent }, 'tape ended')
}

async function expectFile(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK)
  } catch (cause) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot start: SIMULATOR_FILE is '${path}' (${messageOf(cause)}), expected a readable file`,
      { cause }
    )
  }
}

/** An address that can be dialled from this machine. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
