import { VisibilityMode } from '@grafana/grafana-foundation-sdk/common'
import type { GridPos } from '@grafana/grafana-foundation-sdk/dashboard'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { DATASOURCE } from '../infinity.ts'
import { legend, NEUTRAL, tooltip } from '../look.ts'

/** Lines without dots over an axis that begins at 0, and does not reach to 100 where all values are 0. */
export function chartFromZero(title: string, place: GridPos, noValue: string): TimeseriesBuilder {
  return new TimeseriesBuilder()
    .title(title)
    .datasource(DATASOURCE)
    .gridPos(place)
    .showPoints(VisibilityMode.Never)
    .axisSoftMin(0)
    .axisSoftMax(1e-9)
    .legend(legend())
    .tooltip(tooltip())
    .thresholds(NEUTRAL)
    .noValue(noValue)
}
