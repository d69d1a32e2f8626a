import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { before, describe, it, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { programPath } from '../../support/foreign-programs.ts'
import { temporaryFolder } from '../../support/scope.ts'

const FOLDER = path.join(import.meta.dirname, '../../../grafana/prometheus')
const RULES = path.join(FOLDER, 'rules.yaml')
const PROMTOOL = {
  names: ['promtool'],
  variable: 'PROMTOOL_PATH',
  what: 'a promtool of Prometheus 2.42 or newer',
  install: 'Debian: apt-get install prometheus'
}

interface Rule {
  readonly alert: string
  readonly labels: Readonly<Record<string, string>>
}
const { groups } = parse(await readFile(RULES, 'utf8')) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)

/** Series by their name and labels, each with its values in promtool's notation: first value + step x count. */
type Series = Readonly<Record<string, string>>

const PRODUCER = 'job="tapedeck", instance="127.0.0.1:9101", service="producer"'
const CONSUMER = 'job="tapedeck", instance="127.0.0.1:9102", service="consumer"'
const API = 'job="tapedeck", instance="127.0.0.1:8080", service="api"'
const MEBIBYTE = 1024 ** 2

/** A process that answers, with 150 MiB of the 2 GiB that it may use. */
const aProcess = (labels: string): Series => ({
  [`up{${labels}}`]: '1x120',
  [`process_start_time_seconds{${labels}}`]: '100x120',
  [`process_resident_memory_bytes{${labels}}`]: `${150 * MEBIBYTE}x120`,
  [`tapedeck_memory_limit_bytes{${labels}}`]: `${2048 * MEBIBYTE}x120`
})

/** Of a latency: as many observations in each interval at 50 ms, and at 10 to 30 s, as cumulative buckets. */
function latency(name: string, labels: string, fast: number, slow: number): Series {
  const all = fast + slow
  const steps = { '0.05': fast, '5': fast, '10': fast, '30': all, '+Inf': all }
  return Object.fromEntries(
    Object.entries(steps).map(([le, step]) => [
      `${name}_bucket{${labels}, le="${le}"}`,
      `0+${step}x120`
    ])
  )
}
const latencyOf = (stage: string, labels: string, fast: number, slow: number): Series =>
  latency('tapedeck_latency_seconds', `${labels}, stage="${stage}"`, fast, slow)

/** 30 minutes of a stack that runs well: 20 records a second, the market trades, one letter long ago. */
const GOOD: Series = {
  ...aProcess(PRODUCER),
  ...aProcess(CONSUMER),
  ...aProcess(API),
  [`tapedeck_feed_connected{${PRODUCER}}`]: '1x120',
  [`tapedeck_market_trading{${PRODUCER}}`]: '1x120',
  [`tapedeck_feed_last_frame_seconds{${PRODUCER}}`]: '0+15x120',
  [`tapedeck_feed_clock_ahead_seconds{${PRODUCER}}`]: '-0.2x120',
  [`tapedeck_records_published_total{${PRODUCER}}`]: '0+300x120',
  [`tapedeck_spool_bytes{${PRODUCER}}`]: '0 0 4096 0x117',
  [`tapedeck_spool_errors_total{${PRODUCER}}`]: '0x120',
  [`tapedeck_publish_retries_total{${PRODUCER}}`]: '0x40 1x80',
  [`tapedeck_trades_refused_total{${PRODUCER}, reason="price"}`]: '3x120',
  [`tapedeck_records_missing_total{${CONSUMER}}`]: '0x120',
  [`tapedeck_records_dead_total{${CONSUMER}, reason="not JSON"}`]: '1x120',
  [`tapedeck_database_retries_total{${CONSUMER}}`]: '0x120',
  [`tapedeck_consumer_lag_records{${CONSUMER}, partition="0"}`]: '12 0 30 4x117',
  [`tapedeck_consumer_lag_records{${CONSUMER}, partition="1"}`]: '0x120',
  [`tapedeck_api_reads_refused_total{${API}}`]: '0x120',
  ...latency('tapedeck_flush_seconds', CONSUMER, 10, 0),
  ...latencyOf('broker', PRODUCER, 300, 0),
  ...latencyOf('stored', CONSUMER, 300, 0),
  ...latencyOf('stream', API, 300, 0)
}

interface Expected {
  readonly alert: string
  readonly labels: string
  readonly summary: string
}
interface Case {
  readonly title: string
  /** In place of the series of the same name and labels, or beside them. */
  readonly series: Series
  /** Names of series that are not there. */
  readonly without?: readonly string[]
  readonly at?: string
  /** What fires, and nothing else. */
  readonly fires: readonly Expected[]
}

