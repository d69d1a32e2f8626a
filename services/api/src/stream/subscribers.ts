import type { Clock } from '@tapedeck/core'
import { observeLatency, type Metrics } from '@tapedeck/service'
import type { Place, StreamClient } from './client.ts'
import type { StreamEvent } from './events.ts'
import type { LiveHub } from './hub.ts'
import { RUNS_A_MESSAGE, type RunWatch } from './runs.ts'

const CATCH_UP_MS = 50
/** A client that hears nothing for this long may take its connection for dead. */
export const HEARTBEAT_MS = 10_000

/** Sends each event to the clients that asked for it; clients that asked for the same share the bytes. */
export class Subscribers {
  readonly #hub: LiveHub
  readonly #runs: RunWatch
  readonly #clock: Clock
  readonly #clients = new Set<StreamClient>()
  readonly #metrics: ReturnType<typeof streamMetrics>
  readonly #stop: () => void
  #beatAtMs: number
  /** Why the broker is not read, and why the runs are not, as the clients know it. */
  #trouble: string | undefined
  #runsTrouble: string | undefined

  constructor(hub: LiveHub, runs: RunWatch, metrics: Metrics, clock: Clock) {
    this.#hub = hub
    this.#runs = runs
    this.#clock = clock
    this.#metrics = streamMetrics(metrics)
    this.#beatAtMs = clock.now()
    this.#trouble = hub.trouble
    const unlisten = hub.listen({
      events: (events, resume) => this.#send(events, resume),
      ended: (why) => {
        for (const { outlet } of this.#clients) outlet.close(why)
      }
    })
    const unwatch = runs.listen({
      isWanted: () => [...this.#clients].some(({ wantsRuns }) => wantsRuns),
      events: (events) => {
        for (let at = 0; at < events.length; at += RUNS_A_MESSAGE) {
          const part = events.slice(at, at + RUNS_A_MESSAGE)
          this.#send(
            part.map((event) => ({ event, place: undefined })),
            undefined
          )
        }
      }
    })
    const timer = setInterval(() => this.#tick(), CATCH_UP_MS)
    timer.unref()
    this.#stop = () => {
      clearInterval(timer)
      unlisten()
      unwatch()
    }
  }

  get size(): number {
    return this.#clients.size
  }

  add(client: StreamClient): () => void {
    this.#clients.add(client)
    this.#metrics.clients.set(this.#clients.size)
    return () => {
      this.#metrics.dropped.inc(client.droppedTrades)
      this.#clients.delete(client)
      this.#metrics.clients.set(this.#clients.size)
    }
  }

  close(): void {
    this.#stop()
  }

  #send(placed: readonly SentEvent[], resume: string | undefined): void {
    const nowMs = this.#clock.now()
    const resumeOf = ({ isJoining }: StreamClient): string | undefined =>
      isJoining ? undefined : resume
    for (const { event } of placed) {
      if (event.receivedAt !== null) {
        this.#metrics.trades.inc(event.rows.length)
        this.#metrics.latency('stream', nowMs - event.receivedAt)
      }
      if (event.lastTradeAt !== null) this.#metrics.latency('bar_stream', nowMs - event.lastTradeAt)
    }
    const shared = new Map<string, { events: StreamEvent[]; texts: readonly Buffer[] }>()
    for (const client of this.#clients) {
      const { signature } = client
      let part = signature === undefined ? undefined : shared.get(signature)
      if (part === undefined) {
        const events = placed.flatMap(({ event, place }) => client.partOf(event, place) ?? [])
        const texts = client.outlet.format.data(events, resumeOf(client))
        part = { events, texts: texts.map((text) => Buffer.from(text)) }
        if (signature !== undefined) shared.set(signature, part)
      }
      if (part.events.length > 0) client.deliver(part.events, resumeOf(client), part.texts)
    }
  }

  /**
   * Tells every client whether the broker is read, and those that want runs alone whether the database is; a client
   * that connects is told by its welcome.
   */
  #tell(ofRuns: boolean, trouble: string | undefined): void {
    for (const { outlet, wantsOnlyRuns } of this.#clients) {
      const text = wantsOnlyRuns === ofRuns ? outlet.format.status(trouble) : undefined
      if (text !== undefined) outlet.send(text, undefined)
    }
  }

  #tick(): void {
    const nowMs = this.#clock.now()
    const { resume, trouble, positions } = this.#hub
    if (trouble !== this.#trouble) this.#tell(false, (this.#trouble = trouble))
    const runsTrouble = this.#runs.trouble
    if (runsTrouble !== this.#runsTrouble) this.#tell(true, (this.#runsTrouble = runsTrouble))
    const isBeat = nowMs - this.#beatAtMs >= HEARTBEAT_MS
    if (isBeat) this.#beatAtMs = nowMs
    for (const client of this.#clients) {
      client.expire(nowMs, positions)
      const point = client.isJoining || client.wantsOnlyRuns ? undefined : resume
      client.catchUp(point)
      if (!isBeat || client.isSlow) continue
      client.outlet.send(client.outlet.format.heartbeat(nowMs, point), point)
    }
  }
}

interface SentEvent {
  readonly event: StreamEvent
  readonly place: Place | undefined
}

function streamMetrics(metrics: Metrics) {
  return {
    clients: metrics.gauge('stream_clients', 'Clients of the stream that are connected'),
    trades: metrics.counter(
      'stream_trades_total',
      'Trades handed to the stream, each once, however many clients it has'
    ),
    dropped: metrics.counter(
      'stream_trades_dropped_total',
      'Trades that clients of the stream were not sent because they read too slowly'
    ),
    latency: observeLatency(metrics)
  }
}
