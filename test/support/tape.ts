import { createReadStream } from 'node:fs'
import { access } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { TapedeckError } from '@tapedeck/core'

export interface TapeTrade {
  readonly s: string
  readonly p: number
  readonly t: number
  readonly v: number
  readonly c?: readonly string[] | null
  /** The source's own id, where it has one. */
  readonly id?: string | number
}

async function readable(file: string): Promise<Readable> {
  try {
    await access(file)
  } catch (cause) {
    throw new TapedeckError(
      'TAPE_INVALID',
      `Cannot read the tape: '${file}' is not there, expected a .ndjson or .ndjson.gz file`,
      { cause }
    )
  }
  const stream = createReadStream(file)
  return file.endsWith('.gz') ? stream.pipe(createGunzip()) : stream
}

/** The lines of a text file, gzipped or not. */
export async function* linesOf(file: string): AsyncGenerator<string> {
  for await (const line of createInterface({ input: await readable(file) })) {
    if (line.trim() !== '') yield line
  }
}

/** The trades of a tape in recorded order: a trade a line, or a whole Finnhub frame a line. */
export async function* tradesOf(file: string): AsyncGenerator<TapeTrade> {
  for await (const line of linesOf(file)) {
    const value = JSON.parse(line) as TapeTrade | { type: string; data?: TapeTrade[] }
    if ('type' in value) yield* value.data ?? []
    else yield value
  }
}