const CASES: readonly Case[] = [
  { title: 'nothing in good running', series: {}, fires: [] },
  {
    title: 'nothing at night, when no frame comes',
    series: {
      [`tapedeck_market_trading{${PRODUCER}}`]: '0x120',
      [`tapedeck_feed_last_frame_seconds{${PRODUCER}}`]: '0x120',
      [`tapedeck_records_published_total{${PRODUCER}}`]: '7000x120',
      [`tapedeck_consumer_lag_records{${CONSUMER}, partition="0"}`]: '0x120'
    },
    fires: []
  },
  {
    title: 'nothing of a second producer that waits for the lease',
    series: {
      [`tapedeck_feed_connected{${PRODUCER.replace('9101', '9201')}}`]: '0x120',
      [`tapedeck_feed_last_frame_seconds{${PRODUCER.replace('9101', '9201')}}`]: '0x120'
    },
    fires: []
  },
  {
    title: 'a producer that does not answer',
    series: { [`up{${PRODUCER}}`]: '1x40 0x80' },
    fires: [
      {
        alert: 'TapedeckProducerSilent',
        labels: PRODUCER,
        summary: 'The producer does not answer. Is it running?'
      }
    ]
  },
  {
    title: 'a producer that is no target',
    series: {},
    without: [`up{${PRODUCER}}`],
    fires: [
      {
        alert: 'TapedeckProducerSilent',
        labels: 'job="tapedeck", service="producer"',
        summary: 'The producer does not answer. Is it running?'
      }
    ]
  },
  {
    title: 'a feed without frames while the market trades',
    series: { [`tapedeck_feed_last_frame_seconds{${PRODUCER}}`]: '0+15x60 900x60' },
    at: '20m',
    fires: [
      {
        alert: 'TapedeckFeedSilent',
        labels: 'job="tapedeck"',
        summary: 'No frame for 5m 0s while the US market trades.'
      }
    ]
  },
  {
    title: 'a feed that is not connected',
    series: { [`tapedeck_feed_connected{${PRODUCER}}`]: '1x60 0x60' },
    fires: [
      {
        alert: 'TapedeckOutage',
        labels: 'job="tapedeck"',
        summary: 'The feed has not been connected for more than a minute.'
      }
    ]
  },
  {
    title: 'a consumer that is behind by half a minute of records',
    series: { [`tapedeck_consumer_lag_records{${CONSUMER}, partition="1"}`]: '0x60 700x60' },
    fires: [notStored()]
  },
  {
    title: 'records that wait while no more come',
    series: {
      [`tapedeck_records_published_total{${PRODUCER}}`]: '7000x120',
      [`tapedeck_consumer_lag_records{${CONSUMER}, partition="1"}`]: '0x60 1x60'
    },
    fires: [notStored()]
  },
  {
    title: 'a symbol that was never seen',
    series: { [`tapedeck_alert_above_limit{${API}, alert="never seen", label="APPL"}`]: '16x120' },
    fires: [
      {
        alert: 'TapedeckNeverSeen',
        labels: `${API}, alert="never seen", label="APPL"`,
        summary: 'APPL: no trade in 15 minutes of a connected feed. Is it spelled right?'
      }
    ]
  },
  {
    title: 'a spool above 64 MiB',
    series: { [`tapedeck_spool_bytes{${PRODUCER}}`]: `0x60 ${80 * MEBIBYTE}x60` },
    fires: [
      {
        alert: 'TapedeckSpoolFills',
        labels: PRODUCER,
        summary: '80MiB wait on the disk. Does the broker answer?'
      }
    ]
  },
  {
    title: 'an hour with an outage',
    series: { [`tapedeck_alert_above_limit{${API}, alert="coverage", label="MSFT"}`]: '4.2x120' },
    fires: [
      {
        alert: 'TapedeckNotCovered',
        labels: `${API}, alert="coverage", label="MSFT"`,
        summary: 'MSFT: the feed was away for more than 1 % of the last full hour.'
      }
    ]
  },
  {
    title: 'a consumer that does not answer',
    series: { [`up{${CONSUMER}}`]: '1x60 0x60' },
    fires: [
      {
        alert: 'TapedeckServiceDown',
        labels: CONSUMER,
        summary: 'The consumer does not answer. Is it running?'
      }
    ]
  },
  {
    title: 'an api that is no target',
    series: {},
    without: [`up{${API}}`],
    fires: [
      {
        alert: 'TapedeckServiceDown',
        labels: 'job="tapedeck", service="api"',
        summary: 'The api does not answer. Is it running?'
      }
    ]
  },
  {
    title: 'a service that starts again and again',
    series: { [`process_start_time_seconds{${API}}`]: '100x90 1400x5 1500x5 1600x10' },
    fires: [
      {
        alert: 'TapedeckRestarts',
        labels: API,
        summary: 'The api was started again 3 times in 15 minutes. Its log has the reason.'
      }
    ]
  },
  {
    title: 'dead letters that rise',
    series: { [`tapedeck_records_dead_total{${CONSUMER}, reason="not JSON"}`]: '1x100 2x20' },
    fires: [deadLetter('consumer', CONSUMER, 'not JSON')]
  },
  {
    title: 'the first dead letters of a reason',
    series: { [`tapedeck_trades_refused_total{${PRODUCER}, reason="symbol"}`]: '_x100 2x20' },
    fires: [deadLetter('producer', PRODUCER, 'symbol')]
  },
  {
    title: 'the first records lost',
    series: { [`tapedeck_records_lost_total{${PRODUCER}, reason="spool_full"}`]: '_x100 5+1x20' },
    fires: [lost('producer', `${PRODUCER}, reason="spool_full"`)]
  },
  {
    title: 'records that were gone before they were read',
    series: { [`tapedeck_records_missing_total{${CONSUMER}}`]: '0x100 40x20' },
    fires: [lost('consumer', CONSUMER)]
  },
  {
    title: 'a spool that cannot be written',
    series: { [`tapedeck_spool_errors_total{${PRODUCER}}`]: '0x100 1x20' },
    fires: [
      {
        alert: 'TapedeckSpoolFails',
        labels: PRODUCER,
        summary: 'Writes to the spool fail. Is the disk of SPOOL_DIR full?'
      }
    ]
  },
  {
    title: 'slow flushes',
    series: latency('tapedeck_flush_seconds', CONSUMER, 0, 10),
    fires: [
      {
        alert: 'TapedeckFlushSlow',
        labels: 'job="tapedeck"',
        summary: 'One in a hundred flushes takes 29.8s or more. Is MongoDB slow?'
      }
    ]
  },
  {
    title: 'trades that are stored slowly',
    series: latencyOf('stored', CONSUMER, 270, 30),
    fires: [
      {
        alert: 'TapedeckLatency',
        labels: 'job="tapedeck", stage="stored"',
        summary: 'stored: one trade in a hundred takes 28s or more.'
      }
    ]
  },
  {
    title: 'a consumer that is far behind',
    series: { [`tapedeck_consumer_lag_records{${CONSUMER}, partition="1"}`]: '60000x120' },
    fires: [
      {
        alert: 'TapedeckLag',
        labels: 'job="tapedeck"',
        summary: '60004 records of raw_data are not stored.'
      },
      notStored()
    ]
  },
  ...(
    [
      [
        'run failed',
        'TapedeckRunFailed',
        1,
        'The newest run of nightly failed. The page /batch shows why.'
      ],
      [
        'run late',
        'TapedeckRunLate',
        7,
        'nightly should have run 7 minutes ago. Does a beat run, and can its job be read?'
      ],
      [
        'queue stuck',
        'TapedeckQueueStuck',
        12,
        'nightly has waited for 12 minutes. Does a batch worker run?'
      ]
    ] as const
  ).map(([check, alert, value, summary]): Case => {
    const labels = `${API}, alert="${check}", label="nightly"`
    return {
      title: `the batch side: ${check}`,
      series: { [`tapedeck_alert_above_limit{${labels}}`]: `${value}x120` },
      fires: [{ alert, labels, summary }]
    }
  }),
  {
    title: 'writes that are repeated',
    series: { [`tapedeck_database_retries_total{${CONSUMER}}`]: '0x60 0+3x60' },
    fires: [
      {
        alert: 'TapedeckRetries',
        labels: CONSUMER,
        summary: 'The consumer keeps repeating its writes. Do Kafka and MongoDB answer?'
      }
    ]
  },
  {
    title: 'reads that are refused',
    series: { [`tapedeck_api_reads_refused_total{${API}}`]: '0x60 0+1x60' },
    fires: [
      {
        alert: 'TapedeckReadsRefused',
        labels: API,
        summary:
          'The api refuses reads with 429. Ask for less, or raise API_READS and API_READ_QUEUE.'
      }
    ]
  },
  {
    title: 'a container near its limit',
    series: {
      [`process_resident_memory_bytes{${API}}`]: `${196 * MEBIBYTE}x120`,
      [`tapedeck_memory_limit_bytes{${API}}`]: `${204 * MEBIBYTE}x120`
    },
    fires: [{ alert: 'TapedeckMemory', labels: API, summary: 'The api uses 196MiB of memory.' }]
  },
  {
    title: 'a process that takes the memory of the machine',
    series: { [`process_resident_memory_bytes{${CONSUMER}}`]: `${1100 * MEBIBYTE}x120` },
    fires: [
      {
        alert: 'TapedeckMemory',
        labels: CONSUMER,
        summary: 'The consumer uses 1.074GiB of memory.'
      }
    ]
  },
  {
    title: 'a clock that is wrong',
    series: { [`tapedeck_feed_clock_ahead_seconds{${PRODUCER}}`]: '-45x120' },
    fires: [
      {
        alert: 'TapedeckClock',
        labels: PRODUCER,
        summary: "Trades are -45s ahead of the producer's clock (negative: behind). Set the clock."
      }
    ]
  },
  {
    title: 'nothing of the clock when a recorded tape is played',
    series: { [`tapedeck_feed_clock_ahead_seconds{${PRODUCER}}`]: '-6000000x120' },
    fires: []
  }
]

