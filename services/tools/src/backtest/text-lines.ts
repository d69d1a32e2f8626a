import { createReadStream } from 'node:fs'
import { access } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { TapedeckError } from '@tapedeck/core'

/** A longer line is no trade and no frame; without a limit a wrong file would fill the memory. */
const MAX_LINE = 16 * 1024 * 1024

/** @throws CONFIG_INVALID for a file that cannot be read: a mistake in the command */
export async function assertReadable(file: string): Promise<void> {
  try {
    await access(file)
  } catch (cause) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot backtest: --file ${file} is not there, expected a .ndjson or .ndjson.gz file`,
      { cause }
    )
  }
}

/** The lines of a text file, gzipped or not, as many at a time as one read gives. @throws TAPE_INVALID */
export async function* linesOf(file: string): AsyncGenerator<readonly string[]> {
  const stream = createReadStream(file, { highWaterMark: 1 << 20 })
  const text = file.endsWith('.gz') ? stream.pipe(createGunzip({ chunkSize: 1 << 18 })) : stream
  // An error of the file does not pass the pipe by itself.
  if (text !== stream) stream.on('error', (error) => text.destroy(error))
  text.setEncoding('utf8')
  let rest = ''
  try {
    for await (const chunk of text) {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MAX_LINE) throw new RangeError(`a line is longer than ${MAX_LINE}`)
      if (lines.length > 0) yield lines
    }
  } catch (cause) {
    if (cause instanceof TapedeckError) throw cause
    throw new TapedeckError(
      'TAPE_INVALID',
      `Cannot read the tape ${file}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause }
    )
  } finally {
    stream.destroy()
  }
  if (rest !== '') yield [rest]
}
