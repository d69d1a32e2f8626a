import { TapedeckError } from '@tapedeck/core'
import { access, constants, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { output, type Command } from './command.ts'
import { INFINITY } from './pins.ts'
import { ageOf } from './versions.ts'

/** A Grafana installation: how to start its server and its plugin installer. */
export interface GrafanaHome {
  readonly folder: string
  readonly server: Command
  readonly cli: Command
}

/**
 * Looks for the programs of a Grafana home.
 * @throws SERVER_MISSING that says what is missing
 */
export async function findGrafana(folder: string): Promise<GrafanaHome> {
  const info = await stat(folder).catch(() => undefined)
  if (info?.isDirectory() !== true) {
    throw missing(folder, info === undefined ? 'it does not exist' : 'it is not a folder')
  }
  const grafana = join(folder, 'bin', 'grafana')
  if (await isProgram(grafana)) {
    return {
      folder,
      server: { file: grafana, args: ['server'] },
      cli: { file: grafana, args: ['cli'] }
    }
  }
  // Packages of older releases have a program for each.
  const server = join(folder, 'bin', 'grafana-server')
  if (await isProgram(server)) {
    const cli = join(folder, 'bin', 'grafana-cli')
    return { folder, server: { file: server, args: [] }, cli: { file: cli, args: [] } }
  }
  throw missing(folder, 'neither bin/grafana nor bin/grafana-server in it can be run')
}

/**
 * The version that Grafana reports, or undefined when it reports none.
 * @throws SERVER_MISSING when it is too old for the data source
 */
export async function checkVersion(
  { server, folder }: GrafanaHome,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal
): Promise<string | undefined> {
  const program: Command = { file: server.file, args: [] }
  const said = await output(program, ['-v'], { env, timeoutMs: 15_000, signal })
  const version = /\b(\d+)\.(\d+)\.(\d+)/.exec(said)?.[0]
  if (version !== undefined && ageOf(version) === 'older') {
    throw new TapedeckError(
      'SERVER_MISSING',
      `Cannot use the Grafana in ${folder}: it is ${version}, expected ${INFINITY.needsGrafana} or newer`
    )
  }
  return version
}

async function isProgram(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false
  )
}

function missing(folder: string, found: string): TapedeckError {
  return new TapedeckError(
    'SERVER_MISSING',
    `No Grafana in ${folder}: ${found}, expected Grafana's home with bin/grafana and public/, such as /usr/share/grafana`
  )
}
