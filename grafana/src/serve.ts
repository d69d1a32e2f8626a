import { messageOf, TapedeckError } from '@tapedeck/core'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { lastWords } from './command.ts'
import { DASHBOARDS } from './dashboard.ts'
import { answers, prepareGrafana, untilReady, type PrepareOptions } from './prepare.ts'
import type { ServeConfig } from './serve-config.ts'

const STOP_LIMIT_MS = 8000
const TAIL_BYTES = 16_384

/**
 * Runs the user's Grafana with tapedeck's data source and dashboards until `signal` aborts.
 *
 * @throws SERVER_MISSING, PORT_IN_USE before anything starts; SERVER_FAILED when Grafana ends by
 * itself or does not answer in time
 */
export async function serveGrafana(config: ServeConfig, options: PrepareOptions): Promise<void> {
  const { signal, say } = options
  const { file, args, cwd, env, version, address, logDir } = await prepareGrafana(config, options)
  await remarkOnApi(config.apiUrl, say)

  say(`starting Grafana ${version} from ${config.home}`)
  const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const words = tail(child)
  const ended = new AbortController()
  const failed = endOf(child, words, logDir).finally(() => ended.abort())
  failed.catch(() => undefined)
  try {
    await Promise.race([failed, untilReady(address, AbortSignal.any([signal, ended.signal]))])
    say(`Grafana shows the market on ${address}/d/${DASHBOARDS.market.uid}`)
    say(`its log is in ${logDir}; Ctrl-C stops it`)
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

async function remarkOnApi(apiUrl: string, say: PrepareOptions['say']): Promise<void> {
  if (await answers(`${apiUrl}/healthz`)) return
  say(
    `the api does not answer on ${apiUrl}: panels stay empty until it does; npm start starts it, TAPEDECK_API_URL names another`
  )
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
