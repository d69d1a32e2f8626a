import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { messageOf, TapedeckError } from '@tapedeck/core'
import { fetchInto } from './cache.ts'
import { KAFKA_CACHE, KAFKA_VERSION } from './fetch-kafka.ts'
import { runCommand } from './run-command.ts'
import type { Search } from './search.ts'

/** Apache keeps every release here; the SHA-512 lies beside the archive. */
export const APACHE_ARCHIVE = 'https://archive.apache.org/dist/kafka'
const ANSWER_LIMIT_MS = 5000
const DOWNLOAD_LIMIT_MS = 1_800_000
const UNPACK_LIMIT_MS = 120_000

/**
 * Kafka's official binary release, for machines without Maven. The checksum is asked for first: a
 * machine without a way to Apache's site knows within five seconds.
 *
 * @throws DOWNLOAD_FAILED, CHECKSUM_MISMATCH
 */
export function fetchKafkaRelease(
  search: Pick<Search, 'cacheDir' | 'progress'>,
  signal: AbortSignal,
  site = APACHE_ARCHIVE
): Promise<string> {
  const name = `kafka_2.13-${KAFKA_VERSION}`
  const url = `${site}/${KAFKA_VERSION}/${name}.tgz`
  return fetchInto(
    search.cacheDir,
    {
      name: KAFKA_CACHE,
      announcement: `Fetching Kafka ${KAFKA_VERSION} (${url}, about 120 MB, SHA-512 checked)`,
      async fill(folder) {
        const expected = sha512In(await (await answer(`${url}.sha512`, signal)).text())
        const archive = path.join(folder, 'kafka.tgz')
        const { body } = await answer(url, signal, DOWNLOAD_LIMIT_MS)
        if (body === null) throw new TapedeckError('DOWNLOAD_FAILED', `${url} is empty`)
        await pipeline(Readable.fromWeb(body), createWriteStream(archive), { signal })
        const found = await sha512Of(archive)
        if (found !== expected) {
          throw new TapedeckError(
            'CHECKSUM_MISMATCH',
            `${url} is refused: SHA-512 ${found.slice(0, 16)}… found, expected ${expected.slice(0, 16)}…`
          )
        }
        await runCommand('tar', ['-xzf', archive, '-C', folder], {
          signal,
          timeoutMs: UNPACK_LIMIT_MS
        })
        await rename(path.join(folder, name, 'libs'), path.join(folder, 'libs'))
        for (const entry of await readdir(folder)) {
          if (entry !== 'libs') await rm(path.join(folder, entry), { recursive: true })
        }
      }
    },
    { progress: search.progress, signal }
  )
}

/** The hash in Apache's checksum file, whose lines are broken and spaced as they like. */
export function sha512In(text: string): string {
  const hash = text
    .replace(/^[^:]*:/, '')
    .replaceAll(/\s/g, '')
    .toLowerCase()
    .slice(0, 128)
  if (!/^[0-9a-f]{128}$/.test(hash)) {
    throw new TapedeckError('CHECKSUM_MISMATCH', 'The checksum file holds no SHA-512, expected one')
  }
  return hash
}

async function answer(url: string, signal: AbortSignal, limitMs?: number): Promise<Response> {
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
    if (cause instanceof TapedeckError) throw cause
    const why = late.signal.aborted ? `no answer in ${ANSWER_LIMIT_MS} ms` : causeOf(cause)
    throw new TapedeckError('DOWNLOAD_FAILED', `Cannot reach ${url}: ${why}`, { cause })
  } finally {
    clearTimeout(timer)
  }
}

/** fetch says only "fetch failed"; the reason is its cause. */
function causeOf(error: unknown): string {
  const { cause } = error as { cause?: unknown }
  return cause === undefined ? messageOf(error) : messageOf(cause)
}

async function sha512Of(file: string): Promise<string> {
  const hash = createHash('sha512')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}
