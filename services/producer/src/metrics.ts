import { marketState } from '@tapedeck/domain'
import { observeLatency, type Metrics } from '@tapedeck/service'

/** The producer's metrics; docs/operations.md has their meaning and what to do. */
export function producerMetrics(metrics: Metrics) {
  metrics.gauge(
    'market_trading',
    '1 while US stocks trade: pre-market, regular session or after-hours',
    [],
    (gauge) => gauge.set(Number(marketState(Date.now()).isTrading))
  )
  return {
    frames: metrics.counter('frames_received_total', 'Frames received from the feed', ['kind']),
    tradesReceived: metrics.counter('trades_received_total', 'Valid trades received'),
    copiedFrames: metrics.counter(
      'copied_frames_total',
      'Frames that repeat an earlier one of their connection as a whole',
      ['handling']
    ),
    copiedTrades: metrics.counter('copied_trades_total', 'Trades of these frames', ['handling']),
    tradesPublished: metrics.counter(
      'trades_published_total',
      'Trades acknowledged by the broker in raw_data'
    ),
    recordsPublished: metrics.counter(
      'records_published_total',
      'Records acknowledged by the broker in raw_data'
    ),
    refused: metrics.counter(
      'trades_refused_total',
      'Trades or frames that did not fit, kept in the dead-letter topic',
      ['reason']
    ),
    deadLettersDropped: metrics.counter(
      'dead_letters_dropped_total',
      'Refused frames and trades that were counted but not kept: too many at once'
    ),
    publishRetries: metrics.counter('publish_retries_total', 'Sends that were tried again'),
    connections: metrics.counter('feed_connections_total', 'Connections made to the feed'),
    disconnections: metrics.counter('feed_disconnections_total', 'Connections lost or refused'),
    connected: metrics.gauge('feed_connected', '1 while the feed is connected'),
    resubscriptions: metrics.counter(
      'resubscriptions_total',
      'Symbols subscribed to again because they were silent for longer than usual'
    ),
    lastFrame: metrics.gauge('feed_last_frame_seconds', 'Time of the last frame, epoch seconds'),
    clockAhead: metrics.gauge(
      'feed_clock_ahead_seconds',
      'How far trades of the last minute are ahead of this machine’s clock; negative: behind'
    ),
    latency: observeLatency(metrics),
    publishSeconds: metrics.histogram(
      'publish_seconds',
      'Time of one send to the broker',
      [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]
    ),
    recordsSpooled: metrics.counter(
      'records_spooled_total',
      'Records written to the spool because the broker did not accept them in time'
    ),
    spoolBytes: metrics.gauge('spool_bytes', 'Bytes in the spool'),
    queuedRecords: metrics.gauge('queued_records', 'Records in memory only'),
    spoolErrors: metrics.counter('spool_errors_total', 'Writes to the spool that failed'),
    spoolCutBytes: metrics.counter(
      'spool_cut_bytes_total',
      'Bytes of the spool without a whole entry: unfinished when a process ended, or damaged'
    ),
    recordsLost: metrics.counter('records_lost_total', 'Records received and lost', ['reason']),
    tradesLost: metrics.counter('trades_lost_total', 'Trades received and lost', ['reason']),
    framesCaptured: metrics.counter('capture_frames_total', 'Frames written to capture files'),
    framesNotCaptured: metrics.counter(
      'capture_frames_dropped_total',
      'Frames that were not captured: the disk was too slow or failed'
    ),
    bytesCaptured: metrics.counter('capture_bytes_total', 'Compressed bytes of capture files')
  }
}

export type ProducerMetrics = ReturnType<typeof producerMetrics>
