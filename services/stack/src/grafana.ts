import { realpath } from 'node:fs/promises'
import path from 'node:path'
import {
  hasCode,
  messageOf,
  signalGroup,
  TapedeckError,
  type Env,
  type Guard
} from '@tapedeck/core'
import { prepareGrafana, untilReady, type GrafanaProgram } from '@tapedeck/grafana/prepare'
import { onPath } from './find.ts'
import type { StackConfig } from './config.ts'
import { openLog } from './logs.ts'
import type { PortMemory } from './ports.ts'
import type { Progress } from './screen.ts'
import { withoutSecretsOfOthers } from './secrets.ts'
import { supervise, type Running, type Supervised } from './supervise.ts'
import type { Troubles } from './troubles.ts'

/** Where packages of Debian, Red Hat and Homebrew, and people who unpack an archive, put Grafana's home. */
const USUAL_HOMES = [
  '/usr/share/grafana',
  '/opt/grafana',
  '/opt/homebrew/opt/grafana/share/grafana',
  '/usr/local/opt/grafana/share/grafana',
  '/usr/local/share/grafana',
  '/usr/local/grafana'
]
/** Where its home lies, seen from the program that PATH finds. */
const HOMES_OF_PROGRAM = ['..', '../share/grafana']
const PREFERRED_PORT = 3000
/** What the screen says where there is no Grafana. */
const NONE =
  'none found; unpack one of grafana.com/grafana/download, then GRAFANA_HOME=FOLDER npm start'

interface GrafanaSite {
  readonly guard: Guard
  readonly ports: PortMemory
  readonly troubles: Troubles
  readonly progress: Progress
  /** Address of the api, with a slash at its end. */
  readonly apiUrl: string
}

/** The Grafana of a stack: at most one, and the stack runs without it. */
export interface StackGrafana {
  /** For the screen: its address, or how to get one. Undefined when the user wants none. */
  readonly text: string | undefined
  stop(limitMs: number): Promise<void>
}

/**
 * The home folder of a Grafana on this machine: that of GRAFANA_HOME, else that of the program on PATH, else one
 * of the usual folders; undefined when there is none.
 */
export async function findGrafanaHome(
  given: string | undefined,
  env: Env,
  usual: readonly string[] = USUAL_HOMES
): Promise<string | undefined> {
  if (given !== undefined) return path.resolve(given)
  const programs = [...(await onPath(env, 'grafana')), ...(await onPath(env, 'grafana-server'))]
  const real = await Promise.all(programs.map((file) => realpath(file)))
  const nearby = real.flatMap((file) =>
    HOMES_OF_PROGRAM.map((there) => path.resolve(path.dirname(file), there))
  )
  for (const home of [...nearby, ...usual]) {
    const parts = ['public', path.join('conf', 'defaults.ini')]
    const found = await Promise.all(
      parts.map((part) => realpath(path.join(home, part)).catch(() => ''))
    )
    if (found.every((file) => file !== '')) return home
  }
  return undefined
}

/**
 * Starts a Grafana of this machine with the dashboards, in the background: installing the plugin and migrating its
 * database take their time, and nothing waits for it. What fails is printed; the stack goes on.
 */
export async function startGrafana(
  config: StackConfig,
  { guard, ports, troubles, progress, apiUrl }: GrafanaSite
): Promise<StackGrafana> {
  const { home: wanted, port: wantedPort, apiToken, alertWebhook } = config.grafana
  if (wanted === 'off') return { text: undefined, stop: () => Promise.resolve() }
  const home = await findGrafanaHome(wanted, config.env)
  if (home === undefined) return { text: NONE, stop: () => Promise.resolve() }

  const port = wantedPort ?? (await ports.choose('grafana', PREFERRED_PORT))
  const env = withoutSecretsOfOthers(config.env, 'grafana')
  const dataDir = path.join(config.dataDir, 'grafana')
  const serve = {
    home,
    port,
    apiUrl: apiUrl.replace(/\/$/, ''),
    apiToken,
    alertWebhook,
    dataDir,
    pluginsDir: path.join(dataDir, 'plugins')
  }
  const stopping = new AbortController()
  const { signal } = stopping
  let running: Supervised<Running> | undefined
  const bringUp = async (): Promise<void> => {
    const say = (text: string): void => progress.say(`Grafana: ${text}`)
    const program = await prepareGrafana(serve, { env, signal, say })
    const start = (one: AbortSignal): Promise<Running> => run(program, config.dataDir, guard, one)
    const first = await start(signal)
    running = supervise('Grafana', first, { again: start, progress, troubles })
    progress.say(`Grafana ${program.version} shows the market on ${program.address}`)
  }
  const started = bringUp().catch((error: unknown) => {
    if (!signal.aborted && !hasCode(error, 'ABORTED'))
      progress.warn(`Grafana is not started: ${messageOf(error)}`)
  })
  return {
    text: `http://127.0.0.1:${port} (Grafana of ${home})`,
    async stop(limitMs) {
      stopping.abort()
      await started
      await running?.stop(limitMs)
    }
  }
}

const UNWIND_LIMIT_MS = 3000

/** @throws SERVER_FAILED when it ends or does not answer; ABORTED */
async function run(
  { file, args, cwd, env, address, logDir }: GrafanaProgram,
  dataDir: string,
  guard: Guard,
  signal: AbortSignal
): Promise<Running> {
  const log = await openLog(dataDir, 'grafana')
  const child = await guard
    .start(file, args, { env, cwd, log: log.handle })
    .finally(() => log.handle.close())
  const ended = new AbortController()
  const clear = async (): Promise<void> => {
    await child.exited
    ended.abort()
    // Its plugins are processes of its group that do not notice when it was killed.
    signalGroup(child.pid, 'SIGKILL')
  }
  void clear()
  try {
    await untilReady(address, AbortSignal.any([signal, ended.signal]))
  } catch (cause) {
    await child.stop(UNWIND_LIMIT_MS)
    if (signal.aborted) throw cause
    const { how } = await child.exited
    const found = ended.signal.aborted ? `it ended with ${how}` : messageOf(cause)
    throw new TapedeckError('SERVER_FAILED', `${found} (${log.path}, ${logDir})`, { cause })
  }
  return { pid: child.pid, exited: child.exited, stop: child.stop }
}