function notStored(): Expected {
  return {
    alert: 'TapedeckNotStored',
    labels: 'job="tapedeck"',
    summary: 'Trades of more than 30 s are not stored. Do the consumer and MongoDB keep up?'
  }
}

function deadLetter(service: string, labels: string, reason: string): Expected {
  return {
    alert: 'TapedeckDeadLetters',
    labels: `${labels}, reason="${reason}"`,
    summary: `The ${service} refused what did not fit (${reason}). npm run dead shows it.`
  }
}

function lost(service: string, labels: string): Expected {
  return {
    alert: 'TapedeckRecordsLost',
    labels,
    summary: `The ${service} lost records. A gap in feed_gaps says which.`
  }
}

describe('the rules and scrape files of Prometheus', { timeout: 120_000 }, () => {
  let promtool: string
  before(() => {
    promtool = programPath(PROMTOOL)
  })
  const run = (...args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
    promisify(execFile)(promtool, args, { timeout: 60_000, maxBuffer: 16 * MEBIBYTE })

  it('are taken by promtool', async () => {
    await run('check', 'rules', RULES)
    for (const file of ['scrape.yaml', 'scrape-compose.yaml'])
      await run('check', 'config', path.join(FOLDER, file))
  })

  it('have a case for each alert', () => {
    const shown = new Set(CASES.flatMap(({ fires }) => fires.map(({ alert }) => alert)))
    shown.add('TapedeckWorseThanNaive')
    assert.deepEqual([...shown].toSorted(), rules.map(({ alert }) => alert).toSorted())
  })

  for (const one of CASES) {
    const { title, series, without = [], at = '28m', fires } = one
    it(`fire for ${title}${fires.length > 0 ? ', and no other fires' : ''}`, async (t) => {
      const shown = Object.entries({ ...GOOD, ...series }).filter(
        ([name]) => !without.includes(name)
      )
      await holds(t, Object.fromEntries(shown), [{ at, fires }])
    })
  }

  it('fire for a forecast that has been worse than the last price for a day, not earlier', async (t) => {
    const labels = `${API}, alert="worse than naive", label="AAPL 1m +1 ols"`
    const day = Object.fromEntries(
      Object.entries(GOOD)
        .filter(([name]) => name.startsWith('up{'))
        .map(([name]) => [name, '1x800'])
    )
    const summary = 'AAPL 1m +1 ols has been worse than saying that the price stays put for a day.'
    await holds(
      t,
      { ...day, [`tapedeck_alert_above_limit{${labels}}`]: '1x800' },
      [
        { at: '23h', fires: [] },
        { at: '24h2m', fires: [{ alert: 'TapedeckWorseThanNaive', labels, summary }] }
      ],
      '2m'
    )
  })

  /** @throws with the words of promtool when other alerts fire than expected */
  async function holds(
    t: TestContext,
    series: Series,
    moments: readonly { readonly at: string; readonly fires: readonly Expected[] }[],
    interval = '15s'
  ): Promise<void> {
    const file = path.join(await temporaryFolder(t), 'rules.test.yaml')
    const alertRuleTest = moments.flatMap(({ at, fires }) =>
      rules.map(({ alert, labels: own }) => ({
        eval_time: at,
        alertname: alert,
        exp_alerts: fires
          .filter((fired) => fired.alert === alert)
          .map(({ labels, summary }) => ({
            exp_labels: { ...own, ...labelsOf(labels) },
            exp_annotations: { summary }
          }))
      }))
    )
    const test = {
      rule_files: [RULES],
      evaluation_interval: interval,
      tests: [
        {
          interval,
          input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
          alert_rule_test: alertRuleTest
        }
      ]
    }
    await writeFile(file, JSON.stringify(test))
    await run('test', 'rules', file).catch((error: { stdout?: string; stderr?: string }) =>
      assert.fail(`${error.stdout}${error.stderr}`)
    )
  }
})

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value])
  )
}
