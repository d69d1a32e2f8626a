import { hasCode } from '@tapedeck/core'
import { framesOf, type Frame } from '../feed/frame.ts'
import type { Batch } from '../feed/play.ts'
import { BatchReader, type TapeItem } from './batch-reader.ts'
import { readCaptureLine, type CapturedFrame } from './capture-line.ts'
import { readTapeFile, type TapeFileOptions, type TapeLines } from './tape-file.ts'
import { formatOf, readFrameLine, readTradeLine, type TapeFormat } from './tape-line.ts'

const PLAIN: TapeFileOptions = { longestLine: 1024 * 1024, mayBeTorn: false }
/** A frame of the feed may have 4 MiB; as JSON in JSON it is longer. */
const CAPTURE: TapeFileOptions = { longestLine: 16 * 1024 * 1024, mayBeTorn: true }

/**
 * The format of a file, by its first line that is not blank; undefined when there is none.
 * @throws TAPE_INVALID
 */
export async function tapeFormatOf(path: string): Promise<TapeFormat | undefined> {
  for await (const { firstLine, lines } of readTapeFile(path, CAPTURE)) {
    const at = lines.findIndex((line) => line.trim() !== '')
    if (at >= 0) return formatOf(lines[at] ?? '', firstLine + at)
  }
  return undefined
}

/**
 * A recorded file as batches, always in the recorded order. A batch ends when the next line is due
 * more than `slotMs` of recorded time later (Infinity: never) or when it is long; frames of a flat
 * tape are full unless the batch ends. Time only moves forward: what lies behind the newest time so
 * far is due with it. Times are those of the trades, in a capture those of receipt.
 *
 * @param onNote hears, in words, what a capture lacks
 * @throws TAPE_INVALID at the first line that does not fit the format of the first.
 */
export async function* readTape(
  path: string,
  slotMs: number,
  onNote: (note: string) => void = () => undefined
): AsyncGenerator<Batch> {
  const format = await tapeFormatOf(path)
  if (format === 'trades') {
    yield* batches(readTapeFile(path, PLAIN), new BatchReader(slotMs, framesOf, readTradeLine))
  } else if (format === 'frames') {
    yield* batches(readTapeFile(path, PLAIN), new BatchReader(slotMs, framesIn, readFrameLine))
  } else if (format === 'capture') {
    const gaps = new MissingFrames()
    const reader = new BatchReader<CapturedFrame>(slotMs, framesIn, (line, lineNumber) =>
      gaps.notice(readCaptureLine(line, lineNumber))
    )
    yield* batches(withoutTornEnd(readTapeFile(path, CAPTURE), onNote), reader)
    gaps.report(onNote)
  }
}

async function* batches<T extends TapeItem>(
  chunks: AsyncIterable<TapeLines>,
  reader: BatchReader<T>
): AsyncGenerator<Batch> {
  for await (const chunk of chunks) yield* reader.read(chunk)
  yield* reader.flush()
}

function framesIn(items: readonly { readonly frame: Frame }[]): readonly Frame[] {
  return items.map(({ frame }) => frame)
}

/** Leaves out a last line that was cut off in its middle, when its writer was killed. */
async function* withoutTornEnd(
  chunks: AsyncIterable<TapeLines>,
  onNote: (note: string) => void
): AsyncGenerator<TapeLines> {
  for await (const chunk of chunks) {
    if (chunk.isUnended && !isReadable(chunk)) {
      onNote(`line ${chunk.firstLine}, the last one, is cut off: its writer was killed`)
      return
    }
    yield chunk
  }
}

function isReadable({ lines, firstLine }: TapeLines): boolean {
  try {
    for (const line of lines) readCaptureLine(line, firstLine)
    return true
  } catch (error) {
    if (hasCode(error, 'TAPE_INVALID')) return false
    throw error
  }
}

/** Frame numbers of a connection count from 1 without holes, unless the capture lacks some. */
class MissingFrames {
  #last: CapturedFrame | undefined
  #count = 0
  #places = 0

  notice(captured: CapturedFrame): CapturedFrame {
    const isSame = captured.connection === this.#last?.connection
    const missing = captured.number - (isSame ? (this.#last?.number ?? 0) : 0) - 1
    if (missing > 0) {
      this.#count += missing
      this.#places++
    }
    this.#last = captured
    return captured
  }

  report(onNote: (note: string) => void): void {
    if (this.#count === 0) return
    onNote(
      `${this.#count} frames are missing in ${this.#places} places: frame numbers differ from there`
    )
  }
}
