import { hasCode, redactUrl } from '@tapedeck/core'
import { followFeed, parseFrame, recordsOf, type FeedEvent } from '@tapedeck/finnhub'
import { ensureTopics, openDeadLetters, Publisher } from '@tapedeck/kafka'
import { clientLog, serveHealth, type ServiceContext } from '@tapedeck/service'
import { Aside } from './aside.ts'
import type { ProducerConfig } from './config.ts'
import { producerMetrics } from './producer-metrics.ts'
import { PublishLoop } from './publish-loop.ts'

export { feedStatus, type FeedFacts } from './feed-status.ts'
export { GapKeeper, type FormerLife, type GapKeeperDeps } from './gap-keeper.ts'
export { LeaseKeeper, leaseId, type LeaseKeeperOptions } from './lease-keeper.ts'
export { PRODUCER_VARIABLES, readConfig, type ProducerConfig } from './config.ts'

/** After the stop, how long what is queued may still take to reach the broker. */
const DRAIN_LIMIT_MS = 3000

/**
 * Follows the feed and publishes one record per (frame, symbol) to `raw_data`, in order.
 *
 * Flow: socket -> bounded queue (pauses the socket) -> parse and group -> one send in flight.
 */
export async function startProducer(
  config: ProducerConfig,
  context: ServiceContext
): Promise<{ healthUrl: string }> {
  const { log, signal, defer } = context
  const metrics = producerMetrics(context.metrics)
  const kafkaLog = clientLog(log)
  await ensureTopics(config.kafka)
  const publisher = new Publisher(config.kafka, {
    clientId: 'tapedeck-producer',
    topic: config.kafka.topic,
    log: kafkaLog
  })
  defer(() => publisher.close())
  await publisher.connect()
  const deadLetters = openDeadLetters(config.kafka, {
    clientId: 'tapedeck-producer-dead',
    log: kafkaLog
  })
  defer(() => deadLetters.close())
  const aside = new Aside(deadLetters, metrics, log)

  const giveUp = new AbortController()
  const loop = new PublishLoop({ publisher, metrics, log, signal: giveUp.signal })
  let feedProblem: string | undefined = 'the feed is not connected yet'

  const onFrame = async (event: Extract<FeedEvent, { kind: 'frame' }>): Promise<void> => {
    metrics.lastFrame.set(event.receivedAt / 1000)
    const frame = parseFrame(event.text)
    metrics.frames.inc({ kind: frame.kind })
    switch (frame.kind) {
      case 'trades': {
        for (const { reason, raw } of frame.refused) aside.add(reason, raw)
        metrics.tradesReceived.inc(frame.trades.length)
        await loop.add(recordsOf(frame.trades, { ...event, feed: config.feedName }))
        return
      }
      case 'malformed':
        aside.add(frame.reason, event.text)
        return
      case 'error':
        feedProblem = `the feed says: ${frame.message}`
        log.warn({ message: frame.message }, 'error from the feed')
        return
      case 'other':
        log.debug({ type: frame.type }, 'frame without trades')
        return
      case 'ping':
    }
  }

  const onEvent = async (event: FeedEvent): Promise<void> => {
    switch (event.kind) {
      case 'frame':
        await onFrame(event)
        return
      case 'connected':
        feedProblem = undefined
        metrics.connections.inc()
        metrics.connected.set(1)
        log.info({ connection: event.connection, symbols: config.symbols.length }, 'feed connected')
        return
      case 'disconnected':
        feedProblem = `the feed is not connected: ${event.cause}`
        metrics.disconnections.inc()
        metrics.connected.set(0)
        log.warn({ cause: event.cause, retryInMs: event.retryInMs }, 'feed disconnected')
    }
  }

  const follow = async (): Promise<void> => {
    const { feedUrl: url, token, symbols } = config
    for await (const event of followFeed({ url, token, symbols }, signal)) await onEvent(event)
    await loop.drained()
  }
  const following = follow().catch((error: unknown) => {
    if (!hasCode(error, 'ABORTED')) context.fail(error)
  })
  defer(async () => {
    const limit = setTimeout(() => giveUp.abort(), DRAIN_LIMIT_MS)
    await following
    await aside.drained()
    clearTimeout(limit)
    giveUp.abort()
  })

  const { url: healthUrl } = await serveHealth(
    'producer',
    context,
    () => [
      ...(feedProblem === undefined ? [] : [feedProblem]),
      ...(loop.failure === undefined ? [] : [loop.failure.message])
    ],
    { host: config.healthHost, port: config.healthPort }
  )
  log.info(
    { feed: config.feedName, url: redactUrl(config.feedUrl), symbols: config.symbols },
    'producing'
  )
  return { healthUrl }
}
