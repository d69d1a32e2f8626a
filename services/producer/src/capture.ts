import { access, constants, mkdir, open, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { messageOf, TapedeckError } from '@tapedeck/core'
import type { Logger } from '@tapedeck/service'
import type { ProducerMetrics } from './metrics.ts'

export interface CaptureConfig {
  readonly dir: string
  /** A file is closed after this time, ms. */
  readonly rotateMs: number
  /** Or with this many compressed bytes. */
  readonly maxFileBytes: number
}

interface CapturedFrame {
  readonly text: string
  readonly receivedAt: number
  readonly connection: string
  readonly frame: number
}

/** A killed process loses the frames of at most this time. */
const FLUSH_MS = 500
/** Bytes of one write at most; compressing them takes some ms outside of the main thread. */
const WRITE_CHARACTERS = 1024 * 1024
/** Bytes in memory at most while the disk is slow. */
const MOST_CHARACTERS = 32 * 1024 * 1024

const compress = promisify(gzip)

/**
 * Keeps raw frames in files of `config.dir`, one JSON line each:
 * `{"t":receivedAt,"c":connection,"n":frame,"f":text}`. Nothing removes old files.
 */
export class Capture {
  readonly #file: CaptureFile
  readonly #metrics: ProducerMetrics
  readonly #log: Logger
  #waiting: CapturedFrame[] = []
  #characters = 0
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  #isFailing = false

  private constructor(config: CaptureConfig, metrics: ProducerMetrics, log: Logger) {
    this.#file = new CaptureFile(config)
    this.#metrics = metrics
    this.#log = log
  }

  /** @throws CONFIG_INVALID when the folder cannot be written to */
  static async open(
    config: CaptureConfig,
    metrics: ProducerMetrics,
    log: Logger
  ): Promise<Capture> {
    try {
      await mkdir(config.dir, { recursive: true })
      await access(config.dir, constants.W_OK)
    } catch (cause) {
      throw new TapedeckError(
        'CONFIG_INVALID',
        `Cannot start: CAPTURE_DIR '${config.dir}' cannot be written to (${messageOf(cause)}), ` +
          `expected a folder for raw frames`,
        { cause }
      )
    }
    return new Capture(config, metrics, log)
  }

  /** Never waits: frames that the disk cannot keep up with are dropped and counted. */
  frame(text: string, receivedAt: number, connection: string, frame: number): void {
    if (this.#characters + text.length > MOST_CHARACTERS) {
      this.#metrics.framesNotCaptured.inc()
      return
    }
    this.#waiting.push({ text, receivedAt, connection, frame })
    this.#characters += text.length
    if (this.#characters >= WRITE_CHARACTERS) this.#startWriting()
    else this.#timer ??= setTimeout(() => this.#startWriting(), FLUSH_MS)
  }

  /** Resolves when every waiting frame is written. */
  async close(): Promise<void> {
    while (this.#waiting.length > 0 || this.#writing !== undefined) {
      this.#startWriting()
      await this.#writing
    }
    await this.#file.close()
  }

  #startWriting(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
  }

  /** Writes the waiting frames, and those that arrive meanwhile when they fill a write. */
  async #writeAll(): Promise<void> {
    do {
      const part = this.#nextPart()
      const [first] = part
      if (first === undefined) return
      const lines = part.map(lineOf).join('')
      try {
        const bytes = await this.#file.write(lines, first.connection, first.receivedAt)
        this.#metrics.framesCaptured.inc(part.length)
        this.#metrics.bytesCaptured.inc(bytes)
        if (this.#isFailing) this.#log.info('frames are captured again')
        this.#isFailing = false
      } catch (error) {
        this.#metrics.framesNotCaptured.inc(part.length)
        if (!this.#isFailing) this.#log.error({ err: error }, 'frames cannot be captured')
        this.#isFailing = true
      }
    } while (this.#characters >= WRITE_CHARACTERS || this.#isDue)
  }

  /** Frames wait without a timer: it ran out during a write. */
  get #isDue(): boolean {
    return this.#waiting.length > 0 && this.#timer === undefined
  }

  /** The oldest frames of one connection, as many as one write takes. */
  #nextPart(): CapturedFrame[] {
    const connection = this.#waiting[0]?.connection
    let count = 0
    let characters = 0
    for (const { text, connection: other } of this.#waiting) {
      if (other !== connection || (count > 0 && characters >= WRITE_CHARACTERS)) break
      count++
      characters += text.length
    }
    this.#characters -= characters
    return this.#waiting.splice(0, count)
  }
}

function lineOf({ text, receivedAt, connection, frame }: CapturedFrame): string {
  return `{"t":${receivedAt},"c":${JSON.stringify(connection)},"n":${frame},"f":${JSON.stringify(text)}}\n`
}

/**
 * Appends lines to gzip files, each write as a separate member, so that the members before an interrupted
 * write can always be read.
 */
class CaptureFile {
  readonly #config: CaptureConfig
  #file: FileHandle | undefined
  #connection = ''
  #bytes = 0
  #openedAtMs = 0

  constructor(config: CaptureConfig) {
    this.#config = config
  }

  /**
   * Writes lines of one connection, of which the first was received at `firstAtMs`. Rejects when the
   * disk fails; the next write then begins a new file, because the end of this one is unknown.
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

/** A name that sorts by time: `2026-03-10T14-00-00.123Z-<connection>.ndjson.gz`. */
function captureFileName(connection: string, firstAtMs: number): string {
  return `${new Date(firstAtMs).toISOString().replaceAll(':', '-')}-${connection}.ndjson.gz`
}
