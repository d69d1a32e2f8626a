import { mkdir, open, readdir, readFile, unlink, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { messageOf, TapedeckError } from '@tapedeck/core'
import { crc32 } from 'node:zlib'
import { decodeEntry } from './spool-entry.ts'
import { lockSpool } from './spool-lock.ts'

/** A place in the spool; segments are numbered in the order of writing. */
export interface Position {
  readonly segment: number
  readonly offset: number
}

/** A file of entries. */
export interface Segment {
  readonly number: number
  /** Bytes that are whole: what a failed write left behind them does not count. */
  size: number
}

/** What every segment begins with; a later form of entries gets another one. */
export const MAGIC = Buffer.from('TDSPOOL1')

const CURSOR_BYTES = 16

/** The files of a spool. One process at a time: a lock keeps others out. */
export class SpoolFolder {
  readonly dir: string
  readonly #cursor: FileHandle
  readonly #unlock: () => Promise<void>

  private constructor(dir: string, cursor: FileHandle, unlock: () => Promise<void>) {
    this.dir = dir
    this.#cursor = cursor
    this.#unlock = unlock
  }

  /** @throws CONFIG_INVALID when the folder cannot be written to; DATA_DIR_IN_USE */
  static async open(dir: string): Promise<SpoolFolder> {
    try {
      await mkdir(dir, { recursive: true })
      const unlock = await lockSpool(dir)
      // Opened for writing in place, and made when it is not there.
      const cursor = await open(path.join(dir, 'cursor'), 'a').then(async (made) => {
        await made.close()
        return open(path.join(dir, 'cursor'), 'r+')
      })
      return new SpoolFolder(dir, cursor, unlock)
    } catch (cause) {
      if (cause instanceof TapedeckError) throw cause
      throw new TapedeckError(
        'CONFIG_INVALID',
        `Cannot start: SPOOL_DIR '${dir}' cannot be written to (${messageOf(cause)}), expected a ` +
          `folder for what the broker has not taken yet`,
        { cause }
      )
    }
  }

  /** What a former life left, oldest first, and up to where the broker had it. */
  async inventory(): Promise<{ segments: Segment[]; acknowledged: Position; cutBytes: number }> {
    const numbers = (await readdir(this.dir, { withFileTypes: true }))
      .map((entry) => (entry.isFile() ? /^(\d{10})\.spool$/.exec(entry.name)?.[1] : undefined))
      .filter((digits) => digits !== undefined)
      .map(Number)
      .toSorted((a, b) => a - b)
    const acknowledged = (await this.#readCursor()) ?? { segment: numbers[0] ?? 1, offset: 0 }
    const segments: Segment[] = []
    let cutBytes = 0
    for (const number of numbers) {
      const file = await open(this.path(number), 'r+')
      try {
        const { size } = await file.stat()
        // Those before the last one were synced before the next was begun.
        const whole = number === numbers.at(-1) ? wholePart(await file.readFile()) : size
        cutBytes += size - whole
        if (whole <= MAGIC.length) await this.remove(number)
        else {
          await file.truncate(whole)
          segments.push({ number, size: whole })
        }
      } finally {
        await file.close()
      }
    }
    return { segments, acknowledged, cutBytes }
  }

  path(segment: number): string {
    return path.join(this.dir, `${String(segment).padStart(10, '0')}.spool`)
  }

  /** A new segment; its name is on the disk when this resolves. */
  async create(segment: number): Promise<FileHandle> {
    const file = await open(this.path(segment), 'w')
    try {
      await writeAll(file, MAGIC, 0)
      const folder = await open(this.dir, 'r')
      await folder.sync().finally(() => folder.close())
      return file
    } catch (error) {
      await file.close()
      await this.remove(segment).catch(() => undefined)
      throw error
    }
  }

  /** Notes what the broker has. Not synced: after a power cut some records are published twice. */
  async moveCursor({ segment, offset }: Position): Promise<void> {
    const bytes = Buffer.alloc(CURSOR_BYTES)
    bytes.writeUInt32LE(segment, 4)
    bytes.writeDoubleLE(offset, 8)
    bytes.writeUInt32LE(crc32(bytes.subarray(4)), 0)
    await writeAll(this.#cursor, bytes, 0)
  }

  async remove(segment: number): Promise<void> {
    await unlink(this.path(segment))
  }

  async close(): Promise<void> {
    await this.#cursor.close()
    await this.#unlock()
  }

  async #readCursor(): Promise<Position | undefined> {
    const bytes = await readFile(path.join(this.dir, 'cursor'))
    if (bytes.length !== CURSOR_BYTES) return undefined
    if (bytes.readUInt32LE(0) !== crc32(bytes.subarray(4))) return undefined
    return { segment: bytes.readUInt32LE(4), offset: bytes.readDoubleLE(8) }
  }
}

/** Writes all of it at that place. */
export async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/** Bytes of a segment up to the end of its last whole entry. */
function wholePart(bytes: Buffer): number {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return 0
  for (let at = MAGIC.length; ;) {
    const entry = decodeEntry(bytes, at)
    if (entry === 'damaged' || entry.record === undefined) return at
    at = entry.next
  }
}
