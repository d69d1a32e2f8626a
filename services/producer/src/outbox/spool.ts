import type { Logger } from '@tapedeck/service'
import type { QueuedRecord } from './spool-entry.ts'
import { MAGIC, SpoolFolder, type Position, type Segment } from './spool-folder.ts'
import { readEntries } from './spool-reader.ts'
import { SpoolWriter, type Appended, type SpoolConfig } from './spool-writer.ts'

/**
 * An append-only queue on disk for what the broker has not taken. Entries are read in the order in
 * which they were appended, also by a later process; a file is removed once the broker has all of it.
 *
 * One appends and one reads at a time, side by side.
 */
export class Spool {
  readonly #folder: SpoolFolder
  readonly #writer: SpoolWriter
  /** Oldest first; the writer adds to it. */
  readonly #segments: Segment[]
  #read: Position
  #isAppending = false
  /** Bytes cut when opened: an entry whose writing was not finished. */
  readonly cutBytes: number

  private constructor(
    folder: SpoolFolder,
    writer: SpoolWriter,
    segments: Segment[],
    read: Position,
    cutBytes: number
  ) {
    this.#folder = folder
    this.#writer = writer
    this.#segments = segments
    this.#read = read
    this.cutBytes = cutBytes
  }

  /** @throws CONFIG_INVALID when the folder cannot be written to; DATA_DIR_IN_USE */
  static async open(config: SpoolConfig, log: Logger): Promise<Spool> {
    const folder = await SpoolFolder.open(config.dir)
    const { segments, acknowledged, cutBytes } = await folder.inventory()
    const next = Math.max((segments.at(-1)?.number ?? 0) + 1, acknowledged.segment)
    const writer = new SpoolWriter(folder, segments, next, config, log)
    const spool = new Spool(folder, writer, segments, acknowledged, cutBytes)
    await spool.acknowledge(acknowledged) // a former life may have ended before it removed the file
    if (spool.bytes > 0 || cutBytes > 0) {
      log.info({ dir: config.dir, bytes: spool.bytes, cutBytes }, 'a former life left a spool')
    }
    return spool
  }

  /** Bytes on disk, those included that the broker has but whose file it does not yet have whole. */
  get bytes(): number {
    return this.#segments.reduce((sum, { size }) => sum + size, 0)
  }

  /** True when the broker has everything. */
  get isEmpty(): boolean {
    return this.#segments.length === 0
  }

  get hasUnread(): boolean {
    return this.#segments.some(
      ({ number, size }) =>
        number >= this.#read.segment && size > Math.max(this.#offsetIn(number), MAGIC.length)
    )
  }

  /** Writes the leading records that fit in order; says how many, and what kept it from the rest. */
  async append(records: readonly QueuedRecord[]): Promise<Appended> {
    this.#isAppending = true
    try {
      return await this.#writer.append(records)
    } finally {
      this.#isAppending = false
    }
  }

  /**
   * The next records, which must be acknowledged with `end` once the broker has them.
   * `damagedBytes` were passed over before `end`: their checksum did not fit.
   */
  async read(
    maxRecords: number,
    maxBytes: number
  ): Promise<{ records: QueuedRecord[]; end: Position; damagedBytes: number }> {
    const segment = this.#segments.find(
      ({ number, size }) =>
        number >= this.#read.segment && size > Math.max(this.#offsetIn(number), MAGIC.length)
    )
    if (segment === undefined) return { records: [], end: this.#read, damagedBytes: 0 }
    const { number, size } = segment
    const from = Math.max(this.#offsetIn(number), MAGIC.length)
    const limits = { from, to: size, maxRecords, maxBytes }
    const { records, offset, damagedBytes } = await readEntries(this.#folder.path(number), limits)
    this.#read = { segment: number, offset }
    return { records, end: this.#read, damagedBytes }
  }

  /** What stands before `end` need not be read: it is on its way to the broker already. */
  skipTo(end: Position): void {
    this.#read = end
  }

  /** The broker has all before `end`. True when a file was removed: there is room again. */
  async acknowledge(end: Position): Promise<boolean> {
    const done = this.#segments.filter(
      ({ number, size }) =>
        number < end.segment || (number === end.segment && size <= end.offset && !this.#isAppending)
    )
    this.#segments.splice(0, done.length)
    const last = done.at(-1)
    // The number is not given again, or the cursor would point into another file.
    const cursor = last?.number === end.segment ? { segment: end.segment + 1, offset: 0 } : end
    if (this.#read.segment <= end.segment && cursor !== end) this.#read = cursor
    await this.#writer.leave(done)
    await this.#folder.moveCursor(cursor)
    for (const { number } of done) await this.#folder.remove(number)
    return done.length > 0
  }

  /** Everything written is on the disk when this resolves. */
  async close(): Promise<void> {
    await this.#writer.close()
    await this.#folder.close()
  }

  #offsetIn(segment: number): number {
    return segment === this.#read.segment ? this.#read.offset : 0
  }
}
