import { access, constants, mkdir } from 'node:fs/promises'
import { messageOf, TapedeckError } from '@tapedeck/core'
import type { Logger } from '@tapedeck/service'
import { CaptureFile, type CaptureFileConfig } from './capture-file.ts'
import type { CaptureMetrics } from './capture-metrics.ts'

export type CaptureConfig = CaptureFileConfig

/** Raw frames as they came, one JSON line each: `{"t":receivedAt,"c":connection,"n":frame,"f":text}`. */
export interface Capture {
  /** Never waits: what the disk cannot take in time is dropped and counted. */
  frame(text: string, receivedAt: number, connection: string, frame: number): void
  /** Resolves when everything taken is written. */
  close(): Promise<void>
}

interface Taken {
  readonly text: string
  readonly receivedAt: number
  readonly connection: string
  readonly frame: number
}

/** A killed process loses no more than what came in this time. */
const FLUSH_MS = 500
/** Written at once at most; compressing it takes some ms outside of the main thread. */
const WRITE_CHARACTERS = 1024 * 1024
/** Held in memory while the disk is slow. */
const MOST_CHARACTERS = 32 * 1024 * 1024

/**
 * Keeps frames in files of `config.dir`; nothing removes old ones.
 * @throws CONFIG_INVALID when the folder cannot be written to
 */
export async function createCapture(
  config: CaptureConfig,
  metrics: CaptureMetrics,
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
  return new CaptureWriter(config, metrics, log)
}

class CaptureWriter implements Capture {
  readonly #file: CaptureFile
  readonly #metrics: CaptureMetrics
  readonly #log: Logger
  #taken: Taken[] = []
  #characters = 0
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  #isFailing = false

  constructor(config: CaptureConfig, metrics: CaptureMetrics, log: Logger) {
    this.#file = new CaptureFile(config)
    this.#metrics = metrics
    this.#log = log
  }

  frame(text: string, receivedAt: number, connection: string, frame: number): void {
    if (this.#characters + text.length > MOST_CHARACTERS) {
      this.#metrics.framesDropped.inc()
      return
    }
    this.#taken.push({ text, receivedAt, connection, frame })
    this.#characters += text.length
    if (this.#characters >= WRITE_CHARACTERS) this.#startWriting()
    else this.#timer ??= setTimeout(() => this.#startWriting(), FLUSH_MS)
  }

  async close(): Promise<void> {
    while (this.#taken.length > 0 || this.#writing !== undefined) {
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

  /** Everything taken up to now, and what comes meanwhile when that is a full write. */
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
        this.#metrics.framesDropped.inc(part.length)
        if (!this.#isFailing) this.#log.error({ err: error }, 'frames cannot be captured')
        this.#isFailing = true
      }
    } while (this.#characters >= WRITE_CHARACTERS || this.#isDue)
  }

  /** Frames wait for no timer: it ran while a write was under way. */
  get #isDue(): boolean {
    return this.#taken.length > 0 && this.#timer === undefined
  }

  /** The oldest frames of one connection, as many as one write takes. */
  #nextPart(): Taken[] {
    const connection = this.#taken[0]?.connection
    let count = 0
    let characters = 0
    for (const { text, connection: other } of this.#taken) {
      if (other !== connection || (count > 0 && characters >= WRITE_CHARACTERS)) break
      count++
      characters += text.length
    }
    this.#characters -= characters
    return this.#taken.splice(0, count)
  }
}

function lineOf({ text, receivedAt, connection, frame }: Taken): string {
  return `{"t":${receivedAt},"c":${JSON.stringify(connection)},"n":${frame},"f":${JSON.stringify(text)}}\n`
}
