import { setTimeout as sleep } from 'node:timers/promises'
import { ERROR_CODES, messageOf, type ErrorCode } from '@tapedeck/core'
import { startService, type RunningService } from '../../support/service-process.ts'

/** How a service ended that the run did not kill. */
export interface OwnExit {
  readonly name: string
  readonly how: string
  readonly code: string | undefined
  /** A server was unreachable or the partition lost, so a restart helps. Otherwise it is a bug. */
  readonly isExpected: boolean
  /** The message of its last error. */
  readonly reason: string
  readonly lines: string
}

export interface SupervisedServiceOptions {
  /** In messages: `consumer-a`. */
  readonly name: string
  readonly service: string
  readonly env: Readonly<Record<string, string>>
  onOwnExit(end: OwnExit): void
  /** Hears when no process of it ran: from a moment after the end of one to one before the next; epoch ms. */
  readonly onAbsence?: (fromMs: number, toMs: number) => void
}

const RESTART_MS = 500

/** A service process that is restarted whenever it ends, as the stack does it. */
export class SupervisedService {
  readonly name: string
  readonly #options: SupervisedServiceOptions
  #running: RunningService | undefined
  #lastLines = ''
  #starts = 0
  #restMs = 0
  #isKilled = false
  #isPaused = false
  #isStopping = false
  readonly #stopped = new AbortController()
  #loop: Promise<void> = Promise.resolve()

  constructor(options: SupervisedServiceOptions) {
    this.name = options.name
    this.#options = options
    this.#loop = this.#supervise()
  }

  /** Undefined while it is down or coming up. */
  get running(): RunningService | undefined {
    return this.#running
  }

  /** Running and not paused. */
  get isActive(): boolean {
    return this.#running !== undefined && !this.#isPaused
  }

  /** Stopped permanently. */
  get isStopped(): boolean {
    return this.#isStopping
  }

  /** Counts its starts. */
  get starts(): number {
    return this.#starts
  }

  lastLines(): string {
    return this.#running?.lastLines() ?? this.#lastLines
  }

  /** SIGKILL; restarts after `restMs`. Returns the pid, or undefined when it was down. */
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

  /** Stops it permanently and in order. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#stopped.abort()
    if (this.#isPaused) this.resume()
    await this.#running?.stop()
    await this.#loop
  }

  async #supervise(): Promise<void> {
    const { service, env, onOwnExit, onAbsence } = this.#options
    let endedAtMs: number | undefined
    while (!this.#isStopping) {
      let how: string
      if (endedAtMs !== undefined) onAbsence?.(endedAtMs, Date.now())
      try {
        const running = await startService(service, env)
        this.#starts++
        this.#running = running
        if (this.#isStopping) await running.stop()
        how = await running.exited
        this.#lastLines = running.lastLines()
      } catch (error) {
        how = 'a failed start'
        this.#lastLines = messageOf(error)
      }
      endedAtMs = Date.now()
      this.#forget()
      if (!this.#isStopping && !this.#isKilled) onOwnExit(this.#ownExit(how))
      if (!this.#isStopping) await this.#rest(this.#isKilled ? this.#restMs : RESTART_MS)
      this.#isKilled = false
    }
  }

  /** Ends early when the service is stopped. */
  async #rest(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopped.signal }).catch(() => undefined)
  }

  #ownExit(how: string): OwnExit {
    const lines = this.#lastLines
    const code = /"code":"([A-Z_]+)"/.exec(fatalIn(lines))?.[1]
    const isExpected =
      code === 'PARTITION_FENCED' ||
      (code !== undefined && code in ERROR_CODES && ERROR_CODES[code as ErrorCode].retryable)
    const reason =
      /"message":"((?:[^"\\]|\\.)*)"/.exec(fatalIn(lines))?.[1] ?? 'no reason was logged'
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
