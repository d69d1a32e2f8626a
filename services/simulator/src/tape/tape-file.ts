import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream'
import { constants, createGunzip } from 'node:zlib'
import { hasCode, messageOf, TapedeckError } from '@tapedeck/core'

/** Successive lines of a tape. */
export interface TapeLines {
  /** Number of the first of them; lines count from 1. */
  readonly firstLine: number
  readonly lines: readonly string[]
  /** This is the only line, and the file ended without an end of line. */
  readonly isUnended: boolean
}

/** Bytes read at once, which bounds the memory of a tape of any length. */
const CHUNK_BYTES = 64 * 1024

export interface TapeFileOptions {
  readonly longestLine: number
  /** The writer may have been killed: an incomplete gzip ends the tape without an error. */
  readonly mayBeTorn: boolean
}

/**
 * Streams the lines of an NDJSON file, plain or gzip (one member or several) by its first bytes. A last
 * line without an end of line counts.
 *
 * @throws TAPE_INVALID when the file cannot be read, its gzip is damaged or a line has no end.
 */
export async function* readTapeFile(
  path: string,
  options: TapeFileOptions
): AsyncGenerator<TapeLines> {
  let rest = ''
  let lineNumber = 1
  try {
    for await (const chunk of await openText(path, options)) {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > options.longestLine) {
        throw endless(path, lineNumber + lines.length, options)
      }
      if (lines.length > 0) yield { firstLine: lineNumber, lines, isUnended: false }
      lineNumber += lines.length
    }
  } catch (cause) {
    if (hasCode(cause, 'TAPE_INVALID')) throw cause
    throw new TapedeckError(
      'TAPE_INVALID',
      `Cannot read tape '${path}' near line ${lineNumber}: found ${messageOf(cause)}, ` +
        `expected an .ndjson or .ndjson.gz file`,
      { cause }
    )
  }
  if (rest !== '') yield { firstLine: lineNumber, lines: [rest], isUnended: true }
}

async function openText(path: string, { mayBeTorn }: TapeFileOptions): Promise<Readable> {
  const isGzip = await startsAsGzip(path)
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES })
  if (!isGzip) return file.setEncoding('utf8')
  const gunzip = createGunzip({
    chunkSize: CHUNK_BYTES,
    finishFlush: mayBeTorn ? constants.Z_SYNC_FLUSH : constants.Z_FINISH
  })
  gunzip.setEncoding('utf8')
  // The reader of `gunzip` receives the error of either; the callback only prevents that it is thrown.
  pipeline(file, gunzip, () => {})
  return gunzip
}

async function startsAsGzip(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await file.close()
  }
}

function endless(
  path: string,
  lineNumber: number,
  { longestLine }: TapeFileOptions
): TapedeckError {
  return new TapedeckError(
    'TAPE_INVALID',
    `Cannot read tape '${path}', line ${lineNumber}: found more than ${longestLine} characters ` +
      `without an end of line, expected one trade or frame a line`
  )
}
