import type { StreamMessage } from '@tapedeck/client'
import {
  hasCode,
  messageOf,
  retry,
  TapedeckError,
  type Clock,
  type ErrorCode
} from '@tapedeck/core'
import { DATABASE_AWAY } from '../http.ts'
import type { Reader } from '../reader.ts'
import type { RequestProblem } from '../query.ts'
import { Replays, type ReplayPlaces } from '../replay/replays.ts'
import type { Horizons } from '../replay/stored-rows.ts'
import { StreamClient, type Exclusion, type Outlet } from './client.ts'
import { isRunsKey, runsKey, type StreamEvent } from './events.ts'
import type { LiveHub } from './hub.ts'
import {
  keysOf,
  readRequest,
  type RequestReading,
  type Subscribe,
  type Unsubscribe
} from './messages.ts'
import type { LogPositions, ResumePoint } from './positions.ts'
import { RUNS_A_MESSAGE, type RunWatch } from './runs.ts'
import { readSnapshot } from './snapshot.ts'
import type { Subscribers } from './subscribers.ts'

export interface SessionTools {
  readonly hub: LiveHub
  readonly runs: RunWatch
  readonly subscribers: Subscribers
  readonly reader: Reader
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly horizons: Horizons
  readonly replays: ReplayPlaces
}

/** Keys of one client at most: 500 symbols in ten timeframes. */
export const MAX_KEYS = 5000
/** Rows of a snapshot in one message. */
const ROWS_A_MESSAGE = 500
/** How long a subscription waits for the broker, and for the consumer to store what the stream no longer keeps. */
const WAIT_LIMIT_MS = 15_000
const WAIT_POLL_MS = 100

/** The conversation with one client: reads its messages, and answers in order. */
export class StreamSession {
  readonly #tools: SessionTools
  readonly #outlet: Outlet
  readonly #client: StreamClient
  readonly #replays: Replays
  readonly #leave: () => void
  #isOpen = true
  /** Requests are answered one after another. */
  #work: Promise<void> = Promise.resolve()
  #waiting = 0

  /** @param replayed called when no replay plays any more, or none began */
  constructor(tools: SessionTools, outlet: Outlet, replayed: () => void = () => undefined) {
    this.#tools = tools
    this.#outlet = outlet
    this.#client = new StreamClient(outlet)
    this.#replays = new Replays(tools, outlet, replayed)
    this.#leave = tools.subscribers.add(this.#client)
  }

  /** Requests that are not answered yet. */
  get waiting(): number {
    return this.#waiting
  }

