import { TableSortByFieldStateBuilder } from '@grafana/grafana-foundation-sdk/common'
import { MappingType, type ValueMapping } from '@grafana/grafana-foundation-sdk/dashboard'
import type { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { alerts, feeds, partitions, runs } from '../endpoints.ts'
import { at, COLORED_TEXT, STALE_MAPPINGS, STATE_MAPPINGS, wide } from '../look.ts'
import { columnOrder, tableOf } from './table.ts'

export function feedState(): TableBuilder {
  return tableOf('State of the feed')
    .description(
      'The status of the feed that the producer reports every second: whether it is connected, and why it is silent (market closed, plan limit, feed down). Silent: the producer itself has not reported for five seconds.'
    )
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
    .noValue('no report of a producer is stored, or the api does not answer')
    .overrideByName('Feed', [wide(110)])
    .overrideByName('State', [{ id: 'mappings', value: STATE_MAPPINGS }, COLORED_TEXT, wide(150)])
    .overrideByName('Producer', [{ id: 'mappings', value: STALE_MAPPINGS }, COLORED_TEXT, wide(90)])
    .overrideByName('Last frame', [{ id: 'unit', value: 'dateTimeFromNow' }, wide(150)])
    .overrideByName('Frames waiting', [{ id: 'unit', value: 'short' }, wide(120)])
    .overrideByName('On disk', [{ id: 'unit', value: 'bytes' }, wide(100)])
}

export function troubles(): TableBuilder {
  return tableOf('What may be wrong')
    .description(
      'Every check of the alert rules, whether it fires or not: the value is above its limit when something is wrong. Grafana alerts on the same rows.'
    )
    .gridPos(at(0, 28, 24, 14))
    .withTarget(
      alerts({ alert: 'string', label: 'string', value: 'number', limit: 'number', text: 'string' })
    )
    .withTransformation(
      columnOrder({
        alert: 'Check',
        label: 'Of',
        value: 'Value',
        limit: 'Limit',
        text: 'In words'
      })
    )
    .sortBy([new TableSortByFieldStateBuilder().displayName('Value').desc(true)])
    .noValue('nothing is followed yet, or the api does not answer')
    .overrideByName('Check', [wide(150)])
    .overrideByName('Of', [wide(260)])
    .overrideByName('Value', [
      { id: 'unit', value: 'none' },
      { id: 'decimals', value: 1 },
      wide(90)
    ])
    .overrideByName('Limit', [{ id: 'unit', value: 'none' }, wide(80)])
}

export function storedPartitions(): TableBuilder {
  return tableOf('Stored by partition')
    .description(
      'For each partition of the topic of trades: the offset that the broker has, the one up to which trades are stored, and the records between them.'
    )
    .gridPos(at(12, 20, 12, 8))
    .withTarget(
      partitions({ partition: 'number', end: 'number', stored: 'number', behind: 'number' })
    )
    .withTransformation(
      columnOrder({
        partition: 'Partition',
        end: 'At the broker',
        stored: 'Stored',
        behind: 'Behind'
      })
    )
    .unit('locale')
    .decimals(0)
    .noValue('the api reads no broker, or does not answer')
}

/** How a run stands: what is over and good in green, what failed in red, the rest plain. */
const RUN_MAPPINGS: ValueMapping[] = [
  {
    type: MappingType.ValueToText,
    options: {
      succeeded: { color: 'green', index: 0 },
      failed: { color: 'red', index: 1 },
      running: { color: 'blue', index: 2 },
      queued: { color: 'text', index: 3 },
      cancelled: { color: 'text', index: 4 }
    }
  }
]

export function batchRuns(): TableBuilder {
  return tableOf('Runs of the batch side')
    .description(
      'The newest runs of flows and sequences. A click on a job opens the run on the page of the api, with its tasks and their output; a click on a report opens that of its trading date.'
    )
    .gridPos(at(0, 42, 24, 8))
    .withTarget(
      runs({
        job: 'string',
        state: 'string',
        startedAt: 'timestamp_epoch',
        took: 'number',
        error: 'string',
        report: 'string',
        page: 'string'
      })
    )
    .withTransformation(
      columnOrder({
        job: 'Job',
        state: 'State',
        startedAt: 'Started',
        took: 'Took',
        error: 'Error',
        report: 'Report',
        page: 'Page'
      })
    )
    .noValue('nothing was run yet, or the api does not answer')
    .overrideByName('Job', [wide(180), linkTo('Open the run', 'Page')])
    .overrideByName('State', [{ id: 'mappings', value: RUN_MAPPINGS }, COLORED_TEXT, wide(110)])
    .overrideByName('Started', [wide(170)])
    .overrideByName('Took', [{ id: 'unit', value: 's' }, { id: 'decimals', value: 1 }, wide(90)])
    .overrideByName('Report', [
      { id: 'mappings', value: REPORT_MAPPINGS },
      wide(100),
      linkTo('Open the report', 'Report')
    ])
    .overrideByName('Page', [{ id: 'custom.hidden', value: true }])
}

/** The address stands in the link alone. */
const REPORT_MAPPINGS: ValueMapping[] = [
  {
    type: MappingType.RegexToText,
    options: { pattern: '/reports/', result: { text: 'report', index: 0 } }
  }
]

/** A link to the address in a field of the same row; the api knows where browsers reach it. */
function linkTo(title: string, field: string): { readonly id: string; readonly value: unknown } {
  const url = `\${__data.fields.${field}}`
  return { id: 'links', value: [{ title, url, targetBlank: true }] }
}
