import { redactUrl } from '@tapedeck/core'
import { ensureTopics, openDeadLetters, Publisher } from '@tapedeck/kafka'
import { clientLog, serveHealth, type ServiceContext } from '@tapedeck/service'
import { Capture } from './capture.ts'
import type { ProducerConfig } from './config.ts'
import { DeadLetterSink } from './dead-letter-sink.ts'
import { producerMetrics } from './metrics.ts'
import { OutageTracker } from './outage-tracker.ts'
import { Outbox } from './outbox/outbox.ts'
import { Spool } from './outbox/spool.ts'
import { FeedSupervisor } from './supervisor.ts'

/** How long queued records may take to reach the broker after the stop. */
const DRAIN_LIMIT_MS = 2500

/**
 * Follows the feed and publishes one record per (frame, symbol) to `raw_data`, in order.
 *
 * Flow: socket -> bounded queue (pauses the socket) -> parse and group -> outbox (memory, then disk)
 * -> one send in flight. Broker and database may both start later than this service. Closing
 * publishes what it can and leaves the rest in the spool.
 * @throws CONFIG_INVALID, DATA_DIR_IN_USE when a folder cannot be used
 */
export async function startProducer(
  config: ProducerConfig,
  context: ServiceContext
): Promise<{ healthUrl: string }> {
  const { log, defer } = context
  const { kafka, feedName: feed } = config
  const metrics = producerMetrics(context.metrics)
  const letters = openDeadLetters(kafka, {
    clientId: 'tapedeck-producer-dead',
    log: clientLog(log)
  })
  defer(() => letters.close())
  const deadLetters = new DeadLetterSink(letters, metrics, log)
  const capture = config.capture && (await Capture.open(config.capture, metrics, log))
  if (capture !== undefined) defer(() => capture.close())
  const publisher = new Publisher(kafka, {
    clientId: 'tapedeck-producer',
    topic: kafka.topic,
    log: clientLog(log)
  })
  defer(() => publisher.close())
  let supervisor: FeedSupervisor | undefined
  const outbox = new Outbox({
    mayPublish: () => supervisor?.mayPublish() ?? true,
    feed,
    publisher,
    prepare: () => ensureTopics(kafka),
    spool: await Spool.open(config.spool, log),
    spoolAfterMs: config.spoolAfterMs,
    deadLetters,
    metrics,
    log
  })
  defer(() => outbox.close(DRAIN_LIMIT_MS))
  const outages = new OutageTracker({ feed, outbox })
  supervisor = new FeedSupervisor(config, {
    outbox,
    deadLetters,
    outages,
    metrics,
    capture,
    context
  })
  defer(() => supervisor?.close())

  const { url: healthUrl } = await serveHealth('producer', context, () => supervisor.problems(), {
    host: config.healthHost,
    port: config.healthPort,
    warnings: () => supervisor.warnings()
  })
  log.info({ feed, url: redactUrl(config.vendor.url), symbols: config.symbols }, 'producing')
  supervisor.open()
  return { healthUrl }
}
