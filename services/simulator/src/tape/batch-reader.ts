import type { Frame } from '../feed/frame.ts'
import type { Batch } from '../feed/play.ts'
import type { TapeLines } from './tape-file.ts'

/** A line of a tape. */
export interface TapeItem {
  /** Where it stands on the tape's time line; undefined: with the line before. */
  readonly atMs: number | undefined
  /** Of a capture: the connection on which it came. */
  readonly connection?: string
}

/** Trades or frames in one batch at most; a multiple of ten, so that frames stay full. */
const BATCH_LINES = 1000

/** Collects lines into batches, see readTape. */
export class BatchReader<T extends TapeItem> {
  readonly #slotMs: number
  readonly #pack: (items: readonly T[]) => readonly Frame[]
  readonly #readLine: (line: string, lineNumber: number) => T
  #items: T[] = []
  #slotStartMs: number | undefined
  #newestMs: number | undefined
  #connection: string | undefined
  #isNewConnection = false

  constructor(
    slotMs: number,
    pack: (items: readonly T[]) => readonly Frame[],
    readLine: (line: string, lineNumber: number) => T
  ) {
    this.#slotMs = slotMs
    this.#pack = pack
    this.#readLine = readLine
  }

  /** @throws TAPE_INVALID at the first line that does not fit. */
  *read({ firstLine, lines }: TapeLines): Iterable<Batch> {
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

  /** What is left, at the end. */
  *flush(): Iterable<Batch> {
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
