import { hasCode, messageOf, TapedeckError } from '@tapedeck/core'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { output } from './command.ts'
import type { GrafanaHome } from './grafana-home.ts'
import { INFINITY } from './pins.ts'

const INSTALL_LIMIT_MS = 180_000

interface InstallOptions {
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  say(line: string): void
}

/**
 * Makes sure that the pinned data source plugin is in `pluginsDir`, through Grafana's own installer.
 * When the installer fails, another installed version is used, with a warning.
 *
 * @throws SERVER_MISSING when no version is installed and the installer fails
 */
export async function ensurePlugin(
  home: GrafanaHome,
  pluginsDir: string,
  { env, signal, say }: InstallOptions
): Promise<void> {
  const found = await installedVersion(pluginsDir)
  if (found === INFINITY.version) return
  say(`installing the data source ${INFINITY.id} ${INFINITY.version} into ${pluginsDir}`)
  await mkdir(pluginsDir, { recursive: true })
  const flags = ['--homepath', home.folder, '--pluginsDir', pluginsDir]
  const install = [...flags, 'plugins', 'install', INFINITY.id, INFINITY.version]
  try {
    await output(home.cli, install, { env, timeoutMs: INSTALL_LIMIT_MS, signal })
  } catch (error) {
    if (hasCode(error, 'ABORTED')) throw error
    if (found === undefined) throw cannotInstall(pluginsDir, messageOf(error), error)
    say(`${messageOf(error)}\n  using ${INFINITY.id} ${found}; ${INFINITY.version} is tested`)
    return
  }
  if ((await installedVersion(pluginsDir)) === undefined) {
    throw cannotInstall(pluginsDir, 'the installer reported success but installed no plugin')
  }
}

/** The contents of plugin.json of the installed plugin. */
async function installedVersion(pluginsDir: string): Promise<string | undefined> {
  // plugin.json is in the folder of the plugin, or below dist/ when unpacked from source.
  for (const file of ['plugin.json', 'dist/plugin.json']) {
    const text = await readFile(join(pluginsDir, INFINITY.id, file), 'utf8').catch(() => undefined)
    if (text === undefined) continue
    const { info } = JSON.parse(text) as { info?: { version?: string } }
    return info?.version ?? 'of unknown version'
  }
  return undefined
}

function cannotInstall(pluginsDir: string, found: string, cause?: unknown): TapedeckError {
  return new TapedeckError(
    'SERVER_MISSING',
    `Cannot install the data source ${INFINITY.id} ${INFINITY.version}: ${found}\n` +
      `  expected it in ${pluginsDir}; without a network, unpack its zip there from a machine that has one, ` +
      `or name a folder that has it: npm run grafana -- --home DIR --plugins DIR`,
    { cause }
  )
}