  receive(text: string): void {
    const reading = readRequest(text, this.#tools.clock.now())
    // Commands of a replay do not wait for subscriptions.
    if (reading.problems === undefined && this.#replays.receive(reading.request)) return
    this.#waiting++
    this.#work = this.#work
      .then(() => this.#answer(reading))
      .catch((error: unknown) => this.#fail(undefined, error))
      .finally(() => {
        this.#waiting--
      })
  }

  close(): void {
    this.#isOpen = false
    this.#replays.close()
    this.#leave()
  }

  async #answer(reading: RequestReading): Promise<void> {
    if (reading.problems !== undefined) {
      this.#refuse(reading.id, reading.problems)
      return
    }
    const { request } = reading
    if (request.type === 'ping')
      this.#say({ type: 'pong', id: request.id, time: this.#tools.clock.now() })
    else if (request.type === 'unsubscribe') this.#unsubscribe(request)
    else if (request.type === 'subscribe') {
      try {
        await this.#subscribe(request)
      } catch (error) {
        this.#fail(request.id, error)
      } finally {
        this.#client.isJoining = false
      }
    }
  }

  #unsubscribe({ id, selection }: Unsubscribe): void {
    this.#client.remove(selection === undefined ? this.#client.keys : keysOf(selection))
    this.#say({ type: 'unsubscribed', id, keys: this.#client.keys.size })
  }

  /** Subscribes: first the newest runs, what was stored or what came since, then what comes. */
  async #subscribe(request: Subscribe): Promise<void> {
    const { id, selection, sinceMs, resume } = request
    const { clock } = this.#tools
    const all = keysOf(selection)
    const keys = new Set([...all].filter((key) => !isRunsKey(key)))
    const before = this.#client.keys
    const known = [...keys].filter((key) => before.has(key))
    const isFromBefore = sinceMs !== undefined || resume !== undefined
    if (isFromBefore && known.length > 0) {
      const message = `${known.length} of these are subscribed to already (${known[0]}), expected unsubscribe before since or resume`
      this.#refuse(id, [{ field: sinceMs === undefined ? 'resume' : 'since', message }])
      return
    }
    if (before.size + all.size > MAX_KEYS) {
      const message = `${before.size + all.size} symbols and timeframes found, expected ${MAX_KEYS} at most, or *`
      this.#refuse(id, [{ field: 'symbols', message }])
      return
    }
    const isOfRuns = selection.channels.includes('runs')
    const isOfRunsAlone = isOfRuns && keys.size === 0
    // Runs come from the database, also while the broker is away.
    if (!isOfRunsAlone) await this.#begun()
    this.#client.isJoining = true
    this.#say({ type: 'subscribed', id, ...selection, time: clock.now() })
    if (isOfRuns) await this.#joinRuns(id, selection.jobs ?? ['*'])
    if (isOfRunsAlone) this.#say({ type: 'live', id })
    else if (resume !== undefined) await this.#resume(id, keys, resume)
    else if (sinceMs !== undefined) await this.#snapshot(request, keys, sinceMs)
    else this.#goLive(id, keys, undefined)
  }

  /** Sends the newest runs, then begins to send those that change. */
  async #joinRuns(id: Subscribe['id'], jobs: readonly string[]): Promise<void> {
    const { runs, clock } = this.#tools
    await runs.join(jobs, (rows) => {
      if (!this.#isOpen) return
      this.#client.add(new Set(jobs.map(runsKey)), undefined, clock.now())
      for (let at = 0; at < rows.length; at += RUNS_A_MESSAGE) {
        this.#say({ type: 'snapshot', id, runs: rows.slice(at, at + RUNS_A_MESSAGE) })
      }
    })
  }

  async #resume(
    id: Subscribe['id'],
    keys: ReadonlySet<string>,
    resume: ResumePoint
  ): Promise<void> {
    const { hub } = this.#tools
    const isSame = resume.topic === hub.topic
    if (!isSame || !this.#reaches(resume.positions)) {
      const message = isSame
        ? 'resume is from before the minute that is kept, expected since with the time of the last row that you have'
        : 'resume is of another topic: it was created again, expected since with the time of the last row that you have'
      this.#say({ type: 'error', id, error: { code: 'RESUME_TOO_OLD', field: 'resume', message } })
      return
    }
    const from = new Map(
      [...resume.positions].flatMap(([log, offsets]) =>
        [...offsets].map(([partition, offset]) => [`${log}/${partition}`, offset] as const)
      )
    )
    await this.#join(id, keys, { from, ids: new Set(), through: new Map() })
  }

