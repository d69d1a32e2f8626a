import type { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { DASHBOARDS } from '../dashboard.ts'
import { watchlist } from '../endpoints.ts'
import {
  at,
  BY_SIGN,
  COLORED_TEXT,
  FEED_MAPPINGS,
  inDollars,
  LABEL_MAPPINGS,
  SHARE,
  STANDING_MAPPINGS,
  unknownAs,
  WHOLE_OR_NOT,
  wide
} from '../look.ts'
import { columnOrder, tableOf } from './table.ts'

const UNKNOWN_CELL = { id: 'mappings', value: unknownAs('-') }
const MARKET = `/d/${DASHBOARDS.market.uid}?var-symbol=\${__value.raw}&\${__url_time_range}`

export function symbolTable(): TableBuilder {
  return tableOf('Symbols')
    .description(
      'Every symbol that is followed or was ever seen: last price and change on the trading day, the last two hours as a line, volume of the day, volatility and coverage of the last hour, the newest forecast of the chosen timeframe with its verdict, and the state in the feed. A click on a symbol opens it on the dashboard Market.'
    )
    .gridPos(at(0, 0, 24, 24))
    .withTarget(
      watchlist('*', {
        symbol: 'string',
        lastPrice: 'number',
        changeShare: 'number',
        trend: 'string',
        volume: 'number',
        volatility: 'number',
        forecastShare: 'number',
        verdict: 'string',
        coverage: 'number',
        state: 'string',
        reason: 'string',
        feed: 'string',
        lastTradeAt: 'timestamp_epoch'
      })
    )
    .withTransformation(
      columnOrder({
        symbol: 'Symbol',
        lastPrice: 'Last',
        changeShare: 'Day',
        trend: 'Two hours',
        volume: 'Volume',
        volatility: 'Volatility',
        forecastShare: 'Forecast',
        verdict: 'Against the last price',
        coverage: 'Coverage',
        state: 'State',
        reason: 'Why',
        feed: 'Feed',
        lastTradeAt: 'Last trade'
      })
    )
    .noValue('-')
    .overrideByName('Symbol', [
      wide(160),
      { id: 'links', value: [{ title: 'Open on Market', url: MARKET }] }
    ])
    .overrideByName('Last', [...inDollars(2), wide(110)])
    .overrideByName('Day', [...SHARE, ...bySign(), COLORED_TEXT, wide(90)])
    .overrideByName('Two hours', [wide(170)])
    .overrideByName('Volume', [{ id: 'unit', value: 'short' }, wide(90)])
    .overrideByName('Volatility', [...SHARE, wide(90)])
    .overrideByName('Forecast', [
      { id: 'unit', value: 'percentunit' },
      { id: 'decimals', value: 3 },
      ...bySign(),
      COLORED_TEXT,
      wide(95)
    ])
    .overrideByName('Against the last price', [
      { id: 'mappings', value: LABEL_MAPPINGS },
      COLORED_TEXT,
      wide(410)
    ])
    .overrideByName('Coverage', [
      ...SHARE,
      { id: 'thresholds', value: WHOLE_OR_NOT.build() },
      UNKNOWN_CELL,
      COLORED_TEXT,
      wide(95)
    ])
    .overrideByName('State', [
      { id: 'mappings', value: STANDING_MAPPINGS },
      COLORED_TEXT,
      wide(110)
    ])
    .overrideByName('Why', [wide(170)])
    .overrideByName('Feed', [{ id: 'mappings', value: FEED_MAPPINGS }, COLORED_TEXT, wide(90)])
    .overrideByName('Last trade', [{ id: 'unit', value: 'dateTimeFromNow' }])
}

function bySign() {
  return [{ id: 'thresholds', value: BY_SIGN.build() }, UNKNOWN_CELL]
}
