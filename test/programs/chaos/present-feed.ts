import { setTimeout as sleep } from 'node:timers/promises'
import { TapedeckError } from '@tapedeck/core'
import { WebSocket } from 'ws'
import type { Scope } from '../../support/scope.ts'
import { forwardTcp, type TcpProxy } from '../../support/tcp-proxy.ts'

/** Of the tape's `SIMULATOR_START`: no trade has it, and only the observer subscribes to it. */
const START_SYMBOL = 'CHAOS:BEGIN'
const ASK_LIMIT_MS = 5000
const POLL_MS = 50

/** The connections of the simulator, as its control endpoint tells. */
interface ControlState {
  readonly connections: readonly { readonly number: number; readonly symbols: readonly string[] }[]
}

/**
 * The way of the feed to the producer. An observer follows the simulator beside it: the tape goes on whoever else
 * listens, and what was sent so far is known. The producer's connection leads through a proxy that can be cut.
 */
export class PresentFeed {
  /** For SIMULATOR_START. */
  readonly startRule: string
  readonly #feedPort: number
  readonly #symbols: readonly string[]
  readonly #proxy: TcpProxy
  #observer: WebSocket | undefined
  #followed: ReadonlySet<string> = new Set()
  #received = 0

  private constructor(feedPort: number, symbols: readonly string[], proxy: TcpProxy) {
    this.#feedPort = feedPort
    this.#symbols = symbols
    this.#proxy = proxy
    this.startRule = `subscribed:${symbols.length + 1}`
  }

  static async open(
    scope: Pick<Scope, 'after'>,
    feedPort: number,
    symbols: readonly string[]
  ): Promise<PresentFeed> {
    const proxy = await forwardTcp(scope, { host: '127.0.0.1', port: feedPort })
    const feed = new PresentFeed(feedPort, symbols, proxy)
    scope.after(() => Promise.resolve(feed.#observer?.terminate()))
    return feed
  }

  /** For FINNHUB_URL of the producer. */
  get url(): string {
    return `ws://127.0.0.1:${this.#proxy.port}`
  }

  get symbols(): readonly string[] {
    return this.#symbols
  }

  /** Trades that the tape has sent. */
  get received(): number {
    return this.#received
  }

  /**
   * Starts the tape at `beginMs`, epoch ms, or as soon as the producer follows every symbol if that is later.
   * @throws TIMED_OUT when the producer does not within `limitMs`; SERVER_FAILED when the simulator cuts the observer
   */
  async begin(beginMs: number, limitMs: number, signal: AbortSignal): Promise<void> {
    const deadlineMs = performance.now() + limitMs
    while (!this.isWhole) {
      signal.throwIfAborted()
      if (performance.now() > deadlineMs) {
        throw new TapedeckError('TIMED_OUT', 'The producer did not subscribe to every symbol')
      }
      await sleep(POLL_MS)
      await this.look()
    }
    const observer = new WebSocket(`ws://127.0.0.1:${this.#feedPort}/?token=observer`)
    this.#observer = observer
    observer.on('error', () => undefined)
    observer.on('message', (text: Buffer) => {
      const frame = JSON.parse(text.toString()) as { type: string; data?: readonly unknown[] }
      if (frame.type === 'trade') this.#received += frame.data?.length ?? 0
    })
    const opened = Promise.withResolvers<void>()
    observer.once('open', opened.resolve)
    observer.once('close', () =>
      opened.reject(new TapedeckError('SERVER_FAILED', 'The simulator refused the observer'))
    )
    await opened.promise
    const subscribe = (symbol: string): void =>
      observer.send(JSON.stringify({ type: 'subscribe', symbol }))
    this.#symbols.forEach(subscribe)
    await sleep(Math.max(0, beginMs - Date.now()))
    subscribe(START_SYMBOL)
  }

  /** Whether the producer's connection had the symbol at the last look. */
  isFollowed(symbol: string): boolean {
    return this.#followed.has(symbol)
  }

  /** Whether it had every symbol. */
  get isWhole(): boolean {
    return this.#symbols.every((symbol) => this.isFollowed(symbol))
  }

  /** Cuts the connection and refuses others, until `mend`. */
  cut(): Promise<void> {
    return this.#proxy.close()
  }

  mend(): Promise<void> {
    return this.#proxy.reopen()
  }

  /** Asks the simulator which symbols another connection than the observer's has. @throws when it does not answer */
  async look(): Promise<void> {
    const answer = await fetch(`http://127.0.0.1:${this.#feedPort}/control`, {
      signal: AbortSignal.timeout(ASK_LIMIT_MS)
    })
    const { connections } = (await answer.json()) as ControlState
    const others = connections.filter(({ symbols }) => !symbols.includes(START_SYMBOL))
    this.#followed = new Set(others.flatMap(({ symbols }) => symbols))
  }
}
