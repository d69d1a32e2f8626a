import { FlowRecorder } from '@tapedeck/api/testing'
import { consumerMetrics } from '@tapedeck/consumer/testing'
import { systemClock } from '@tapedeck/core'
import { producerMetrics } from '@tapedeck/producer/testing'
import { createMetrics } from '@tapedeck/service'

const HOUR_MS = 3_600_000

/** What a recorder keeps of a producer, a consumer and an api that were read every 5 s for an hour until now. */
export async function anHourOfMeasures(): Promise<FlowRecorder> {
  const everyMs = 5000
  const count = HOUR_MS / everyMs
  let nowMs = Date.now() - HOUR_MS
  const [ofProducer, ofConsumer] = [createMetrics(), createMetrics()]
  const { tradesReceived, tradesPublished, latency } = producerMetrics(ofProducer)
  const { tradesStored, lag, checkpoint, latency: latencyOfStored } = consumerMetrics(ofConsumer)
  const recorder = new FlowRecorder(
    [
      { service: 'producer', url: 'http://127.0.0.1:9101/metrics', read: exposed(ofProducer) },
      { service: 'consumer', url: 'http://127.0.0.1:9102/metrics', read: exposed(ofConsumer) }
    ],
    { ...systemClock, now: () => nowMs },
    () => nowMs
  )
  for (let reading = 0; reading <= count; reading += 1) {
    const trades = 1000 + ((reading * 137) % 977)
    tradesReceived.inc(trades)
    tradesPublished.inc(trades - 1)
    tradesStored.inc(trades - (reading % 7))
    for (let partition = 0; partition < 6; partition += 1) {
      lag.set({ partition }, (reading * 31) % 400)
      checkpoint.set({ partition }, nowMs / 1000 - 0.734)
    }
    latency('receipt', 40 + (reading % 60))
    latency('broker', 15 + (reading % 9))
    latencyOfStored('stored', 700 + (reading % 300))
    await recorder.measure()
    nowMs += everyMs
  }
  return recorder
}

function exposed(metrics: ReturnType<typeof createMetrics>): () => Promise<string> {
  return async () => (await metrics.expose()).body
}
