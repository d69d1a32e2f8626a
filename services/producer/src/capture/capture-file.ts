import { mkdir, open, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

const compress = promisify(gzip)

export interface CaptureFileConfig {
  readonly dir: string
  /** A file is closed after so long, ms. */
  readonly rotateMs: number
  /** Or with so many compressed bytes. */
  readonly maxFileBytes: number
}

/**
 * Appends lines to gzip files, each write as a member of its own: whatever ends the process, all
 * members before it can be read.
 */
export class CaptureFile {
  readonly #config: CaptureFileConfig
  #file: FileHandle | undefined
  #connection = ''
  #bytes = 0
  #openedAtMs = 0

  constructor(config: CaptureFileConfig) {
    this.#config = config
  }

  /**
   * Writes lines of one connection, of which the first was received at `firstAtMs`. Rejects when the
   * disk does not take them; the next write begins a new file then, since this one's end is unknown.
   *
   * @returns compressed bytes
   */
  async write(lines: string, connection: string, firstAtMs: number): Promise<number> {
    const member = await compress(lines)
    try {
      const file = await this.#fileFor(connection, firstAtMs)
      await file.appendFile(member)
      this.#bytes += member.length
      return member.length
    } catch (error) {
      await this.close().catch(() => undefined)
      throw error
    }
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  async #fileFor(connection: string, firstAtMs: number): Promise<FileHandle> {
    const { dir, rotateMs, maxFileBytes } = this.#config
    const isOver =
      connection !== this.#connection ||
      this.#bytes >= maxFileBytes ||
      firstAtMs >= this.#openedAtMs + rotateMs
    if (this.#file !== undefined && !isOver) return this.#file
    await this.close()
    await mkdir(dir, { recursive: true })
    this.#file = await open(path.join(dir, captureFileName(connection, firstAtMs)), 'a')
    this.#connection = connection
    this.#openedAtMs = firstAtMs
    this.#bytes = 0
    return this.#file
  }
}

/** Sorts by time: `2026-03-10T14-00-00.123Z-<connection>.ndjson.gz`. */
export function captureFileName(connection: string, firstAtMs: number): string {
  return `${new Date(firstAtMs).toISOString().replaceAll(':', '-')}-${connection}.ndjson.gz`
}
