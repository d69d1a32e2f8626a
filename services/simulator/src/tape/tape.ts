import { hasCode } from '@tapedeck/core'
import { framesOf, type TextFrame } from '../feed/frame.ts'
import type { FrameBatch } from '../feed/playback.ts'
import { readTapeFile, type TapeFileOptions, type TapeLines } from './tape-file.ts'
import {
  formatOf,
  readCaptureLine,
  readFrameLine,
  readTradeLine,
  type CapturedFrame,
  type TapeFormat
} from './tape-line.ts'

const PLAIN: TapeFileOptions = { longestLine: 1024 * 1024, mayBeTorn: false }
/** A frame of the feed may have 4 MiB; as a text in JSON it is longer. */
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
 * A recorded file as batches in the recorded order. A batch ends when the next line is due more than
 * `slotMs` of recorded time later (Infinity: never) or when it is long; frames of a flat tape are full
 * unless the batch ends. Time only moves forward: a line behind the newest time so far is due with it.
 * Times are those of the trades, in a capture those of receipt.
 *
 * @param onNote is called with what a capture lacks
 * @throws TAPE_INVALID at the first line that does not fit the format of the first.
 */
export async function* readTape(
  path: string,
  slotMs: number,
  onNote: (note: string) => void = () => undefined
): AsyncGenerator<FrameBatch> {
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
): AsyncGenerator<FrameBatch> {
  for await (const chunk of chunks) yield* reader.read(chunk)
  yield* reader.flush()
}

function framesIn(items: readonly { readonly frame: TextFrame }[]): readonly TextFrame[] {
  return items.map(({ frame }) => frame)
}

/** Omits an incomplete last line, as a killed writer leaves it. */
async function* withoutTornEnd(
  chunks: AsyncIterable<TapeLines>,
  onNote: (note: string) => void
): AsyncGenerator<TapeLines> {
  for await (const chunk of chunks) {
    if (chunk.isUnended && !isReadable(chunk)) {
      onNote(`line ${chunk.firstLine}, the last one, is incomplete: its writer was killed`)
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

/** TextFrame numbers of a connection count from 1 without holes, unless the capture lacks some. */
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
      `${this.#count} frames are missing in ${this.#places} places: frame numbers differ after them`
    )
  }
}

/** A line of a tape. */
interface TapeItem {
  /** Its position on the tape's time line; undefined: that of the line before. */
  readonly atMs: number | undefined
  /** Of a capture: the connection that received it. */
  readonly connection?: string
}

/** The most trades or frames in one batch; a multiple of ten, so that frames stay full. */
const BATCH_LINES = 1000

/** Collects lines into batches, see readTape. */
class BatchReader<T extends TapeItem> {
  readonly #slotMs: number
  readonly #pack: (items: readonly T[]) => readonly TextFrame[]
  readonly #readLine: (line: string, lineNumber: number) => T
  #items: T[] = []
  #slotStartMs: number | undefined
  #newestMs: number | undefined
  #connection: string | undefined
  #isNewConnection = false

  constructor(
    slotMs: number,
    pack: (items: readonly T[]) => readonly TextFrame[],
    readLine: (line: string, lineNumber: number) => T
  ) {
    this.#slotMs = slotMs
    this.#pack = pack
    this.#readLine = readLine
  }

  /** @throws TAPE_INVALID at the first line that does not fit. */
  *read({ firstLine, lines }: TapeLines): Iterable<FrameBatch> {
    let lineNumber = firstLine - 1
    for (const line of lines) {
      lineNumber++
      if (line === '' || line.trim() === '') continue
      const item = this.#readLine(line, lineNumber)
      const atMs = item.atMs ?? this.#newestMs
      const isSwitch = this.#connection !== undefined && item.connection !== this.#connection
      if (this.#items.length >= BATCH_LINES || isSwitch) yield* this.flush()
      this.#isNewConnection ||= isSwitch
      this.#connection = item.connection
      if (atMs !== undefined) {
        this.#slotStartMs ??= atMs
        if (atMs - this.#slotStartMs > this.#slotMs) {
          yield* this.flush()
          this.#slotStartMs = atMs
        }
        this.#newestMs = Math.max(this.#newestMs ?? atMs, atMs)
      }
      this.#items.push(item)
    }
  }

  /** The remaining lines, at the end. */
  *flush(): Iterable<FrameBatch> {
    if (this.#items.length === 0) return
    yield {
      frames: this.#pack(this.#items),
      positionMs: this.#newestMs,
      ...(this.#isNewConnection && { isNewConnection: true })
    }
    this.#items = []
    this.#isNewConnection = false
  }
}
