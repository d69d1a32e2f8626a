import { infinityTarget } from './infinity.ts'
import { DATASOURCE_UID } from './pins.ts'

/** One rule: the name of an alert of the api, and how long its value must be above its limit. */
interface Rule {
  readonly alert: string
  readonly title: string
  readonly limit: number
  readonly lasts: string
  readonly severity: 'critical' | 'warning'
  readonly summary: string
}

/** The limits are those that the api answers with each row; a test holds them equal. */
const RULES: readonly Rule[] = [
  {
    alert: 'producer silent',
    title: 'The producer does not report',
    limit: 30,
    lasts: '1m',
    severity: 'critical',
    summary: '{{ $labels.label }}: no report for more than 30 s. Is the producer running?'
  },
  {
    alert: 'feed silent',
    title: 'The feed is silent while the market trades',
    limit: 60,
    lasts: '1m',
    severity: 'critical',
    summary: '{{ $labels.label }}: no frame for more than a minute while the US market trades.'
  },
  {
    alert: 'outage',
    title: 'An outage lasts',
    limit: 60,
    lasts: '0s',
    severity: 'critical',
    summary: '{{ $labels.label }}: no feed for more than a minute.'
  },
  {
    alert: 'not stored',
    title: 'Trades are not stored',
    limit: 30,
    lasts: '1m',
    severity: 'critical',
    summary:
      '{{ $labels.label }}: trades of more than 30 s are not stored. Is the consumer running?'
  },
  {
    alert: 'never seen',
    title: 'A followed symbol was never seen',
    limit: 15,
    lasts: '0s',
    severity: 'warning',
    summary: '{{ $labels.label }}: no trade in 15 minutes of a connected feed. Is it spelled right?'
  },
  {
    alert: 'spool',
    title: 'The spool fills',
    limit: 64,
    lasts: '1m',
    severity: 'critical',
    summary: '{{ $labels.label }}: more than 64 MiB wait on the disk. Does the broker answer?'
  },
  {
    alert: 'coverage',
    title: 'The last hour was not covered',
    limit: 1,
    lasts: '0s',
    severity: 'warning',
    summary: '{{ $labels.label }}: the feed was away for more than 1 % of the last full hour.'
  },
  {
    alert: 'worse than naive',
    title: 'A forecast is worse than the last price',
    limit: 0,
    lasts: '24h',
    severity: 'warning',
    summary: '{{ $labels.label }} has been worse than saying that the price stays put for a day.'
  },
  {
    alert: 'service away',
    title: 'A service does not answer',
    limit: 30,
    lasts: '1m',
    severity: 'critical',
    summary: '{{ $labels.label }} does not answer for more than 30 s. Is it running?'
  },
  {
    alert: 'refused',
    title: 'Trades or records are refused',
    limit: 0,
    lasts: '0s',
    severity: 'warning',
    summary: 'The {{ $labels.label }} refused what did not fit. npm run dead shows it.'
  },
  {
    alert: 'lag',
    title: 'The consumer is behind',
    limit: 50_000,
    lasts: '5m',
    severity: 'warning',
    summary: 'More than 50 000 records of raw_data wait for the {{ $labels.label }}.'
  },
  {
    alert: 'latency',
    title: 'Trades take long',
    limit: 5,
    lasts: '5m',
    severity: 'warning',
    summary: '{{ $labels.label }}: one trade in a hundred takes more than 5 s.'
  },
  {
    alert: 'run failed',
    title: 'A batch run failed',
    limit: 0,
    lasts: '0s',
    severity: 'warning',
    summary: 'The newest run of {{ $labels.label }} failed. The page /batch shows why.'
  },
  {
    alert: 'run late',
    title: 'A batch run is late',
    limit: 5,
    lasts: '0s',
    severity: 'warning',
    summary:
      '{{ $labels.label }} should have run 5 minutes ago. Does a beat run, and can its job be read?'
  },
  {
    alert: 'queue stuck',
    title: 'A batch run waits for a worker',
    limit: 10,
    lasts: '0s',
    severity: 'warning',
    summary: '{{ $labels.label }} has waited for 10 minutes. Does a batch worker run?'
  }
]

const HEADER = `# Written by npm run dashboards from grafana/src/alerts.ts; JSON is YAML too.\n`

/** Seconds between two evaluations of the rules. */
export const ALERT_INTERVAL_SECONDS = 30

/**
 * Grafana's alert rules as the text of their committed file: each row of the api is an instance, by its label.
 * @param receiver the contact point that gets them, past Grafana's notification policies
 */
export function renderAlertRules(receiver?: string): string {
  const groups = [
    {
      orgId: 1,
      name: 'tapedeck',
      folder: 'tapedeck',
      interval: `${ALERT_INTERVAL_SECONDS}s`,
      rules: alertRules(receiver)
    }
  ]
  return `${HEADER}${JSON.stringify({ apiVersion: 1, groups }, undefined, 2)}\n`
}

/** A rule in the fields that Grafana's files of provisioning and its HTTP API share. */
export interface AlertRule {
  readonly uid: string
  readonly title: string
  readonly condition: string
  readonly data: readonly object[]
  readonly noDataState: 'OK'
  readonly execErrState: 'Error'
  /** A duration, such as `1m`. */
  readonly for: string
  readonly annotations: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly isPaused: boolean
  readonly notification_settings?: { readonly receiver: string }
}

/**
 * The rules of the one group `tapedeck`.
 * @param receiver the contact point that gets them; Grafana's notification policies decide unless given
 */
export function alertRules(receiver?: string): readonly AlertRule[] {
  const rules = RULES.map(ruleOf)
  if (receiver === undefined) return rules
  return rules.map((rule) => ({ ...rule, notification_settings: { receiver } }))
}

function ruleOf({ alert, title, limit, lasts, severity, summary }: Rule): AlertRule {
  const model = infinityTarget({
    format: 'table',
    url: '/api/v1/alerts',
    params: { alert },
    rows: 'alerts',
    columns: { label: 'string', value: 'number' }
  })
  return {
    uid: `tapedeck-${alert.replaceAll(' ', '-')}`,
    title,
    condition: 'C',
    data: [
      { refId: 'A', relativeTimeRange: { from: 300, to: 0 }, datasourceUid: DATASOURCE_UID, model },
      {
        refId: 'C',
        relativeTimeRange: { from: 300, to: 0 },
        datasourceUid: '__expr__',
        model: {
          refId: 'C',
          type: 'threshold',
          datasource: { type: '__expr__', uid: '__expr__' },
          expression: 'A',
          conditions: [{ evaluator: { type: 'gt', params: [limit] } }]
        }
      }
    ],
    // No row: nothing of the kind is there. An api that does not answer is an alert of its own.
    noDataState: 'OK',
    execErrState: 'Error',
    for: lasts,
    annotations: { summary },
    labels: { severity },
    isPaused: false
  }
}
