import { framesOf, type Frame } from '../feed/frame.ts'
import type { Batch } from '../feed/play.ts'
import { readTapeFile, type TapeLines } from './tape-file.ts'
import { formatOf, readFrameLine, readTradeLine, type TapeTrade } from './tape-line.ts'

/** Trades or frames in one batch at most; a multiple of ten, so that frames stay full. */
const BATCH_LINES = 1000

/**
 * A recorded file as batches, always in the recorded order. A batch ends when the next line is due
 * more than `slotMs` of recorded time later (Infinity: never) or when it is long; frames of a flat
 * tape are full unless the batch ends. Time only moves forward: what lies behind the newest trade so
 * far is due with it.
 *
 * @throws TAPE_INVALID at the first line that is neither trade nor frame.
 */
export async function* readTape(path: string, slotMs: number): AsyncGenerator<Batch> {
  let readBatches: ((chunk: TapeLines) => Iterable<Batch>) | undefined
  let flush: (() => Iterable<Batch>) | undefined
  for await (const chunk of readTapeFile(path)) {
    if (readBatches === undefined || flush === undefined) {
      const at = chunk.lines.findIndex((line) => line.trim() !== '')
      if (at < 0) continue
      const isFlat = formatOf(chunk.lines[at] ?? '', chunk.firstLine + at) === 'trades'
      const reader = isFlat ? tradeReader(slotMs) : frameReader(slotMs)
      readBatches = reader.read
      flush = reader.flush
    }
    yield* readBatches(chunk)
  }
  if (flush !== undefined) yield* flush()
}

interface TapeReader {
  read(chunk: TapeLines): Iterable<Batch>
  /** What is left at the end. */
  flush(): Iterable<Batch>
}

function tradeReader(slotMs: number): TapeReader {
  return readerOf<TapeTrade>(slotMs, framesOf, readTradeLine)
}

function frameReader(slotMs: number): TapeReader {
  return readerOf(slotMs, (items): Frame[] => items.map(({ frame }) => frame), readFrameLine)
}

function readerOf<T extends { readonly tradedAtMs: number | undefined }>(
  slotMs: number,
  pack: (items: readonly T[]) => readonly Frame[],
  readLine: (line: string, lineNumber: number) => T
): TapeReader {
  let items: T[] = []
  let slotStartMs: number | undefined
  let newestMs: number | undefined
  function* flush(): Iterable<Batch> {
    if (items.length > 0) yield { frames: pack(items), positionMs: newestMs }
    items = []
  }
  return {
    flush,
    *read({ firstLine, lines }) {
      let lineNumber = firstLine - 1
      for (const line of lines) {
        lineNumber++
        if (line === '' || line.trim() === '') continue
        const item = readLine(line, lineNumber)
        const atMs = item.tradedAtMs ?? newestMs
        if (items.length >= BATCH_LINES) yield* flush()
        if (atMs !== undefined) {
          slotStartMs ??= atMs
          if (atMs - slotStartMs > slotMs) {
            yield* flush()
            slotStartMs = atMs
          }
          newestMs = Math.max(newestMs ?? atMs, atMs)
        }
        items.push(item)
      }
    }
  }
}
