import { messageOf, systemClock, TapedeckError } from '@tapedeck/core'
import { once } from 'node:events'
import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { renderAlertRules } from './alerts.ts'
import { CONTACT_POINT, renderContactPoint } from './contact-point.ts'
import { checkVersion, findGrafana } from './grafana-home.ts'
import { ensurePlugin } from './plugin.ts'
import type { ServeConfig } from './serve-config.ts'
import { grafanaEnv } from './settings.ts'

/** A first start migrates an empty database, which is slow on a slow machine. */
const READY_LIMIT_MS = 180_000
const POLL_MS = 250
const ASK_LIMIT_MS = 2000

export interface PrepareOptions {
  /** Grafana inherits its GF_ variables and what programs need; no secret of tapedeck. */
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  /** A line for the person at the terminal. */
  say(line: string): void
}

/** A Grafana with tapedeck's data source and dashboards, ready to be started. */
export interface GrafanaProgram {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  /** Such as `13.2.3`, or `of unknown version`. */
  readonly version: string
  /** Where it will answer, without a path. */
  readonly address: string
  readonly logDir: string
}

/**
 * Checks the Grafana in `config.home` and installs the data source plugin unless it is there.
 * @throws SERVER_MISSING when it is no Grafana, too old, or lacks the plugin and cannot install it; PORT_IN_USE; ABORTED
 */
export async function prepareGrafana(
  config: ServeConfig,
  options: PrepareOptions
): Promise<GrafanaProgram> {
  const { signal, say } = options
  const home = await findGrafana(config.home)
  const projectDir = join(import.meta.dirname, '..')
  const provisioning = await provisioningOf(config, join(projectDir, 'provisioning'))
  const env = grafanaEnv(config, { projectDir, provisioning }, options.env)
  const version = await checkVersion(home, env, signal)
  await expectFreePort(config.port)
  await mkdir(config.dataDir, { recursive: true })
  await ensurePlugin(home, config.pluginsDir, { env, signal, say })
  return {
    file: home.server.file,
    args: [...home.server.args, '--homepath', home.folder],
    cwd: home.folder,
    env,
    version: version ?? 'of unknown version',
    address: `http://127.0.0.1:${config.port}`,
    logDir: join(config.dataDir, 'log')
  }
}

/** The folder of what Grafana finds at its start: a copy with the contact point, where alerts are posted somewhere. */
async function provisioningOf(
  { alertWebhook, dataDir }: ServeConfig,
  folder: string
): Promise<string> {
  if (alertWebhook === undefined) return folder
  const own = join(dataDir, 'provisioning')
  await rm(own, { recursive: true, force: true })
  await cp(folder, own, { recursive: true })
  await writeFile(join(own, 'alerting/rules.yaml'), renderAlertRules(CONTACT_POINT))
  await writeFile(join(own, 'alerting/contact-point.yaml'), renderContactPoint(alertWebhook), {
    mode: 0o600
  })
  return own
}

/**
 * Waits until Grafana answers.
 * @throws SERVER_FAILED when it does not in 180 s; ABORTED
 */
export async function untilReady(address: string, signal: AbortSignal): Promise<void> {
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

/** Whether a URL is answered with success. */
export async function answers(url: string): Promise<boolean> {
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
