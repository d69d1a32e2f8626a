import { addAbortListener } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import type { ReplayCounts, ReplayState, StreamMessage } from '@tapedeck/client'
import { hasCode, messageOf, TapedeckError, type Clock } from '@tapedeck/core'
import { DATABASE_AWAY } from '../http.ts'
import type { RequestProblem } from '../query.ts'
import type { Outlet } from '../stream/client.ts'
import { MergedRows, type RowBatch, type RowSource } from './merged-rows.ts'
import { ReplayClock, type Speed } from './replay-clock.ts'
import type { ReplaySelection } from './stored-rows.ts'

/** Names a replay in its messages and commands. */
export type ReplayId = string | number

export interface ReplayRequest {
  readonly type: 'replay'
  readonly id: ReplayId
  readonly selection: ReplaySelection
  /** Half-open, epoch ms. */
  readonly fromMs: number
  readonly toMs: number
  readonly speed: Speed
}

export type ReplayCommand = { readonly id: ReplayId } & (
  | { readonly type: 'pause' | 'play' | 'stop' }
  | { readonly type: 'seek'; readonly timeMs: number }
  | { readonly type: 'speed'; readonly speed: Speed }
)

export interface ReplayTools {
  /** Sources of what became known from a time on, before the end of the replay. */
  open(fromMs: number): readonly RowSource[]
  readonly outlet: Outlet
  readonly clock: Clock
  /** Of a clock that is never set. */
  monotonicMs(): number
  readonly signal: AbortSignal
}

/** Rows in one message at most. */
const ROWS_A_MESSAGE = 500
/** While more than this waits in the socket, no row is read: half of what makes a client slow for live rows. */
const ROOM_BYTES = 512 * 1024
const ROOM_POLL_MS = 20
const PROGRESS_MS = 1000
/** Rows that are due within this time of one another share a message. */
const TICK_MS = 5
const RETRY_MS = 1000

/**
 * Sends stored rows at the pace of their times. It reads no faster than the client does, so nothing is left out; while
 * the database is away it waits. Commands act at once: what is sent after the answer to a command obeys it.
 */
export class Replay {
  readonly #request: ReplayRequest
  readonly #tools: ReplayTools
  readonly #clock: ReplayClock
  readonly #sent = { trades: 0, bars: 0, forecasts: 0 }
  #rows: MergedRows
  #isLoading = false
  /** Why rows are missing at present. */
  #trouble: string | undefined
  /** Why rows cannot be read at all. */
  #failure: unknown
  #retryAtMs = -Infinity
  /** Since when nothing could be sent. */
  #stuckSinceMs: number | undefined
  #progressAtMs: number
  #isOver = false
  #wake: () => void = () => undefined

  constructor(request: ReplayRequest, tools: ReplayTools) {
    const { fromMs, speed } = request
    const nowMs = tools.monotonicMs()
    this.#request = request
    this.#tools = tools
    this.#clock = new ReplayClock(fromMs, speed, nowMs)
    this.#rows = new MergedRows(tools.open(fromMs))
    this.#progressAtMs = nowMs + PROGRESS_MS
  }

