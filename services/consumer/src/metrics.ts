import { observeLatency, type Metrics } from '@tapedeck/service'

/** What the consumer counts; docs/operations.md says what each means and what to do. */
export function consumerMetrics(metrics: Metrics) {
  return {
    recordsRead: metrics.counter('records_read_total', 'Records read from raw_data'),
    recordsRepeated: metrics.counter(
      'records_repeated_total',
      'Records published twice by the producer and passed over'
    ),
    recordsMissing: metrics.counter(
      'records_missing_total',
      'Records that were gone from the topic before they were read, or could not be decoded'
    ),
    recordsDead: metrics.counter(
      'records_dead_total',
      'Records that did not fit the schema, kept in the dead-letter topic',
      ['reason']
    ),
    gapsRead: metrics.counter('gap_records_read_total', 'Records of feed outages read'),
    tradesRead: metrics.counter('trades_read_total', 'Trades in the records read'),
    tradesExcluded: metrics.counter(
      'trades_excluded_total',
      'Trades stored but kept out of every bar',
      ['reason']
    ),
    tradesStored: metrics.counter('trades_stored_total', 'Trades inserted into MongoDB'),
    tradesPresent: metrics.counter(
      'trades_present_total',
      'Trades that were in MongoDB already (a replay)'
    ),
    barsStored: metrics.counter('bars_stored_total', 'Bars written to MongoDB', ['status']),
    barsPublished: metrics.counter('bars_published_total', 'Bars sent to the topic of bars'),
    lateAge: metrics.histogram(
      'late_trade_age_seconds',
      'How far behind the watermark trades were that came too late for their bars',
      [60, 600, 3600, 21_600, 86_400, 172_800, 604_800]
    ),
    forecastsStored: metrics.counter('forecasts_stored_total', 'Forecasts written to MongoDB', [
      'status'
    ]),
    forecastsPublished: metrics.counter(
      'forecasts_published_total',
      'Forecasts sent to the topic of forecasts'
    ),
    forecastsAbsent: metrics.counter(
      'forecasts_absent_total',
      'Bars that no forecast was made from',
      ['reason']
    ),
    changePoints: metrics.counter(
      'forecast_change_points_total',
      'Lasting rises of a model’s errors, after which it was restarted'
    ),
    writesFenced: metrics.counter(
      'writes_newer_total',
      'Guarded writes that met a newer document and changed nothing'
    ),
    unknownConditions: metrics.counter(
      'unknown_condition_total',
      'Trades with a condition code that is not in the table',
      ['code']
    ),
    retries: metrics.counter('database_retries_total', 'Writes to MongoDB that were tried again'),
    lag: metrics.gauge('consumer_lag_records', 'Records in raw_data that are not stored yet', [
      'partition'
    ]),
    watermark: metrics.gauge('watermark_seconds', 'Watermark of a partition, epoch seconds', [
      'partition'
    ]),
    checkpoint: metrics.gauge(
      'checkpoint_seconds',
      'When the checkpoint of a partition was last written, epoch seconds',
      ['partition']
    ),
    barsInMemory: metrics.gauge('bars_in_memory', 'Bars held in memory', ['partition']),
    latency: observeLatency(metrics),
    flushSeconds: metrics.histogram(
      'flush_seconds',
      'Time of one flush of a partition to MongoDB',
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    )
  }
}

export type ConsumerMetrics = ReturnType<typeof consumerMetrics>
