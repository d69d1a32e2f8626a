import type { Metrics } from '@tapedeck/service'

/** What is counted between memory, spool and broker; docs/operations.md says what each means. */
export function spoolMetrics(metrics: Metrics) {
  return {
    recordsSpooled: metrics.counter(
      'records_spooled_total',
      'Records written to the spool because the broker did not take them in time'
    ),
    spoolBytes: metrics.gauge('spool_bytes', 'Bytes in the spool'),
    queuedRecords: metrics.gauge('queued_records', 'Records in memory that the broker has not yet'),
    spoolErrors: metrics.counter('spool_errors_total', 'Writes to the spool that failed'),
    spoolCutBytes: metrics.counter(
      'spool_cut_bytes_total',
      'Bytes of the spool that were no whole entry: unfinished when a process ended, or damaged'
    ),
    recordsLost: metrics.counter('records_lost_total', 'Records received and given up', ['reason']),
    tradesLost: metrics.counter('trades_lost_total', 'Trades received and given up', ['reason'])
  }
}

export type SpoolMetrics = ReturnType<typeof spoolMetrics>
