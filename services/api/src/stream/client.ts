import { isRunsKey, type StreamEvent } from './events.ts'
import type { Log, LogPositions } from './positions.ts'

/** Where messages of a client go: a WebSocket or an event stream. */
export interface Outlet {
  /** How events are written; clients of one format and equal subscriptions get the same bytes. */
  readonly format: Format
  /** Sends a message, text or its UTF-8; `resume` is set when everything before that point is in it or in an earlier one. */
  send(text: string | Buffer, resume: string | undefined): void
  /** Bytes that were sent and have not left the process. */
  readonly bufferedBytes: number
  /** Ends the connection, because the client must begin again. */
  close(reason: string): void
}

/** Writes events as the messages of a protocol. */
export interface Format {
  readonly name: string
  data(events: readonly StreamEvent[], resume: string | undefined): readonly string[]
  /** A message that the client gets now and then, so that it knows that the connection works. */
  heartbeat(nowMs: number, resume: string | undefined): string
  /** Trades that a slow client was not sent; undefined where the protocol has no word for it. */
  dropped(trades: number, symbols: readonly object[]): string | undefined
  /** Whether the broker is read, and what is in the way; undefined where the protocol has no word for it. */
  status(trouble: string | undefined): string | undefined
}

/** Above this many bytes in the socket, events wait here; below the other they are sent again. */
const SLOW_BYTES = 1024 * 1024
const FAST_BYTES = 256 * 1024
/** Trades that wait for a slow client at most. */
export const MAX_WAITING_TRADES = 5000

/** What events of a new subscription must not be sent: what its snapshot has, or what came before its start. */
export interface Exclusion {
  /** Events below these offsets of their own log are not sent. */
  readonly from: ReadonlyMap<string, number>
  /** Trades with these ids are not sent. */
  readonly ids: ReadonlySet<string>
  /** Bars and forecasts made of records up to this offset of a partition are not sent. */
  readonly through: ReadonlyMap<number, number>
}

interface Leg {
  readonly keys: ReadonlySet<string>
  readonly exclusion: Exclusion
  readonly untilMs: number
}

/** How long an exclusion is kept, ms: until the stream has surely passed what it names. */
const EXCLUSION_MS = 120_000

/** Trades that a slow client did not get, by symbol. */
interface Dropped {
  trades: number
  fromMs: number
  toMs: number
}

/** One client of the stream: what it asked for, and what waits for it. */
export class StreamClient {
  readonly outlet: Outlet
  /** Sorted keys, joined: clients with equal ones get the same bytes. Undefined while an exclusion holds. */
  signature: string | undefined = ''
  #keys = new Set<string>()
  #legs: Leg[] = []
  #waitingTrades: StreamEvent[] = []
  #waitingCount = 0
  #waitingStates = new Map<string, StreamEvent>()
  #dropped = new Map<string, Dropped>()
  #wantsRuns = false
  #wantsOnlyRuns = false
  #isSlow = false
  #isJoining = false
  #droppedTrades = 0

  constructor(outlet: Outlet) {
    this.outlet = outlet
  }

