import { mkdir, open, rm, unlink, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { messageOf, takeLock, TapedeckError } from '@tapedeck/core'
import type { Logger } from '@tapedeck/service'
import {
  createSegment,
  encodeCursor,
  encodeEntries,
  entrySize,
  inventoryOf,
  readEntries,
  SEGMENT_MAGIC,
  segmentPath,
  writeAll,
  type Inventory,
  type Position,
  type QueuedRecord,
  type Segment
} from './spool-format.ts'

export interface SpoolConfig {
  readonly dir: string
  /** Bytes on disk at most. */
  readonly maxBytes: number
  /** When writes are synced: `always` before they count as written, or every SYNC_MS. */
  readonly fsync: 'interval' | 'always'
}

export interface Appended {
  /** How many of the records were written, from the first on. */
  readonly taken: number
  /** The position after the last one written; undefined when none was. */
  readonly end: Position | undefined
  /** SPOOL_FULL or SPOOL_FAILED when some were not written. */
  readonly problem: TapedeckError | undefined
}

interface OpenSegment {
  readonly segment: Segment
  readonly file: FileHandle
}

/** Interval of syncs in the mode `interval`: a power cut loses at most the writes of this time. */
const SYNC_MS = 200
/** Bytes that are encoded and written at once. */
const CHUNK_BYTES = 1024 * 1024
const SEGMENT_BYTES = 16 * 1024 * 1024
/** A full spool has at least this many files: removing one makes room again. */
const SEGMENTS = 8

/**
 * An append-only queue on disk for records that the broker has not accepted. Entries are read in the order in
 * which they were appended, also by a later process. A segment is removed once the broker has all of it. One
 * append and one read may run at the same time.
 */
export class Spool {
  readonly #config: SpoolConfig
  readonly #log: Logger
  readonly #cursor: FileHandle
  readonly #unlock: () => Promise<void>
  readonly #segmentBytes: number
  /** Oldest first. */
  readonly #segments: Segment[]
  #nextNumber: number
  #read: Position
  /** The segment that is written at present. */
  #active: OpenSegment | undefined
  #isAppending = false
  #syncTimer: NodeJS.Timeout | undefined
  /** Syncs and closes run one after the other. */
  #lastFileWork: Promise<void> = Promise.resolve()
  /** Bytes cut when the spool was opened: an entry whose writing was not finished. */
  readonly cutBytes: number

  private constructor(
    config: SpoolConfig,
    log: Logger,
    { cursor, unlock }: Folder,
    { segments, acknowledged, cutBytes }: Inventory
  ) {
    this.#config = config
    this.#log = log
    this.#cursor = cursor
    this.#unlock = unlock
    this.#segmentBytes = Math.min(SEGMENT_BYTES, Math.floor(config.maxBytes / SEGMENTS))
    this.#segments = segments
    this.#nextNumber = Math.max((segments.at(-1)?.number ?? 0) + 1, acknowledged.segment)
    this.#read = acknowledged
    this.cutBytes = cutBytes
  }

  /** @throws CONFIG_INVALID when the folder cannot be written to; DATA_DIR_IN_USE */
  static async open(config: SpoolConfig, log: Logger): Promise<Spool> {
    const { dir } = config
    const folder = await openFolder(dir)
    const inventory = await inventoryOf(dir)
    const spool = new Spool(config, log, folder, inventory)
    // The previous run may have ended before it removed a file.
    await spool.acknowledge(inventory.acknowledged)
    const { bytes, cutBytes } = spool
    if (bytes > 0 || cutBytes > 0) {
      log.info({ dir, bytes, cutBytes }, 'the previous run left records in the spool')
    }
    return spool
  }

  /** Bytes on disk, including the acknowledged part of the oldest segment. */
  get bytes(): number {
    return this.#segments.reduce((sum, { size }) => sum + size, 0)
  }

  /** True when the broker has everything. */
  get isEmpty(): boolean {
    return this.#segments.length === 0
  }

  get hasUnread(): boolean {
    return this.#unread !== undefined
  }

  /** Writes as many of the records, from the first on, as fit. Never throws. */
  async append(records: readonly QueuedRecord[]): Promise<Appended> {
    const { dir, maxBytes, fsync } = this.#config
    let taken = 0
    let end: Position | undefined
    this.#isAppending = true
    try {
      while (taken < records.length) {
        const count = this.#countThatFits(records, taken)
        if (count === 0) {
          const full = `The spool in ${dir} is full: ${maxBytes} bytes (SPOOL_MAX_BYTES)`
          return { taken, end, problem: new TapedeckError('SPOOL_FULL', full) }
        }
        const { segment, file } = await this.#openSegment()
        const bytes = encodeEntries(records.slice(taken, taken + count))
        await writeAll(file, bytes, segment.size)
        if (fsync === 'always') await file.datasync()
        else this.#syncSoon()
        segment.size += bytes.length
        taken += count
        end = { segment: segment.number, offset: segment.size }
      }
      return { taken, end, problem: undefined }
    } catch (cause) {
      await this.#abandonSegment()
      const failed = `Cannot write to the spool in ${dir}: ${messageOf(cause)}`
      return { taken, end, problem: new TapedeckError('SPOOL_FAILED', failed, { cause }) }
    } finally {
      this.#isAppending = false
    }
  }

  /**
   * The next records; acknowledge them with `end` once the broker has them. `damagedBytes` were
   * skipped before `end`: their checksum did not match.
   */
  async read(
    maxRecords: number,
    maxBytes: number
  ): Promise<{ records: readonly QueuedRecord[]; end: Position; damagedBytes: number }> {
    const segment = this.#unread
    if (segment === undefined) return { records: [], end: this.#read, damagedBytes: 0 }
    const { number, size: to } = segment
    const from = this.#readOffset(number)
    const file = segmentPath(this.#config.dir, number)
    const { records, offset, damagedBytes } = await readEntries(file, {
      from,
      to,
      maxRecords,
      maxBytes
    })
    this.#read = { segment: number, offset }
    return { records, end: this.#read, damagedBytes }
  }

  /** Skips everything before `end`, which is already in flight. */
  skipTo(end: Position): void {
    this.#read = end
  }

  /** The broker has everything before `end`. Returns true when that removed a file and made room. */
  async acknowledge(end: Position): Promise<boolean> {
    const done = this.#segments.filter(
      ({ number, size }) =>
        number < end.segment || (number === end.segment && size <= end.offset && !this.#isAppending)
    )
    this.#segments.splice(0, done.length)
    // A number is not used again, or the cursor would point into another file.
    const isWhole = done.at(-1)?.number === end.segment
    const cursor = isWhole ? { segment: end.segment + 1, offset: 0 } : end
    if (this.#read.segment <= end.segment && isWhole) this.#read = cursor
    const active = this.#active
    if (active !== undefined && done.includes(active.segment)) {
      this.#active = undefined
      await this.#inOrder(() => active.file.close())
    }
    // Not synced: after a power cut some records are published twice.
    await writeAll(this.#cursor, encodeCursor(cursor), 0)
    for (const { number } of done) await unlink(segmentPath(this.#config.dir, number))
    return done.length > 0
  }

  /** Resolves when everything written is on the disk. */
  async close(): Promise<void> {
    clearTimeout(this.#syncTimer)
    await this.#closeSegment()
    await this.#cursor.close()
    await this.#unlock()
  }

  /** The oldest segment with unread entries. */
  get #unread(): Segment | undefined {
    return this.#segments.find(
      ({ number, size }) => number >= this.#read.segment && size > this.#readOffset(number)
    )
  }

  #readOffset(segment: number): number {
    const offset = segment === this.#read.segment ? this.#read.offset : 0
    return Math.max(offset, SEGMENT_MAGIC.length)
  }

  #countThatFits(records: readonly QueuedRecord[], from: number): number {
    const used = this.bytes + SEGMENT_MAGIC.length
    let bytes = 0
    let count = 0
    for (const record of records.slice(from)) {
      const size = entrySize(record)
      if (used + bytes + size > this.#config.maxBytes) break
      if (count > 0 && bytes + size > Math.min(CHUNK_BYTES, this.#segmentBytes)) break
      bytes += size
      count++
    }
    return count
  }

  /** The segment to write to; a new one when the last is long enough. */
  async #openSegment(): Promise<OpenSegment> {
    if (this.#active !== undefined && this.#active.segment.size >= this.#segmentBytes) {
      await this.#closeSegment()
    }
    if (this.#active === undefined) {
      const number = this.#nextNumber++
      const file = await createSegment(this.#config.dir, number)
      const segment: Segment = { number, size: SEGMENT_MAGIC.length }
      this.#segments.push(segment)
      this.#active = { segment, file }
    }
    return this.#active
  }

  async #closeSegment(): Promise<void> {
    const active = this.#active
    this.#active = undefined
    if (active === undefined) return
    await this.#inOrder(async () => {
      await active.file.datasync().finally(() => active.file.close())
    })
  }

  /** After an error nothing more is written to this file, because its contents after the good bytes are unknown. */
  async #abandonSegment(): Promise<void> {
    const active = this.#active
    this.#active = undefined
    if (active === undefined) return
    const { segment, file } = active
    await this.#inOrder(async () => {
      await file.truncate(segment.size).catch(() => undefined)
      await file.close()
      if (segment.size > SEGMENT_MAGIC.length) return
      this.#segments.splice(this.#segments.indexOf(segment), 1)
      await unlink(segmentPath(this.#config.dir, segment.number))
    }).catch(() => undefined)
  }

  #syncSoon(): void {
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined
      const file = this.#active?.file
      if (file === undefined) return
      this.#inOrder(() => file.datasync()).catch((error: unknown) => {
        this.#log.error({ err: error }, 'the spool could not be synced')
      })
    }, SYNC_MS)
  }

  #inOrder(work: () => Promise<void>): Promise<void> {
    const done = this.#lastFileWork.then(work)
    this.#lastFileWork = done.catch(() => undefined)
    return done
  }
}

interface Folder {
  readonly cursor: FileHandle
  readonly unlock: () => Promise<void>
}

async function openFolder(dir: string): Promise<Folder> {
  try {
    await mkdir(dir, { recursive: true })
    const lock = path.join(dir, 'lock')
    await takeLock(lock, 'SPOOL_DIR')
    const file = path.join(dir, 'cursor')
    // Mode `a` creates the file, only `r+` writes in place.
    await (await open(file, 'a')).close()
    return { cursor: await open(file, 'r+'), unlock: () => rm(lock, { force: true }) }
  } catch (cause) {
    if (cause instanceof TapedeckError) throw cause
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot start: SPOOL_DIR '${dir}' cannot be written to (${messageOf(cause)}), expected a ` +
        `folder for records that the broker has not accepted yet`,
      { cause }
    )
  }
}
