import { messageOf, systemClock, TapedeckError } from '@tapedeck/core'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { lastWords } from './command.ts'
import { checkVersion, findGrafana } from './grafana-home.ts'
import { DASHBOARDS } from './dashboard.ts'
import { ensurePlugin } from './plugin.ts'
import type { ServeConfig } from './serve-config.ts'
import { grafanaEnv } from './settings.ts'

/** A first start migrates an empty database, which is slow on a slow machine. */
const READY_LIMIT_MS = 180_000
const POLL_MS = 250
const ASK_LIMIT_MS = 2000
const STOP_LIMIT_MS = 8000
const TAIL_BYTES = 16_384

export interface ServeOptions {
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  /** A line for the person at the terminal. */
  say(line: string): void
}

/**
 * Runs the user's Grafana with tapedeck's data source and dashboards until `signal` aborts.
 *
 * @throws SERVER_MISSING, PORT_IN_USE before anything starts; SERVER_FAILED when Grafana ends by
 * itself or does not answer in time
 */
export async function serveGrafana(config: ServeConfig, options: ServeOptions): Promise<void> {
  const { signal, say } = options
  const home = await findGrafana(config.home)
  const env = grafanaEnv(config, join(import.meta.dirname, '..'), options.env)
  const version = await checkVersion(home, env, signal)
  await expectFreePort(config.port)
  await mkdir(config.dataDir, { recursive: true })
  await ensurePlugin(home, config.pluginsDir, { env, signal, say })
  await remarkOnApi(config.apiUrl, say)

  say(`starting Grafana ${version ?? 'of unknown version'} from ${home.folder}`)
  const child = spawn(home.server.file, [...home.server.args, '--homepath', home.folder], {
    cwd: home.folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const words = tail(child)
  const ended = new AbortController()
  const failed = endOf(child, words, join(config.dataDir, 'log')).finally(() => ended.abort())
  failed.catch(() => undefined)
  try {
    const address = `http://127.0.0.1:${config.port}`
    await Promise.race([failed, ready(address, AbortSignal.any([signal, ended.signal]))])
    say(`Grafana shows the market on ${address}/d/${DASHBOARDS.market.uid}`)
    say(`its log is in ${join(config.dataDir, 'log')}; Ctrl-C stops it`)
    await Promise.race([failed, aborted(signal)])
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await stop(child)
  }
}

/** Rejects when Grafana ends. It never resolves. */
async function endOf(child: ChildProcess, words: () => string, log: string): Promise<never> {
  const how = await Promise.race([
    once(child, 'exit').then(([code, by]) => `exit ${String(code ?? by)}`),
    once(child, 'error').then(([error]) => messageOf(error))
  ])
  throw new TapedeckError(
    'SERVER_FAILED',
    `Grafana ended by itself: ${how}, expected it to run\n  ${words()}\n  more in ${log}`
  )
}

async function ready(address: string, signal: AbortSignal): Promise<void> {
  const deadlineMs = systemClock.now() + READY_LIMIT_MS
  while (systemClock.now() < deadlineMs) {
    if (await answers(`${address}/api/health`)) return
    await systemClock.delay(POLL_MS, signal)
  }
  throw new TapedeckError(
    'SERVER_FAILED',
    `Grafana does not answer on ${address} after ${READY_LIMIT_MS / 1000} s, expected 200 of /api/health`
  )
}

async function remarkOnApi(apiUrl: string, say: ServeOptions['say']): Promise<void> {
  if (await answers(`${apiUrl}/healthz`)) return
  say(
    `the api does not answer on ${apiUrl}: panels stay empty until it does; npm start starts it, TAPEDECK_API_URL names another`
  )
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ASK_LIMIT_MS) })
    await response.body?.cancel()
    return response.ok
  } catch {
    return false
  }
}

async function expectFreePort(port: number): Promise<void> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  } catch (cause) {
    throw new TapedeckError(
      'PORT_IN_USE',
      `Cannot serve Grafana on 127.0.0.1:${port}: ${messageOf(cause)}, expected a free port; GRAFANA_PORT chooses another`,
      { cause }
    )
  } finally {
    server.close()
  }
}

function tail(child: ChildProcess): () => string {
  let kept = ''
  const keep = (chunk: Buffer): void => {
    kept = `${kept}${chunk.toString()}`.slice(-TAIL_BYTES)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  return () => lastWords(kept)
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
  await gone
  clearTimeout(kill)
}
