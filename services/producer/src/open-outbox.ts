import { ensureTopics, Publisher } from '@tapedeck/kafka'
import { clientLog, type ServiceContext } from '@tapedeck/service'
import type { DeadLetterSink } from './aside.ts'
import type { ProducerConfig } from './config.ts'
import type { Loss } from './outbox/loss-report.ts'
import { Outbox } from './outbox/outbox.ts'
import { spoolMetrics } from './outbox/spool-metrics.ts'
import { Spool } from './outbox/spool.ts'
import type { ProducerMetrics } from './producer-metrics.ts'

/**
 * Opens the way to the broker; the broker itself may come later. Closing publishes what it can and
 * leaves the rest in the spool.
 * @throws CONFIG_INVALID, DATA_DIR_IN_USE when the spool's folder cannot be used
 */
export async function openOutbox(
  config: ProducerConfig,
  { log, metrics, defer }: ServiceContext,
  deps: {
    readonly metrics: ProducerMetrics
    readonly aside: DeadLetterSink
    readonly onLoss: (loss: Loss) => void
  }
): Promise<Outbox> {
  const publisher = new Publisher(config.kafka, {
    clientId: 'tapedeck-producer',
    topic: config.kafka.topic,
    log: clientLog(log)
  })
  defer(() => publisher.close())
  return new Outbox({
    publisher,
    prepare: () => ensureTopics(config.kafka),
    metrics: deps.metrics,
    log,
    refuse: (reason, raw) => deps.aside.add(reason, raw),
    spool: await Spool.open(config.spool, log),
    spoolMetrics: spoolMetrics(metrics),
    spoolAfterMs: config.spoolAfterMs,
    onLoss: deps.onLoss
  })
}
