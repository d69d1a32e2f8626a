import type { FileHandle } from 'node:fs/promises'
import { messageOf, TapedeckError } from '@tapedeck/core'
import type { Logger } from '@tapedeck/service'
import { encodeEntries, entrySize, type QueuedRecord } from './spool-entry.ts'
import { MAGIC, writeAll, type Position, type Segment, type SpoolFolder } from './spool-folder.ts'

export interface SpoolConfig {
  readonly dir: string
  /** Bytes on disk at most. */
  readonly maxBytes: number
  /** When what is written is synced: `always` before it counts as written, or each SYNC_MS. */
  readonly fsync: 'interval' | 'always'
}

export interface Appended {
  /** So many of the records were written, from the first on. */
  readonly taken: number
  /** Behind the last one written; undefined when none was. */
  readonly end: Position | undefined
  /** SPOOL_FULL or SPOOL_FAILED when some were not. */
  readonly problem: TapedeckError | undefined
}

/** Between two syncs in the mode `interval`: the most a power cut takes of what was written. */
export const SYNC_MS = 200

/** Encoded and written at once. */
const CHUNK_BYTES = 1024 * 1024
const SEGMENT_BYTES = 16 * 1024 * 1024
/** Files that a full spool has at least: room comes back file by file. */
const SEGMENTS = 8

/** Appends entries to the newest segment and begins the next one in time. */
export class SpoolWriter {
  readonly #folder: SpoolFolder
  readonly #segments: Segment[]
  readonly #config: SpoolConfig
  readonly #log: Logger
  readonly #segmentBytes: number
  #next: number
  #active: { readonly segment: Segment; readonly file: FileHandle } | undefined
  #syncTimer: NodeJS.Timeout | undefined
  /** Syncs and closes, one after the other. */
  #settling: Promise<void> = Promise.resolve()

  constructor(
    folder: SpoolFolder,
    segments: Segment[],
    next: number,
    config: SpoolConfig,
    log: Logger
  ) {
    this.#folder = folder
    this.#segments = segments
    this.#next = next
    this.#config = config
    this.#log = log
    this.#segmentBytes = Math.min(SEGMENT_BYTES, Math.floor(config.maxBytes / SEGMENTS))
  }

  /** Never throws: what could not be written is not taken. */
  async append(records: readonly QueuedRecord[]): Promise<Appended> {
    let taken = 0
    let end: Position | undefined
    try {
      while (taken < records.length) {
        const count = this.#countThatFits(records, taken)
        if (count === 0) return { taken, end, problem: this.#full() }
        const { segment, file } = await this.#activeSegment()
        const bytes = encodeEntries(records.slice(taken, taken + count))
        await writeAll(file, bytes, segment.size)
        if (this.#config.fsync === 'always') await file.datasync()
        segment.size += bytes.length
        taken += count
        end = { segment: segment.number, offset: segment.size }
        this.#syncSoon()
      }
      return { taken, end, problem: undefined }
    } catch (cause) {
      await this.#abandon()
      const problem = new TapedeckError(
        'SPOOL_FAILED',
        `Cannot write to the spool in ${this.#config.dir}: ${messageOf(cause)}`,
        { cause }
      )
      return { taken, end, problem }
    }
  }

  /** These segments are about to be removed. */
  async leave(segments: readonly Segment[]): Promise<void> {
    const active = this.#active
    if (active === undefined || !segments.includes(active.segment)) return
    this.#active = undefined
    await this.#settle(() => active.file.close())
  }

  async close(): Promise<void> {
    clearTimeout(this.#syncTimer)
    await this.#closeActive()
  }

  #countThatFits(records: readonly QueuedRecord[], from: number): number {
    const used = this.#segments.reduce((sum, { size }) => sum + size, 0) + MAGIC.length
    let bytes = 0
    let count = 0
    for (let i = from; i < records.length; i++) {
      const record = records[i]
      if (record === undefined) break
      const size = entrySize(record)
      if (used + bytes + size > this.#config.maxBytes) break
      if (count > 0 && bytes + size > Math.min(CHUNK_BYTES, this.#segmentBytes)) break
      bytes += size
      count++
    }
    return count
  }

  #full(): TapedeckError {
    return new TapedeckError(
      'SPOOL_FULL',
      `The spool in ${this.#config.dir} is full: ${this.#config.maxBytes} bytes (SPOOL_MAX_BYTES)`
    )
  }

  async #activeSegment(): Promise<{ readonly segment: Segment; readonly file: FileHandle }> {
    if (this.#active !== undefined && this.#active.segment.size >= this.#segmentBytes) {
      await this.#closeActive()
    }
    if (this.#active === undefined) {
      const number = this.#next++
      const file = await this.#folder.create(number)
      const segment: Segment = { number, size: MAGIC.length }
      this.#segments.push(segment)
      this.#active = { segment, file }
    }
    return this.#active
  }

  #syncSoon(): void {
    if (this.#config.fsync === 'always') return
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined
      const file = this.#active?.file
      if (file === undefined) return
      this.#settle(() => file.datasync()).catch((error: unknown) => {
        this.#log.error({ err: error }, 'the spool could not be synced')
      })
    }, SYNC_MS)
  }

  async #closeActive(): Promise<void> {
    const active = this.#active
    this.#active = undefined
    if (active === undefined) return
    await this.#settle(async () => {
      await active.file.datasync().finally(() => active.file.close())
    })
  }

  /** After an error nothing more goes to this file: what is behind its good bytes is unknown. */
  async #abandon(): Promise<void> {
    const active = this.#active
    this.#active = undefined
    if (active === undefined) return
    await this.#settle(async () => {
      await active.file.truncate(active.segment.size).catch(() => undefined)
      await active.file.close()
      if (active.segment.size > MAGIC.length) return
      this.#segments.splice(this.#segments.indexOf(active.segment), 1)
      await this.#folder.remove(active.segment.number)
    }).catch(() => undefined)
  }

  #settle(work: () => Promise<void>): Promise<void> {
    const settled = this.#settling.then(work)
    this.#settling = settled.catch(() => undefined)
    return settled
  }
}