  /** Every key that is subscribed to. */
  get keys(): ReadonlySet<string> {
    return new Set([...this.#keys, ...this.#legs.flatMap(({ keys }) => [...keys])])
  }

  /** Whether it is told of runs. */
  get wantsRuns(): boolean {
    return this.#wantsRuns
  }

  /** Whether runs are all that it asked for: then the broker and positions in its topics mean nothing to it. */
  get wantsOnlyRuns(): boolean {
    return this.#wantsOnlyRuns
  }

  /** Trades that were not sent because the client read too slowly. */
  get droppedTrades(): number {
    return this.#droppedTrades
  }

  get isSlow(): boolean {
    return this.#isSlow
  }

  /** Whether it is still sent what came before; its messages have no `resume` then. */
  get isJoining(): boolean {
    return this.#isJoining
  }

  set isJoining(isJoining: boolean) {
    this.#isJoining = isJoining
    this.#sign()
  }

  /** Begins to send events of these keys, but for those that are excluded. */
  add(keys: ReadonlySet<string>, exclusion: Exclusion | undefined, nowMs: number): void {
    if (exclusion === undefined) for (const key of keys) this.#keys.add(key)
    else this.#legs.push({ keys, exclusion, untilMs: nowMs + EXCLUSION_MS })
    this.#sign()
  }

  remove(keys: Iterable<string>): void {
    const gone = new Set(keys)
    for (const key of gone) this.#keys.delete(key)
    this.#legs = this.#legs.map((leg) => ({
      ...leg,
      keys: new Set([...leg.keys].filter((key) => !gone.has(key)))
    }))
    this.#sign()
  }

  /** Makes exclusions that the stream has passed plain subscriptions. @param positions next offsets to be read */
  expire(nowMs: number, positions: LogPositions): void {
    if (this.#legs.length === 0) return
    const isOver = ({ exclusion, untilMs }: Leg): boolean =>
      untilMs <= nowMs || isPassed(exclusion, positions)
    const over = new Set(this.#legs.filter(isOver))
    if (over.size === 0) return
    for (const { keys } of over) for (const key of keys) this.#keys.add(key)
    this.#legs = this.#legs.filter((leg) => !over.has(leg))
    this.#sign()
  }

  /** The part of an event that the client is to be sent; undefined when there is none. Runs have no place. */
  partOf(event: StreamEvent, place: Place | undefined): StreamEvent | undefined {
    if (matches(this.#keys, event)) return event
    if (place === undefined) return undefined
    const leg = this.#legs.find(({ keys }) => matches(keys, event))
    return leg === undefined ? undefined : included(event, leg.exclusion, place)
  }

  /** Sends events that the client wants, written as `texts`; keeps the events while the client is slow. */
  deliver(
    events: readonly StreamEvent[],
    resume: string | undefined,
    texts: readonly Buffer[]
  ): void {
    this.#isSlow ||= this.outlet.bufferedBytes > SLOW_BYTES
    if (!this.#isSlow) {
      for (const text of texts) this.outlet.send(text, resume)
      return
    }
    for (const event of events) this.#hold(event)
  }

  /** Sends what waits, if the client has read enough of what was sent. Returns whether it did. */
  catchUp(resume: string | undefined): boolean {
    if (!this.#isSlow || this.outlet.bufferedBytes > FAST_BYTES) return false
    this.#isSlow = false
    const dropped = [...this.#dropped].map(([symbol, { trades, fromMs, toMs }]) => {
      const from = new Date(fromMs).toISOString()
      const to = new Date(toMs + 1).toISOString()
      const ask = `/api/v1/trades?symbol=${encodeURIComponent(symbol)}&from=${from}&to=${to}`
      return { symbol, trades, from: fromMs, to: toMs + 1, ask }
    })
    const events = [...this.#waitingTrades, ...this.#waitingStates.values()]
    this.#waitingTrades = []
    this.#waitingCount = 0
    this.#waitingStates = new Map()
    this.#dropped = new Map()
    if (dropped.length > 0) {
      const trades = dropped.reduce((sum, one) => sum + one.trades, 0)
      const text = this.outlet.format.dropped(trades, dropped)
      if (text !== undefined) this.outlet.send(text, undefined)
    }
    for (const text of this.outlet.format.data(events, resume)) this.outlet.send(text, resume)
    return true
  }

  #hold(event: StreamEvent): void {
    const { channel, id, rows } = event
    if (channel !== 'trades') {
      // Of a bar the newest version is enough.
      const name = `${channel} ${id ?? ''}`
      this.#waitingStates.delete(name)
      this.#waitingStates.set(name, event)
      return
    }
    this.#waitingTrades.push(event)
    this.#waitingCount += rows.length
    while (this.#waitingCount > MAX_WAITING_TRADES) {
      const oldest = this.#waitingTrades.shift()
      if (oldest === undefined) break
      this.#waitingCount -= oldest.rows.length
      this.#droppedTrades += oldest.rows.length
      const symbol = oldest.keys[0].slice(oldest.keys[0].indexOf('|') + 1)
      const before = this.#dropped.get(symbol)
      this.#dropped.set(symbol, {
        trades: (before?.trades ?? 0) + oldest.rows.length,
        fromMs: Math.min(before?.fromMs ?? Infinity, oldest.span[0]),
        toMs: Math.max(before?.toMs ?? -Infinity, oldest.span[1])
      })
    }
  }

  #sign(): void {
    const keys = [...this.#keys].toSorted()
    this.#wantsRuns = keys.some(isRunsKey)
    this.#wantsOnlyRuns = this.#wantsRuns && this.#legs.length === 0 && keys.every(isRunsKey)
    this.signature =
      this.#isJoining || this.#legs.length > 0
        ? undefined
        : [this.outlet.format.name, ...keys].join('\n')
  }
}

/** Whether nothing that is still to be read is excluded; what a snapshot has ends by time only. */
function isPassed({ from, ids, through }: Exclusion, positions: LogPositions): boolean {
  if (ids.size > 0 || through.size > 0) return false
  return [...from].every(([name, offset]) => {
    const [log, partition] = name.split('/')
    return (positions.get(log as Log)?.get(Number(partition)) ?? 0) >= offset
  })
}

function matches(keys: ReadonlySet<string>, { keys: [own, every] }: StreamEvent): boolean {
  return keys.has(own) || keys.has(every)
}

/** Where an event stands in its own log. */
export interface Place {
  readonly log: Log
  readonly partition: number
  readonly offset: number
}

function included(
  event: StreamEvent,
  { from, ids, through }: Exclusion,
  { log, partition, offset }: Place
): StreamEvent | undefined {
  if (offset < (from.get(`${log}/${partition}`) ?? 0)) return undefined
  if (event.channel === 'trades') {
    if (!event.ids.some((id) => ids.has(id))) return event
    // A record whose trades were being stored when the snapshot was read.
    const rows = event.rows.filter((_, at) => !ids.has(event.ids[at] ?? ''))
    const rest = event.ids.filter((id) => !ids.has(id))
    return rows.length === 0 ? undefined : { ...event, rows, ids: rest }
  }
  if (event.channel === 'feed') return event
  return event.offset > (through.get(event.partition) ?? -1) ? event : undefined
}

/** The stream's own protocol: one message with all events, by channel. */
export const OWN_FORMAT: Format = {
  name: 'own',
  data(events, resume) {
    if (events.length === 0) return []
    const byChannel = Map.groupBy(events, ({ channel }) => channel)
    const lists = [...byChannel].map(
      ([channel, own]) => `"${channel}":[${own.map(({ rows }) => rows.join(',')).join(',')}]`
    )
    const point = resume === undefined ? '' : `,"resume":"${resume}"`
    return [`{"type":"data",${lists.join(',')}${point}}`]
  },
  heartbeat: (time, resume) => JSON.stringify({ type: 'heartbeat', time, resume }),
  dropped: (trades, symbols) => JSON.stringify({ type: 'dropped', trades, symbols }),
  status: (trouble) =>
    JSON.stringify({ type: 'status', isReading: trouble === undefined, reason: trouble ?? null })
}
