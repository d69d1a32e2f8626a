import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { DATASOURCE, infinityTarget, TIME_RANGE } from './infinity.ts'

/** Outages drawn at once; a range with more shows its newest ones. */
const MOST_GAPS = '500'

/** Outages of the feed as shaded stretches on every chart: "no trade" and "no feed" differ. */
export function gapAnnotations(): NonNullable<Dashboard['annotations']> {
  const target = infinityTarget({
    refId: 'gaps',
    format: 'table',
    url: '/api/v1/gaps',
    params: { ...TIME_RANGE, limit: MOST_GAPS },
    rows: 'gaps',
    columns: { time: 'timestamp_epoch', timeEnd: 'timestamp_epoch', text: 'string' }
  })
  return {
    list: [
      {
        name: 'Feed outages',
        datasource: DATASOURCE,
        enable: true,
        hide: false,
        iconColor: 'orange',
        // The SDK knows the built-in kinds of targets only.
        target: target as never
      }
    ]
  }
}
