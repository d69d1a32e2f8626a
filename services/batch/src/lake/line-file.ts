import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import type { TransformOptions } from 'node:stream'
import { finished } from 'node:stream/promises'
import { createGzip, type Gzip, type ZlibOptions } from 'node:zlib'
import type { Extent } from '@tapedeck/lake'

const GZIP: ZlibOptions & TransformOptions = {
  /** Fast: raw files are read once or twice. */
  level: 3,
  /** So much may wait for zlib, which compresses in a thread of its own while the next lines are made. */
  highWaterMark: 4 * 1024 * 1024,
  /** Written to the file at once. */
  chunkSize: 256 * 1024
}

/** Lines of text that are written to a compressed file; it holds what zlib buffers, however long the file is. */
export class LineFile {
  readonly #gzip: Gzip
  readonly #done: Promise<void>
  #failure: unknown
  #lines = 0
  readonly #extents: Record<string, Extent> = {}

  private constructor(file: string) {
    this.#gzip = createGzip(GZIP)
    const out = this.#gzip.pipe(createWriteStream(file))
    this.#done = finished(out)
    this.#done.catch((error: unknown) => {
      this.#failure = error
      this.#gzip.destroy()
    })
  }

  static create(file: string): LineFile {
    return new LineFile(file)
  }

  /** Lines that were written. */
  get lines(): number {
    return this.#lines
  }

  /** The least and the greatest value of each column that `span` was told of. */
  get extents(): Readonly<Record<string, Extent>> {
    return this.#extents
  }

  /** Notes a value of a column; texts are compared by their code units. */
  span(column: string, value: string): void {
    const [least, greatest] = this.#extents[column] ?? [value, value]
    this.#extents[column] = [value < least ? value : least, value > greatest ? value : greatest]
  }

  /** @throws what the file system says, such as ENOSPC */
  async write(lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await this.writeText(`${lines.join('\n')}\n`, lines.length)
  }

  /**
   * Writes so many lines, each with its end.
   * @param text must not change afterwards
   * @throws what the file system says, such as ENOSPC
   */
  async writeText(text: string | Uint8Array, lines: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    this.#lines += lines
    const hasRoom = this.#gzip.write(text)
    if (!hasRoom) await Promise.race([once(this.#gzip, 'drain'), this.#done])
  }

  /** Everything is in the file afterwards. @throws what the file system says */
  async close(): Promise<void> {
    this.#gzip.end()
    await this.#done
  }
}
