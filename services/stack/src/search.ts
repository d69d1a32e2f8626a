import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Env } from '@tapedeck/core'
import type { Progress } from './progress.ts'

/** What every search for a server reads; a test hands in folders of its own. */
export interface Search {
  /** PATH, JAVA_HOME, KAFKA_HOME, MONGOD_BIN: the variables of the machine, not of tapedeck. */
  readonly env: Env
  readonly cacheDir: string
  readonly platform: NodeJS.Platform
  readonly arch: NodeJS.Architecture
  /** Where packages put a mongod when PATH lacks the folder. */
  readonly usualFolders: readonly string[]
  /** False: only what is on the machine counts, nothing is fetched. */
  readonly mayFetch: boolean
  readonly progress: Progress
}

/** The programs called `name` in the folders of PATH, in order. */
export async function onPath(env: Env, name: string): Promise<string[]> {
  const folders = (env['PATH'] ?? '').split(path.delimiter).filter((folder) => folder !== '')
  const found: string[] = []
  for (const folder of folders) {
    const candidate = path.join(folder, name)
    if (await isProgram(candidate)) found.push(candidate)
  }
  return found
}

export async function isProgram(file: string): Promise<boolean> {
  const isFile = (await stat(file).catch(() => undefined))?.isFile() ?? false
  if (!isFile) return false
  return access(file, constants.X_OK).then(
    () => true,
    () => false
  )
}
