import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { silentProgress, type Search } from '@tapedeck/stack/testing'

/** How a search is run whose result is found or refused. */
export const options = { signal: new AbortController().signal, remedy: 'Install it' }

export const JAVA_17 = 'openjdk version "17.0.15" 2025-04-15'

/** A folder with programs that answer a version, and a search that sees nothing else. */
export async function machine(t: TestContext): Promise<{
  search: Search
  program(file: string, says: string, exitCode?: number): Promise<string>
}> {
  const root = await mkdtemp(path.join(tmpdir(), 'tapedeck-machine-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  return {
    search: {
      env: { PATH: path.join(root, 'bin') },
      cacheDir: path.join(root, 'cache'),
      platform: 'linux',
      arch: 'x64',
      usualFolders: [path.join(root, 'usual')],
      mayFetch: false,
      progress: silentProgress
    },
    async program(name, says, exitCode = 0) {
      const file = path.join(root, name)
      await mkdir(path.dirname(file), { recursive: true })
      await writeFile(file, `#!/bin/sh\necho '${says}'\nexit ${exitCode}\n`, { mode: 0o755 })
      return file
    }
  }
}
