import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { messageOf, TapedeckError } from '@tapedeck/core'
import { megabytes, type Progress } from './progress.ts'

const PARTIAL = '.partial-'
/** Parts of downloads that were killed are removed after a day. */
const PARTIAL_AGE_MS = 86_400_000
const TICK_MS = 1000
/** Less is the work folder's own small files. */
const LEAST_TOLD_BYTES = 100_000

export interface Fetch {
  /** The folder's name below the cache folder. */
  readonly name: string
  /** What is fetched and from where, with its size: told before anything is fetched. */
  readonly announcement: string
  /** Puts the contents into `folder`, verified; throws when it cannot. May tell its own progress. */
  readonly fill: (folder: string, signal: AbortSignal) => Promise<void>
}

/** Where `name` is kept, whether or not it is there. */
export function cachedFolder(cacheDir: string, name: string): string {
  return path.join(cacheDir, name)
}

/**
 * Fetches a folder into the cache and answers its path; a folder that is there is used as it is.
 *
 * The contents grow in a folder of their own and are renamed when they are whole: a killed fetch
 * leaves nothing half done, and of two processes that fetch at once one wins and both use it.
 *
 * @throws DOWNLOAD_FAILED with the cause; ABORTED
 */
export async function fetchInto(
  cacheDir: string,
  { name, announcement, fill }: Fetch,
  { progress, signal }: { readonly progress: Progress; readonly signal: AbortSignal }
): Promise<string> {
  const target = cachedFolder(cacheDir, name)
  if (await isFolder(target)) return target
  await mkdir(cacheDir, { recursive: true })
  await removeOldParts(cacheDir)
  const folder = await mkdtemp(path.join(cacheDir, PARTIAL))
  progress.say(`${announcement}, into ${cacheDir}`)
  let told = LEAST_TOLD_BYTES
  const tellSize = async (): Promise<void> => {
    const bytes = await sizeOf(folder)
    if (bytes <= told) return
    told = bytes
    progress.say(`${name}: ${megabytes(bytes)} so far`)
  }
  const ticker = setInterval(() => void tellSize(), TICK_MS)
  try {
    await fill(folder, signal)
    await rename(folder, target).catch((error: unknown) => {
      // Somebody else was faster: a folder is never renamed over one with contents.
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
    })
    progress.say(`${name}: fetched, ${megabytes(await sizeOf(target))} on disk`)
    return target
  } catch (cause) {
    if (signal.aborted) throw new TapedeckError('ABORTED', `Fetching ${name} was stopped`)
    if (cause instanceof TapedeckError && cause.code !== 'SERVER_FAILED') throw cause
    throw new TapedeckError('DOWNLOAD_FAILED', `Cannot fetch ${name}: ${messageOf(cause)}`, {
      cause
    })
  } finally {
    clearInterval(ticker)
    await rm(folder, { recursive: true, force: true })
  }
}

/** Bytes of all files below a folder; what vanishes meanwhile counts nothing. */
export async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  let bytes = 0
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const size = await stat(path.join(entry.parentPath, entry.name)).catch(() => undefined)
    bytes += size?.size ?? 0
  }
  return bytes
}

async function isFolder(folder: string): Promise<boolean> {
  return (await stat(folder).catch(() => undefined))?.isDirectory() ?? false
}

async function removeOldParts(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith(PARTIAL)) continue
    const part = path.join(cacheDir, name)
    const { mtimeMs } = (await stat(part).catch(() => undefined)) ?? { mtimeMs: Date.now() }
    if (Date.now() - mtimeMs > PARTIAL_AGE_MS) await rm(part, { recursive: true, force: true })
  }
}
