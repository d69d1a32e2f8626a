import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { DATASOURCE, infinityTarget, TIME_RANGE } from './infinity.ts'

/** Marks of one kind in a range at most; a range with more shows its newest ones. */
const MOST_MARKS = '500'

/**
 * Outages of the feed as shaded stretches on every chart ("no trade" and "no feed" look different), and the
 * moments at which the errors of the chosen model rose permanently.
 */
export function annotations(): NonNullable<Dashboard['annotations']> {
  const target = infinityTarget({
    refId: 'gaps',
    format: 'table',
    url: '/api/v1/gaps',
    params: { ...TIME_RANGE, limit: MOST_MARKS },
    rows: 'gaps',
    columns: { time: 'timestamp_epoch', timeEnd: 'timestamp_epoch', text: 'string' }
  })
  const changes = infinityTarget({
    refId: 'changes',
    format: 'table',
    url: '/api/v1/forecast-events',
    params: {
      symbol: '${symbol}',
      timeframe: '${timeframe}',
      horizon: '${horizon}',
      model: '${model}',
      ...TIME_RANGE,
      limit: MOST_MARKS
    },
    rows: 'events',
    columns: { time: 'timestamp_epoch', text: 'string' }
  })
  return {
    list: [
      {
        name: 'Feed outages',
        datasource: DATASOURCE,
        enable: true,
        hide: false,
        iconColor: 'orange',
        // The SDK has types for built-in targets only.
        target: target as never
      },
      {
        name: 'Change points of the model',
        datasource: DATASOURCE,
        enable: true,
        hide: false,
        iconColor: 'purple',
        target: changes as never
      }
    ]
  }
}
