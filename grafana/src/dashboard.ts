import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  TimePickerBuilder,
  type Dashboard,
  type Panel
} from '@grafana/grafana-foundation-sdk/dashboard'
import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import { annotations } from './annotations.ts'
import { MIN_REFRESH } from './pins.ts'
import { horizonVariable, modelVariable, symbolVariable, timeframeVariable } from './variables.ts'

/** The dashboards, in the order of their links. */
export const DASHBOARDS = {
  market: { uid: 'tapedeck-market', title: 'Market' },
  watchlist: { uid: 'tapedeck-watchlist', title: 'Watchlist' },
  trust: { uid: 'tapedeck-trust', title: 'Trust' },
  pipeline: { uid: 'tapedeck-pipeline', title: 'Pipeline' }
} as const

/** The schema version of Grafana 11; 12 and 13 migrate a dashboard when they load it. */
const SCHEMA_VERSION = 39
/** As long as three bars of the timeframe at first: a forecast is seen ahead of the price. */
const AHEAD = 'now+3m'

type AnyPanel = Builder<Panel> & { id(id: number): AnyPanel }

interface Content {
  readonly description: string
  readonly panels: readonly AnyPanel[]
}

/** A dashboard with the variables, links and time range that all have; ids of panels follow their order. */
export function dashboard(
  name: keyof typeof DASHBOARDS,
  { description, panels }: Content
): Dashboard {
  const { uid, title } = DASHBOARDS[name]
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['tapedeck'])
    .readonly()
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-1h', to: AHEAD })
    .refresh('5s')
    .timepicker(
      new TimePickerBuilder()
        .refreshIntervals([MIN_REFRESH, '1s', '2s', '5s', '10s', '30s', '1m'])
        .quickRanges(
          [
            ['now-15m', 'Last 15 minutes and ahead'],
            ['now-1h', 'Last hour and ahead'],
            ['now-6h', 'Last 6 hours and ahead'],
            ['now-24h', 'Last 24 hours and ahead'],
            ['now-7d', 'Last 7 days'],
            ['now-30d', 'Last 30 days'],
            ['now-1y', 'Last year']
          ].map(([from = '', display = '']) => ({
            build: () => ({ from, to: display.endsWith('ahead') ? AHEAD : 'now', display })
          }))
        )
    )
    .withVariable(symbolVariable())
    .withVariable(timeframeVariable())
    .withVariable(horizonVariable())
    .withVariable(modelVariable())
  for (const one of Object.values(DASHBOARDS)) {
    if (one.uid === uid) continue
    builder.link(linkTo(one.title, `/d/${one.uid}`))
  }
  builder.link(linkTo('Full screen', `/d/${uid}?kiosk`))
  panels.forEach((panel, index) => builder.withPanel(panel.id(index + 1)))
  return { ...builder.build(), annotations: annotations(), schemaVersion: SCHEMA_VERSION }
}

/** A link that keeps the chosen symbol, timeframe and range. */
function linkTo(title: string, url: string): DashboardLinkBuilder {
  return new DashboardLinkBuilder(title)
    .type(DashboardLinkType.Link)
    .url(url)
    .keepTime(true)
    .includeVars(true)
}
