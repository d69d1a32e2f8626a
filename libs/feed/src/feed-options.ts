import type { Clock } from '@tapedeck/core'

export interface FeedOptions {
  /** The symbols to follow from the start; see Feed.setSymbols. */
  readonly symbols: readonly string[]
  /** What to correct when the feed refuses, such as `FINNHUB_TOKEN`. */
  readonly credentials?: string
  /**
   * Called with every frame before it is queued, for a capture. It runs in the socket's event handler, so
   * it must neither throw nor block.
   */
  readonly onRaw?: (text: string, receivedAt: number, connection: string, frame: number) => void
  /** Frames held between the socket and the reader of the events; the socket is paused at half. */
  readonly queueFrames?: number
  readonly times?: Partial<FeedTimes>
  readonly clock?: Clock
  /** In [0, 1); injected so that tests are deterministic. */
  readonly random?: () => number
}

/** Every wait of a session, ms. */
export interface FeedTimes {
  /** Until the WebSocket is open. */
  readonly handshakeMs: number
  /** Until the feed accepts the credentials, for protocols that wait for it. */
  readonly welcomeMs: number
  /** Between two protocol pings. */
  readonly pingEveryMs: number
  /** Until a ping is answered; with the above a half-open connection is detected within 45 s. */
  readonly pongMs: number
  /** Without any frame: two and a half times the 60 s or so between Finnhub's own pings. */
  readonly silenceMs: number
  /** Between two subscription messages, so that a long list is not sent as a burst. */
  readonly paceMs: number
  /** Until a symbol that the feed rejected is asked for again; doubled each time, up to the cap. */
  readonly rejectedMs: number
  readonly rejectedCapMs: number
  readonly backoffBaseMs: number
  readonly backoffCapMs: number
  /** A connection that lasted this long and brought a frame resets the back-off. */
  readonly stableMs: number
  /** The least wait while another session holds the key: an early try only keeps the key busy. */
  readonly busyMs: number
}

export const FEED_TIMES: FeedTimes = {
  handshakeMs: 15_000,
  welcomeMs: 15_000,
  pingEveryMs: 25_000,
  pongMs: 20_000,
  silenceMs: 150_000,
  paceMs: 30,
  rejectedMs: 60_000,
  rejectedCapMs: 1_800_000,
  backoffBaseMs: 1000,
  backoffCapMs: 60_000,
  stableMs: 60_000,
  busyMs: 30_000
}