  async #snapshot(
    { id, selection }: Subscribe,
    keys: ReadonlySet<string>,
    sinceMs: number
  ): Promise<void> {
    const { reader } = this.#tools
    const stored = await this.#stored()
    const snapshot = await readSnapshot(reader, selection, sinceMs)
    for (const channel of ['trades', 'bars', 'forecasts'] as const) {
      const rows = snapshot[channel]
      for (let at = 0; at < rows.length && this.#isOpen; at += ROWS_A_MESSAGE) {
        await this.#room()
        this.#say({ type: 'snapshot', id, [channel]: rows.slice(at, at + ROWS_A_MESSAGE) })
      }
    }
    for (const one of snapshot.cut) this.#say({ type: 'cut', id, ...one })
    if (!this.#reaches(new Map([['trades', stored]]))) {
      const message =
        'the snapshot took longer than the minute that is kept, expected a later since'
      this.#say({ type: 'error', id, error: { code: 'RESUME_TOO_OLD', field: 'since', message } })
      return
    }
    const from = new Map([...stored].map(([partition, offset]) => [`trades/${partition}`, offset]))
    const ids = new Set(snapshot.trades.map((row) => row.id))
    await this.#join(id, keys, { from, ids, through: stored })
  }

  /**
   * Sends what is kept of these keys as fast as the client reads it, then begins to send what comes. Until then no
   * message has a `resume`: a client whose connection breaks meanwhile begins where it began.
   */
  async #join(id: Subscribe['id'], keys: ReadonlySet<string>, exclusion: Exclusion): Promise<void> {
    const { hub, clock } = this.#tools
    const { recent } = hub
    const joining = new StreamClient(this.#outlet)
    joining.add(keys, exclusion, clock.now())
    let next = recent.span.first
    while (this.#isOpen) {
      const { first, end } = recent.span
      if (next < first) {
        const message =
          'the client reads more slowly than the stream grows, expected fewer symbols or a later since'
        this.#say({ type: 'error', id, error: { code: 'RESUME_TOO_OLD', message } })
        return
      }
      const events: StreamEvent[] = []
      let rows = 0
      for (; next < end && rows < ROWS_A_MESSAGE; next++) {
        const record = recent.at(next)
        for (const event of record?.events ?? []) {
          const part = record === undefined ? undefined : joining.partOf(event, record.place)
          if (part === undefined) continue
          events.push(part)
          rows += part.rows.length
        }
      }
      for (const text of this.#outlet.format.data(events, undefined))
        this.#outlet.send(text, undefined)
      if (next === end) break
      await this.#room()
    }
    if (!this.#isOpen) return
    this.#goLive(id, keys, exclusion)
  }

  /** Sends what comes from here on. */
  #goLive(id: Subscribe['id'], keys: ReadonlySet<string>, exclusion: Exclusion | undefined): void {
    const { hub, clock } = this.#tools
    hub.flush()
    this.#client.add(keys, exclusion, clock.now())
    this.#client.isJoining = false
    this.#say({ type: 'live', id, resume: hub.resume })
  }

  /**
   * Up to where each partition is stored, once that is within what the stream keeps.
   * @throws TIMED_OUT when the consumer is behind by more; DATABASE_UNREACHABLE
   */
  #stored(): Promise<ReadonlyMap<number, number>> {
    const { hub, reader } = this.#tools
    return this.#waitFor(async () => {
      const found = await reader.storedOffsets(hub.topicName)
      const partitions = [...(hub.positions.get('trades') ?? new Map<number, number>()).keys()]
      const stored = new Map(partitions.map((one) => [one, found.get(one) ?? 0]))
      if (this.#reaches(new Map([['trades', stored]]))) return stored
      const message =
        'The consumer is behind by more than the minute that is kept, expected it to run'
      throw new TapedeckError('TIMED_OUT', message)
    }, 'TIMED_OUT')
  }

  /** Waits until the stream has read what was there when it began. @throws BROKER_UNREACHABLE */
  #begun(): Promise<void> {
    const { hub } = this.#tools
    return this.#waitFor(async () => {
      if (hub.isCurrent) return
      throw new TapedeckError(
        'BROKER_UNREACHABLE',
        `The stream has not begun: ${hub.trouble ?? 'it still reads the last minute'}`
      )
    }, 'BROKER_UNREACHABLE')
  }

  /** Repeats work while it fails with that code, for a while. */
  #waitFor<T>(work: () => Promise<T>, code: ErrorCode): Promise<T> {
    const { clock, signal } = this.#tools
    return retry(work, {
      delayMs: () => WAIT_POLL_MS,
      limitMs: WAIT_LIMIT_MS,
      isRetryable: (error) => hasCode(error, code),
      clock,
      signal
    })
  }

  #reaches(positions: LogPositions): boolean {
    return [...positions].every(([log, offsets]) =>
      [...offsets].every(([partition, offset]) =>
        this.#tools.hub.recent.reaches(log, partition, offset)
      )
    )
  }

  /** Waits while the client has not read what was sent. */
  async #room(): Promise<void> {
    const { clock, signal } = this.#tools
    while (this.#isOpen && this.#outlet.bufferedBytes > ROOM_BYTES)
      await clock.delay(ROOM_POLL_MS, signal)
  }

  #refuse(id: Subscribe['id'], problems: readonly RequestProblem[]): void {
    const message = problems.map((problem) => problem.message).join('; ')
    const field = problems[0]?.field
    this.#say({ type: 'error', id, error: { code: 'REQUEST_INVALID', field, message, problems } })
  }

  #fail(id: Subscribe['id'], error: unknown): void {
    if (hasCode(error, 'ABORTED')) return
    const isAway = hasCode(error, 'DATABASE_UNREACHABLE')
    const code = error instanceof TapedeckError ? error.code : 'INTERNAL_ERROR'
    const message = isAway ? DATABASE_AWAY : messageOf(error)
    this.#say({ type: 'error', id, error: { code, message } })
  }

  #say(message: StreamMessage): void {
    if (this.#isOpen) this.#outlet.send(JSON.stringify(message), undefined)
  }
}

const ROOM_BYTES = 512 * 1024
const ROOM_POLL_MS = 20
