import { MappingType, type ValueMapping } from '@grafana/grafana-foundation-sdk/dashboard'
import type { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { flow, flowProcesses, flowStages } from '../endpoints.ts'
import { asLine, at, colored, COLORED_TEXT, COLORS, titled, wide } from '../look.ts'
import { chartFromZero } from './chart-from-zero.ts'
import { columnOrder, tableOf } from './table.ts'

const TABLES = { top: 4, height: 8 }
const CHARTS = { top: 12, height: 8 }
const NOTHING_MEASURED = 'METRICS_URLS names no such service, or the api does not answer'

/** Whether a process answers. */
const ANSWER_MAPPINGS: ValueMapping[] = [
  {
    type: MappingType.RegexToText,
    options: { pattern: '/^(measured|answers)$/', result: { color: 'green', index: 0 } }
  },
  {
    type: MappingType.RegexToText,
    options: { pattern: '/^not asked/', result: { color: 'text', index: 1 } }
  },
  { type: MappingType.RegexToText, options: { pattern: '/./', result: { color: 'red', index: 2 } } }
]

export function stages(): TableBuilder {
  return tableOf('Stages')
    .description(
      'Each stage on the way of a trade, by what its service measures: trades a second and latency of the last minute, and the count of the last hour. What is received is published, stored and streamed, each trade once.'
    )
    .gridPos(at(0, TABLES.top, 12, TABLES.height))
    .withTarget(
      flowStages({
        stage: 'string',
        state: 'string',
        perSecond: 'number',
        count: 'number',
        p50: 'number',
        p99: 'number'
      })
    )
    .withTransformation(
      columnOrder({
        stage: 'Stage',
        state: 'State',
        perSecond: 'Per second',
        count: 'Last hour',
        p50: 'Half within',
        p99: '99 % within'
      })
    )
    .noValue('the api does not answer')
    .overrideByName('Stage', [wide(100)])
    .overrideByName('State', [{ id: 'mappings', value: ANSWER_MAPPINGS }, COLORED_TEXT])
    .overrideByName('Per second', [...number('none', 1), wide(100)])
    .overrideByName('Last hour', [...number('locale', 0), wide(110)])
    .overrideByName('Half within', [...number('ms', 0), wide(100)])
    .overrideByName('99 % within', [...number('ms', 0), wide(100)])
}

export function processes(): TableBuilder {
  return tableOf('Processes')
    .description(
      'Each process whose metrics the api reads (METRICS_URLS), and itself: whether it answers, its resident memory and what it may use, its CPU, when it began.'
    )
    .gridPos(at(12, TABLES.top, 12, TABLES.height))
    .withTarget(
      flowProcesses({
        service: 'string',
        state: 'string',
        memoryBytes: 'number',
        memoryLimitBytes: 'number',
        cores: 'number',
        startedAt: 'timestamp_epoch'
      })
    )
    .withTransformation(
      columnOrder({
        service: 'Service',
        state: 'State',
        memoryBytes: 'Memory',
        memoryLimitBytes: 'Of',
        cores: 'Cores',
        startedAt: 'Began'
      })
    )
    .noValue('the api does not answer')
    .overrideByName('Service', [wide(100)])
    .overrideByName('State', [{ id: 'mappings', value: ANSWER_MAPPINGS }, COLORED_TEXT])
    .overrideByName('Memory', [...number('bytes', 0), wide(100)])
    .overrideByName('Of', [...number('bytes', 1), wide(100)])
    .overrideByName('Cores', [...number('none', 2), wide(80)])
    .overrideByName('Began', [{ id: 'unit', value: 'dateTimeFromNow' }, wide(140)])
}

function number(unit: string, decimals: number) {
  return [
    { id: 'unit', value: unit },
    { id: 'decimals', value: decimals }
  ]
}

function chartOf(title: string, x: number, width: number, top: number): TimeseriesBuilder {
  return chartFromZero(title, at(x, top, width, CHARTS.height), NOTHING_MEASURED)
}

export function throughput(): TimeseriesBuilder {
  return chartOf('Trades per second by stage', 0, 8, CHARTS.top)
    .description(
      'Trades a second that were received, published, stored and handed to the stream. The lines lie on each other unless something waits or is lost; a line that is missing is of a service that did not answer.'
    )
    .withTarget(
      flow({
        receivedPerSecond: 'number',
        publishedPerSecond: 'number',
        storedPerSecond: 'number',
        streamedPerSecond: 'number'
      })
    )
    .unit('none')
    .overrideByName('receivedPerSecond', [
      titled('received'),
      colored(COLORS.unchanged),
      ...asLine({ width: 4 })
    ])
    .overrideByName('publishedPerSecond', [titled('published'), colored(COLORS.vwap), ...asLine()])
    .overrideByName('storedPerSecond', [titled('stored'), colored(COLORS.forecast), ...asLine()])
    .overrideByName('streamedPerSecond', [
      titled('streamed'),
      colored(COLORS.naive),
      ...asLine({ dashed: true })
    ])
}

export function latency(): TimeseriesBuilder {
  return chartOf('Latency of 99 % of trades', 8, 8, CHARTS.top)
    .description(
      'The time within which 99 in 100 trades come so far: from the exchange to the producer, and from their receipt until the broker has them, MongoDB has them, or clients of the stream are sent them. Interpolated between the bounds of a histogram.'
    )
    .withTarget(
      flow({ receiptP99: 'number', brokerP99: 'number', storedP99: 'number', streamP99: 'number' })
    )
    .unit('ms')
    .overrideByName('receiptP99', [titled('received'), colored(COLORS.unchanged), ...asLine()])
    .overrideByName('brokerP99', [titled('published'), colored(COLORS.vwap), ...asLine()])
    .overrideByName('storedP99', [titled('stored'), colored(COLORS.forecast), ...asLine()])
    .overrideByName('streamP99', [titled('streamed'), colored(COLORS.naive), ...asLine()])
}

export function waiting(): TimeseriesBuilder {
  return chartOf('Waiting', 16, 8, CHARTS.top)
    .description(
      'Records in the memory of the producer that the broker has not yet, records in the topic that are not stored yet, and on the right the bytes in the spool and the age of the newest checkpoint.'
    )
    .withTarget(
      flow({ queued: 'number', lag: 'number', spooledBytes: 'number', checkpointAge: 'number' })
    )
    .unit('short')
    .overrideByName('queued', [titled('in the producer'), colored(COLORS.vwap), ...asLine()])
    .overrideByName('lag', [titled('not stored yet'), colored(COLORS.forecast), ...asLine()])
    .overrideByName('spooledBytes', [
      titled('in the spool'),
      colored(COLORS.error),
      { id: 'unit', value: 'bytes' },
      { id: 'custom.axisPlacement', value: 'right' },
      ...asLine()
    ])
    .overrideByName('checkpointAge', [
      titled('age of the checkpoint'),
      colored(COLORS.unchanged),
      { id: 'unit', value: 's' },
      { id: 'custom.axisPlacement', value: 'right' },
      ...asLine({ dashed: true })
    ])
}

export function errors(): TimeseriesBuilder {
  return chartOf('Refused, lost and repeated', 0, 12, CHARTS.top + CHARTS.height)
    .description(
      'Counts of each interval: trades that did not fit, records that became dead letters, trades that were lost, and sends and writes that were repeated. All are 0 in good running.'
    )
    .withTarget(
      flow({
        refused: 'number',
        deadLetters: 'number',
        lost: 'number',
        sendRetries: 'number',
        writeRetries: 'number'
      })
    )
    .unit('none')
    .decimals(0)
    .overrideByName('refused', [titled('refused'), colored(COLORS.vwap), ...asLine()])
    .overrideByName('deadLetters', [titled('dead letters'), colored(COLORS.late), ...asLine()])
    .overrideByName('lost', [titled('lost'), colored(COLORS.down), ...asLine()])
    .overrideByName('sendRetries', [titled('sends repeated'), colored(COLORS.naive), ...asLine()])
    .overrideByName('writeRetries', [
      titled('writes repeated'),
      colored(COLORS.forecast),
      ...asLine()
    ])
}
