import { access, constants } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import {
  configInvalid,
  configProblems,
  hasCode,
  messageOf,
  systemClock,
  TapedeckError,
  type Clock
} from '@tapedeck/core'
import { serveHealth, type Logger, type ServiceContext } from '@tapedeck/service'
import type { SimulatorConfig, TapeConfig } from './config.ts'
import { createCounts, type Counts, type SimulatorStats } from './counts.ts'
import { controlRequests } from './faults/control.ts'
import { Director, type ScenarioProgress } from './faults/director.ts'
import type { Fault } from './faults/fault.ts'
import { readScenario, type Scenario } from './faults/scenario.ts'
import { Audience, Client } from './feed/client.ts'
import {
  fullSpeed,
  livePace,
  play,
  recordedPace,
  StartGate,
  type PlayOptions
} from './feed/playback.ts'
import { AccessRules, openFeedServer } from './feed/server.ts'
import { Market, marketBatches, SLICE_MS } from './market/market.ts'
import { isRestPath, restRequests } from './rest/requests.ts'
import { readTape, tapeFormatOf } from './tape/tape.ts'

export interface RunningSimulator {
  /** For FINNHUB_URL, without a token. */
  readonly url: string
  readonly healthUrl: string
  /** GET returns the state of connections and faults, POST performs a fault. */
  readonly controlUrl: string
  stats(): SimulatorStats
  /** Performs a fault at once. */
  perform(fault: Fault): void
  /** Begins a scenario; it replaces the current one. */
  play(scenario: Scenario): void
  /** Undefined while there is no scenario. */
  progress(): ScenarioProgress | undefined
}

/**
 * Serves Finnhub's protocol and plays its source in the background until the signal of the context aborts.
 *
 * A tape is streamed, so a bad line ends the service with TAPE_INVALID only when it is reached.
 *
 * @throws CONFIG_INVALID when the file or the scenario is missing or invalid; PORT_IN_USE.
 */
export async function startSimulator(
  config: SimulatorConfig,
  context: ServiceContext,
  clock: Clock = systemClock
): Promise<RunningSimulator> {
  const { log, signal, defer, metrics } = context
  const { source, maxSymbols, pingMs } = config
  const scenario = await checkFiles(config)
  const hasOwnPings = source.kind === 'tape' && (await isCapture(source.path))

  const audience = new Audience()
  const accessRules = new AccessRules(config.token, maxSymbols)
  const clients = metrics.gauge('simulator_clients', 'Connected clients')
  const counts = createCounts(metrics, () => audience.clients.size)
  const director = new Director({ audience, accessRules, counts, clock, signal, log })
  const onChange = (): void => {
    audience.refresh()
    clients.set(audience.clients.size)
    director.changed()
  }
  const control = controlRequests({ director, audience, accessRules })
  const rest = restRequests({ source, isAccepted: (given) => accessRules.accepts(given), clock })
  const requests: RequestListener = (request, response) =>
    isRestPath(request.url) ? rest(request, response) : control(request, response)
  const server = await openFeedServer({
    ...config,
    admit(url) {
      const answer = accessRules.answer(url, audience.openTokens)
      counts.handshake(answer.status)
      return answer
    },
    onRequest: requests,
    onConnection(socket, stream, token) {
      const client = new Client(socket, stream, {
        number: counts.stats().connections,
        token,
        maxSymbols: () => accessRules.maxSymbols,
        pingMs,
        // A capture has its own pings; others in between would shift the numbers of its frames.
        pings: () => !hasOwnPings || counts.stats().tapeEnded,
        log,
        onChange,
        onFrame: () => director.frameSent()
      })
      audience.clients.add(client)
      onChange()
      director.connected(client)
    }
  })
  defer(async () => {
    const closing = server.close()
    await Promise.all([...audience.clients].map((client) => client.close()))
    await closing
  })
  const { url: healthUrl } = await serveHealth('simulator', context, () => [], {
    host: config.healthHost,
    port: config.healthPort
  })
  const host = `${urlHost(config.host)}:${server.port}`
  const [url, controlUrl] = [`ws://${host}`, `http://${host}/control`]
  log.info({ url, controlUrl, ...source }, 'feed is served')
  if (scenario !== undefined) director.play(scenario)

  const target = { audience, clock, signal, log, counts }
  const playing =
    source.kind === 'tape'
      ? playTape(source, target)
      : playMarket(new Market({ ...source, startMs: clock.now() }), target)
  const ended = playing.catch((error: unknown) => {
    if (!hasCode(error, 'ABORTED')) context.fail(error)
  })
  defer(() => ended)
  return {
    url,
    healthUrl,
    controlUrl,
    stats: counts.stats,
    perform: (fault) => director.perform(fault),
    play: (next) => director.play(next),
    progress: () => director.progress
  }
}

/**
 * Looks at the files that the settings name.
 * @returns the scenario, if one is set
 * @throws CONFIG_INVALID with every mistake
 */
export async function checkFiles({
  source,
  scenario: name
}: SimulatorConfig): Promise<Scenario | undefined> {
  let scenario: Scenario | undefined
  const problems = [
    ...(await configProblems(async () => {
      scenario = name === undefined ? undefined : await readScenario(name)
    })),
    ...(await configProblems(async () => {
      if (source.kind === 'tape') await expectFile(source.path)
    }))
  ]
  if (problems.length > 0) throw configInvalid(problems)
  return scenario
}

interface PlayTarget extends Pick<PlayOptions, 'audience' | 'clock' | 'signal'> {
  readonly log: Logger
  readonly counts: Counts
}

/** Plays a market until the signal aborts. @throws ABORTED */
async function playMarket(market: Market, target: PlayTarget): Promise<void> {
  const { audience, clock, log, counts } = target
  const batches = marketBatches(market, audience, clock, (skippedMs) => {
    log.warn({ skippedMs }, 'the process was stalled: market time is skipped')
    counts.skipped(skippedMs)
  })
  await play(batches, { ...target, onPlayed: counts.played, pace: livePace, gate: undefined })
}

/** Plays a tape or capture to its end. @throws ABORTED, TAPE_INVALID */
async function playTape(
  { path, speed, skipGaps, start }: TapeConfig,
  target: PlayTarget
): Promise<void> {
  const { audience, clock, log, counts } = target
  const pace = speed === Infinity ? fullSpeed : recordedPace(speed, skipGaps, clock)
  const gate = new StartGate(start, audience, clock)
  log.info({ start }, 'tape waits for subscriptions')
  const batches = readTape(path, SLICE_MS * speed, (note) =>
    log.warn({ note }, 'tape is incomplete')
  )
  await play(batches, { ...target, onPlayed: counts.played, pace, gate })
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

/** An unreadable file counts as none here; it ends the service when it is played. */
async function isCapture(path: string): Promise<boolean> {
  try {
    return (await tapeFormatOf(path)) === 'capture'
  } catch {
    return false
  }
}

/** An address that can be dialled from this machine. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