  /** Plays until the end, a stop, or a failure that is no matter of time. */
  async run(): Promise<void> {
    const { id, selection, fromMs, toMs, speed } = this.#request
    this.#say({ type: 'replaying', id, ...selection, from: fromMs, to: toMs, speed })
    const { signal } = this.#tools
    const leave = (): void => this.close()
    using _listener = addAbortListener(signal, leave)
    try {
      while (!this.#isOver) await this.#step()
    } catch (error) {
      const code = error instanceof TapedeckError ? error.code : 'INTERNAL_ERROR'
      this.#say({ type: 'error', id, error: { code, message: messageOf(error) } })
      this.#end('failed')
    } finally {
      this.close()
    }
  }

  /** Obeys a command and answers it, or says why it does not. */
  obey(command: ReplayCommand): RequestProblem | undefined {
    const { fromMs, toMs } = this.#request
    if (command.type === 'seek' && (command.timeMs < fromMs || command.timeMs >= toMs)) {
      const [found, from, to] = [command.timeMs, fromMs, toMs].map((ms) =>
        new Date(ms).toISOString()
      )
      return {
        field: 'time',
        message: `time is ${found}, expected from ${from} until before ${to}`
      }
    }
    const nowMs = this.#tools.monotonicMs()
    if (this.#stuckSinceMs !== undefined) {
      this.#clock.standStill(this.#stuckSinceMs, nowMs)
      this.#stuckSinceMs = nowMs
    }
    switch (command.type) {
      case 'stop':
        this.#end('stopped')
        break
      case 'pause':
        this.#clock.pause(nowMs)
        break
      case 'play':
        this.#clock.play(nowMs)
        break
      case 'speed':
        this.#clock.setSpeed(command.speed, nowMs)
        break
      case 'seek':
        void this.#rows.close()
        this.#rows = new MergedRows(this.#tools.open(command.timeMs))
        this.#isLoading = false
        this.#clock.seek(command.timeMs, nowMs)
        break
    }
    if (!this.#isOver) this.#tell(nowMs, command.type)
    this.#wake()
    return undefined
  }

  /** Ends it without a word: the client has left. */
  close(): void {
    this.#isOver = true
    void this.#rows.close()
    this.#wake()
  }

  /** Sends the rows that are due, or waits for some. */
  async #step(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    const { outlet } = this.#tools
    const nowMs = this.#tools.monotonicMs()
    if (nowMs >= this.#progressAtMs) this.#tell(nowMs)
    const isFull = outlet.bufferedBytes > ROOM_BYTES
    if (isFull || !this.#rows.isLoaded) {
      this.#stuckSinceMs ??= nowMs
      if (!isFull && !this.#isLoading && nowMs >= this.#retryAtMs) void this.#load()
      await this.#wait(isFull ? ROOM_POLL_MS : PROGRESS_MS)
      return
    }
    if (this.#stuckSinceMs !== undefined) this.#clock.standStill(this.#stuckSinceMs, nowMs)
    this.#stuckSinceMs = undefined
    const dueMs = this.#clock.dueAt(nowMs)
    const batch = this.#rows.take(dueMs, ROWS_A_MESSAGE)
    if (batch !== undefined) {
      this.#send(batch)
      await turn()
    } else if (this.#rows.isOver && dueMs >= this.#request.toMs) {
      this.#end('end')
    } else {
      const waitMs = this.#clock.waitMs(this.#rows.nextMs ?? this.#request.toMs, nowMs)
      await this.#wait(Math.max(TICK_MS, Math.min(waitMs, this.#progressAtMs - nowMs)))
    }
  }

  /** Reads in the background, so that commands act meanwhile. */
  async #load(): Promise<void> {
    const rows = this.#rows
    this.#isLoading = true
    let failure: unknown
    try {
      await rows.load()
    } catch (error) {
      failure = error
    }
    if (rows !== this.#rows) return
    this.#isLoading = false
    const isAway = hasCode(failure, 'DATABASE_UNREACHABLE')
    this.#trouble = isAway ? DATABASE_AWAY : undefined
    if (isAway) this.#retryAtMs = this.#tools.monotonicMs() + RETRY_MS
    else this.#failure = failure
    this.#wake()
  }

  #send({ rows, timeMs }: RowBatch): void {
    const lists = [...rows].map(([channel, texts]) => {
      this.#sent[channel] += texts.length
      return `"${channel}":[${texts.join(',')}]`
    })
    const id = JSON.stringify(this.#request.id)
    const text = `{"type":"replay","id":${id},"time":${timeMs},${lists.join(',')}}`
    this.#tools.outlet.send(text, undefined)
    this.#clock.reach(timeMs)
  }

  #end(reason: 'end' | 'stopped' | 'failed'): void {
    if (this.#isOver) return
    const { id, toMs } = this.#request
    const time = reason === 'end' ? toMs : this.#timeMs(this.#tools.monotonicMs())
    this.#say({ type: 'replayed', id, reason, time, sent: this.#counts })
    this.close()
  }

  /** Says how far it is; not to a client that reads nothing. */
  #tell(nowMs: number, answer?: ReplayCommand['type']): void {
    this.#progressAtMs = nowMs + PROGRESS_MS
    if (answer === undefined && this.#tools.outlet.bufferedBytes > ROOM_BYTES) return
    this.#say({
      type: 'progress',
      id: this.#request.id,
      time: this.#timeMs(nowMs),
      state: this.#state(nowMs),
      speed: this.#clock.speed,
      sent: this.#counts,
      ...(this.#trouble !== undefined && { reason: this.#trouble }),
      ...(answer !== undefined && { answer })
    })
  }

  #state(nowMs: number): ReplayState {
    if (!this.#clock.isPlaying) return 'paused'
    const isStuck = this.#stuckSinceMs !== undefined && nowMs - this.#stuckSinceMs >= PROGRESS_MS
    return this.#trouble !== undefined || isStuck ? 'waiting' : 'playing'
  }

  get #counts(): ReplayCounts {
    return { ...this.#sent }
  }

  /** The time of the market, not beyond a row that is still to be sent. */
  #timeMs(nowMs: number): number {
    const nextMs = this.#rows.nextMs ?? this.#request.toMs
    const timeMs = this.#clock.timeAt(this.#stuckSinceMs ?? nowMs)
    return Math.floor(Math.min(timeMs, nextMs, this.#request.toMs))
  }

  #say(message: StreamMessage): void {
    if (!this.#isOver) this.#tools.outlet.send(JSON.stringify(message), undefined)
  }

  /** Waits so long, or until something happens. */
  async #wait(ms: number): Promise<void> {
    const woken = Promise.withResolvers<void>()
    this.#wake = woken.resolve
    const ended = new AbortController()
    try {
      await Promise.race([woken.promise, this.#tools.clock.delay(ms, ended.signal)])
    } finally {
      ended.abort()
    }
  }
}
