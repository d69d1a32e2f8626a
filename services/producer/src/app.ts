import { redactUrl } from '@tapedeck/core'
import { openDeadLetters } from '@tapedeck/kafka'
import { clientLog, serveHealth, type ServiceContext } from '@tapedeck/service'
import { DeadLetterSink } from './aside.ts'
import { captureMetrics } from './capture/capture-metrics.ts'
import { createCapture } from './capture/capture.ts'
import type { ProducerConfig } from './config.ts'
import { FeedSupervisor } from './feed-desk.ts'
import { outageTrackerOf } from './gap-keeper.ts'
import { openOutbox } from './open-outbox.ts'
import { producerMetrics } from './producer-metrics.ts'

export { PRODUCER_VARIABLES, readConfig, type ProducerConfig } from './config.ts'
export { createCapture, type Capture, type CaptureConfig } from './capture/capture.ts'
export { captureMetrics } from './capture/capture-metrics.ts'
export { feedStatus, type FeedFacts } from './feed-status.ts'
export { FollowedSymbols, type Followed } from './followed-symbols.ts'
export {
  OutageTracker,
  type PreviousRun,
  type OutageTrackerDeps,
  type Handover,
  type OpenGap
} from './gap-keeper.ts'
export { LeaseKeeper, leaseId, type LeaseKeeperOptions } from './lease-keeper.ts'
export { Outbox, type Depth, type OutboxDeps } from './outbox/outbox.ts'
export type { Loss } from './outbox/loss-report.ts'
export type { QueuedRecord } from './outbox/spool-entry.ts'
export { SilenceDetector, type SymbolState } from './silence-detector.ts'
export { spoolMetrics } from './outbox/spool-metrics.ts'
export type { SpoolConfig } from './outbox/spool-writer.ts'
export { Spool } from './outbox/spool.ts'
export { producerMetrics } from './producer-metrics.ts'

/** After the stop, how long what is queued may still take to reach the broker. */
const DRAIN_LIMIT_MS = 2500

/**
 * Follows the feed and publishes one record per (frame, symbol) to `raw_data`, in order.
 *
 * Flow: socket -> bounded queue (pauses the socket) -> parse and group -> outbox (memory, then disk)
 * -> one send in flight. Broker and database may both come later than this service.
 */
export async function startProducer(
  config: ProducerConfig,
  context: ServiceContext
): Promise<{ healthUrl: string }> {
  const { log, defer } = context
  const metrics = producerMetrics(context.metrics)
  const deadLetters = openDeadLetters(config.kafka, {
    clientId: 'tapedeck-producer-dead',
    log: clientLog(log)
  })
  defer(() => deadLetters.close())
  const aside = new DeadLetterSink(deadLetters, metrics, log)
  const capture =
    config.capture && (await createCapture(config.capture, captureMetrics(context.metrics), log))
  if (capture !== undefined) defer(() => capture.close())
  const outbox = await openOutbox(config, context, {
    metrics,
    aside,
    onLoss: ({ fromMs, toMs, symbols }) =>
      gaps.dropped(
        'received, but neither the broker nor the spool took it',
        { fromMs, toMs, symbols },
        Date.now()
      )
  })
  defer(() => outbox.close(DRAIN_LIMIT_MS))
  const gaps = outageTrackerOf(config.feedName, outbox)
  const engine = new FeedSupervisor(config, { outbox, aside, gaps, metrics, capture, context })
  defer(() => engine.close())

  const { url: healthUrl } = await serveHealth(
    'producer',
    context,
    () => [...engine.problems(), ...(outbox.failure === undefined ? [] : [outbox.failure.message])],
    { host: config.healthHost, port: config.healthPort }
  )
  log.info(
    { feed: config.feedName, url: redactUrl(config.vendor.url), symbols: config.symbols },
    'producing'
  )
  engine.open()
  return { healthUrl }
}
