import { setTimeout as sleep } from 'node:timers/promises'
import { ERROR_CODES, messageOf, type ErrorCode } from '@tapedeck/core'
import { startService, type RunningService } from '../verify-tape/pipeline.ts'

/** How a service ended that nobody had killed. */
export interface OwnEnd {
  readonly name: string
  readonly how: string
  readonly code: string | undefined
  /** A server was away or the partition lost: the next start goes on. Else it is a bug. */
  readonly isExpected: boolean
  /** The message of its last error. */
  readonly reason: string
  readonly lines: string
}

export interface KeptServiceOptions {
  /** For people: `consumer-a`. */
  readonly name: string
  readonly service: string
  readonly env: Readonly<Record<string, string>>
  onOwnEnd(end: OwnEnd): void
}

const START_AGAIN_MS = 500

/** A service as a process that is started again whenever it ends, as a stack would do it. */
export class KeptService {
  readonly name: string
  readonly #options: KeptServiceOptions
  #running: RunningService | undefined
  #lastLines = ''
  #lives = 0
  #restMs = 0
  #isKilled = false
  #isPaused = false
  #isStopping = false
  #living: Promise<void> = Promise.resolve()

  constructor(options: KeptServiceOptions) {
    this.name = options.name
    this.#options = options
    this.#living = this.#live()
  }

  /** Undefined while it is down or coming up. */
  get running(): RunningService | undefined {
    return this.#running
  }

  /** Running and not asleep. */
  get isAwake(): boolean {
    return this.#running !== undefined && !this.#isPaused
  }

  /** Ended for good. */
  get isStopped(): boolean {
    return this.#isStopping
  }

  /** Counts its starts. */
  get lives(): number {
    return this.#lives
  }

  lastLines(): string {
    return this.#running?.lastLines() ?? this.#lastLines
  }

  /** SIGKILL; the next life begins `restMs` later. Answers the pid, or undefined when it was down. */
  kill(restMs: number): number | undefined {
    const pid = this.#signal('SIGKILL')
    if (pid === undefined) return undefined
    this.#isKilled = true
    this.#restMs = restMs
    this.#forget()
    return pid
  }

  pause(): number | undefined {
    const pid = this.#signal('SIGSTOP')
    this.#isPaused = pid !== undefined
    return pid
  }

  resume(): void {
    this.#isPaused = false
    this.#signal('SIGCONT')
  }

  /** Ends it for good, with a chance to finish. */
  async stop(): Promise<void> {
    this.#isStopping = true
    if (this.#isPaused) this.resume()
    await this.#running?.stop()
    await this.#living
  }

  async #live(): Promise<void> {
    const { service, env, onOwnEnd } = this.#options
    while (!this.#isStopping) {
      let how: string
      try {
        const running = await startService(service, env)
        this.#lives++
        this.#running = running
        if (this.#isStopping) await running.stop()
        how = await running.exited
        this.#lastLines = running.lastLines()
      } catch (error) {
        how = 'a failed start'
        this.#lastLines = messageOf(error)
      }
      this.#forget()
      if (!this.#isStopping && !this.#isKilled) onOwnEnd(this.#ownEnd(how))
      if (!this.#isStopping) await sleep(this.#isKilled ? this.#restMs : START_AGAIN_MS)
      this.#isKilled = false
    }
  }

  #ownEnd(how: string): OwnEnd {
    const lines = this.#lastLines
    const code = /"code":"([A-Z_]+)"/.exec(fatalIn(lines))?.[1]
    const isExpected =
      code === 'PARTITION_FENCED' ||
      (code !== undefined && code in ERROR_CODES && ERROR_CODES[code as ErrorCode].retryable)
    const reason = /"message":"((?:[^"\\]|\\.)*)"/.exec(fatalIn(lines))?.[1] ?? 'it said nothing'
    return { name: this.name, how, code, isExpected, reason, lines }
  }

  #signal(signal: NodeJS.Signals): number | undefined {
    const pid = this.#running?.pid
    if (pid === undefined) return undefined
    try {
      process.kill(pid, signal)
      return pid
    } catch {
      return undefined
    }
  }

  #forget(): void {
    if (this.#running !== undefined) this.#lastLines = this.#running.lastLines()
    this.#running = undefined
    this.#isPaused = false
  }
}

function fatalIn(lines: string): string {
  return lines.split('\n').findLast((line) => line.includes('"level":"fatal"')) ?? ''
}
