import { access, constants } from 'node:fs/promises'
import { hasCode, messageOf, systemClock, TapedeckError, type Clock } from '@tapedeck/core'
import { serveHealth, type ServiceContext } from '@tapedeck/service'
import type { SimulatorConfig } from './config.ts'
import { createCounts, type SimulatorStats } from './counts.ts'
import { readScenario } from './faults/built-in.ts'
import { controlRequests } from './faults/control.ts'
import { Director, type Progress } from './faults/director.ts'
import type { Fault } from './faults/fault.ts'
import type { Scenario } from './faults/scenario.ts'
import { Admission } from './feed/admission.ts'
import { Audience } from './feed/audience.ts'
import { openFeedServer } from './feed/server.ts'
import { Session } from './feed/session.ts'
import { Market } from './market/market.ts'
import { playMarket, playTape } from './play-source.ts'
import { tapeFormatOf } from './tape/tape-source.ts'

export { readCommandLine, SETTINGS, USAGE } from './command-line.ts'
export { readConfig, SIMULATOR_VARIABLES, type SimulatorConfig } from './config.ts'
export type { SimulatorStats } from './counts.ts'
export { BUILT_IN, readScenario } from './faults/built-in.ts'
export { CONTENT_NAMES, contentOf, filled, type ContentName } from './faults/content.ts'
export type { Progress } from './faults/director.ts'
export { FAULT_KINDS, faultProblems, type Fault } from './faults/fault.ts'
export { scenarioOf, type Scenario, type Step, type Trigger } from './faults/scenario.ts'
export type { Frame } from './feed/frame.ts'
export { recordedPace } from './feed/pace.ts'
export { Market, type MarketOptions } from './market/market.ts'
export { readTape } from './tape/tape-source.ts'

export interface RunningSimulator {
  /** For FINNHUB_URL, without a token. */
  readonly url: string
  readonly healthUrl: string
  /** GET says what is going on, POST lets something go wrong. */
  readonly controlUrl: string
  stats(): SimulatorStats
  /** Lets something go wrong at once. */
  perform(fault: Fault): void
  /** Begins a scenario in place of the one that is played. */
  play(scenario: Scenario): void
  /** How far the scenario has come; undefined: there is none. */
  progress(): Progress | undefined
}

/**
 * Serves Finnhub's protocol and plays its source in the background until the context's signal.
 *
 * A file that cannot be played ends the service with TAPE_INVALID, when it is played and not before:
 * a tape is streamed, so a bad line is found when its turn comes.
 *
 * @throws CONFIG_INVALID when the file or the scenario is not there or wrong; PORT_IN_USE.
 */
export async function startSimulator(
  config: SimulatorConfig,
  context: ServiceContext,
  clock: Clock = systemClock
): Promise<RunningSimulator> {
  const { log, signal, defer, metrics } = context
  const { source, maxSymbols, pingMs } = config
  const scenario = config.scenario === undefined ? undefined : await readScenario(config.scenario)
  if (source.kind === 'tape') await expectFile(source.path)
  const hasOwnPings = source.kind === 'tape' && (await isCapture(source.path))

  const audience = new Audience()
  const admission = new Admission(config.token, maxSymbols)
  const clients = metrics.gauge('simulator_clients', 'Connected clients')
  const counts = createCounts(metrics, () => audience.sessions.size)
  const director = new Director({ audience, admission, counts, clock, signal, log })
  const onChange = (): void => {
    audience.refresh()
    clients.set(audience.sessions.size)
    director.changed()
  }
  const server = await openFeedServer({
    ...config,
    admit(url) {
      const answer = admission.answer(url, audience.openTokens)
      counts.handshake(answer.status)
      return answer
    },
    onRequest: controlRequests({ director, audience, admission }),
    onConnection(socket, stream, token) {
      const session = new Session(socket, stream, {
        number: counts.stats().connections,
        token,
        maxSymbols: () => admission.maxSymbols,
        pingMs,
        // What is captured has its pings: others in between would shift the numbers of its frames.
        pings: () => !hasOwnPings || counts.stats().tapeEnded,
        log,
        onChange,
        onFrame: () => director.frameSent()
      })
      audience.sessions.add(session)
      onChange()
      director.connected(session)
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
  const host = `${urlHost(config.host)}:${server.port}`
  const [url, controlUrl] = [`ws://${host}`, `http://${host}/control`]
  log.info({ url, controlUrl, ...source }, 'feed is served')
  if (scenario !== undefined) director.play(scenario)

  const parts = { audience, clock, signal, onPlayed: counts.played }
  const playing =
    source.kind === 'tape'
      ? playTape(source, parts, log, counts)
      : playMarket(new Market({ ...source, startMs: clock.now() }), parts, log, counts)
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

/** A file that cannot be read as one ends the service later, when it is played. */
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
