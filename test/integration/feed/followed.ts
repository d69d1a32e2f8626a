import type { TestContext } from 'node:test'
import { Secret } from '@tapedeck/core'
import { createFeed, type Feed, type FeedEvent, type FeedOptions } from '@tapedeck/feed'
import { finnhubProtocol } from '@tapedeck/finnhub'
import type { FeedProtocol } from '@tapedeck/domain'

export interface Followed {
  readonly feed: Feed
  /** The events so far. */
  readonly events: readonly FeedEvent[]
  of<K extends FeedEvent['kind']>(kind: K): Extract<FeedEvent, { kind: K }>[]
  /** Resolves when the events end, with the error if they threw one. */
  readonly ended: Promise<unknown>
  stop(): void
}

/** Follows a feed and keeps its events until the test ends. */
export function follow(t: TestContext, protocol: FeedProtocol, options: FeedOptions): Followed {
  const stopping = new AbortController()
  const feed = createFeed(protocol, options, stopping.signal)
  const events: FeedEvent[] = []
  const read = async (): Promise<unknown> => {
    try {
      for await (const event of feed.events) events.push(event)
      return undefined
    } catch (error) {
      return error
    }
  }
  const ended = read()
  t.after(async () => {
    stopping.abort()
    await ended
  })
  return {
    feed,
    events,
    of: (kind) =>
      events.filter(
        (event): event is Extract<FeedEvent, { kind: typeof kind }> => event.kind === kind
      ),
    ended,
    stop: () => stopping.abort()
  }
}

export const TOKEN = 'c0ffee-token'

export function finnhubAt(url: string): FeedProtocol {
  return finnhubProtocol({ url, token: new Secret(TOKEN) })
}
