import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { dashboard } from './dashboard.ts'
import { latestTrades, tradesPerSecond, upAndDownVolume, volatility } from './panels/activity.ts'
import { priceCandles } from './panels/price.ts'
import { change, feed, lastPrice, outlook, pace, vwapGap } from './panels/stats.ts'

/** The dashboard "Market": one symbol live, on one screen. */
export function marketDashboard(): Dashboard {
  return dashboard('market', {
    description:
      'One symbol live: price with session VWAP and forecast, the tape beside it, and what moves below. Simulated markets are marked as such.',
    hasAuto: true,
    panels: [
      lastPrice(),
      change(),
      vwapGap(),
      pace(),
      outlook(),
      feed(),
      priceCandles(),
      latestTrades(),
      upAndDownVolume(),
      volatility(),
      tradesPerSecond()
    ]
  })
}
