import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { feeds } from '../endpoints.ts'
import { DATASOURCE } from '../infinity.ts'
import { at, COLORED_TEXT, NEUTRAL, STALE_MAPPINGS, STATE_MAPPINGS, wide } from '../look.ts'
import { columnOrder } from './column-order.ts'

export function feedState(): TableBuilder {
  return new TableBuilder()
    .title('State of the feed')
    .description(
      'The status of the feed that the producer reports every second: whether it is connected, and why it is silent (market closed, plan limit, feed down). Silent: the producer itself has not reported for five seconds.'
    )
    .datasource(DATASOURCE)
    .gridPos(at(0, 0, 24, 4))
    .withTarget(
      feeds({
        feed: 'string',
        state: 'string',
        explanation: 'string',
        isStale: 'boolean',
        lastFrameAt: 'timestamp_epoch',
        lastError: 'string',
        queuedFrames: 'number',
        spooledBytes: 'number'
      })
    )
    .withTransformation(
      columnOrder({
        feed: 'Feed',
        state: 'State',
        explanation: 'Explanation',
        isStale: 'Producer',
        lastFrameAt: 'Last frame',
        lastError: 'Last error of the feed',
        queuedFrames: 'Frames waiting',
        spooledBytes: 'On disk'
      })
    )
    .thresholds(NEUTRAL)
    .noValue('no report of a producer is stored, or the api does not answer')
    .overrideByName('Feed', [wide(110)])
    .overrideByName('State', [{ id: 'mappings', value: STATE_MAPPINGS }, COLORED_TEXT, wide(150)])
    .overrideByName('Producer', [{ id: 'mappings', value: STALE_MAPPINGS }, COLORED_TEXT, wide(90)])
    .overrideByName('Last frame', [{ id: 'unit', value: 'dateTimeFromNow' }, wide(150)])
    .overrideByName('Frames waiting', [{ id: 'unit', value: 'short' }, wide(120)])
    .overrideByName('On disk', [{ id: 'unit', value: 'bytes' }, wide(100)])
}
