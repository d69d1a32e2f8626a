import type { Shape, Variable } from '@tapedeck/core'
import { API_VARIABLES } from '@tapedeck/api/testing'
import { BATCH_VARIABLES, LAKE_VARIABLES, RUN_VARIABLES } from '@tapedeck/batch/testing'
import { CONSUMER_VARIABLES } from '@tapedeck/consumer/testing'
import { symbolsVariable } from '@tapedeck/domain'
import { GRAFANA_VARIABLES } from '@tapedeck/grafana'
import { KAFKA_VARIABLES } from '@tapedeck/kafka'
import { MONGO_VARIABLES } from '@tapedeck/mongo'
import { PRODUCER_VARIABLES } from '@tapedeck/producer/testing'
import { SERVICE_VARIABLES } from '@tapedeck/service'
import { SIMULATOR_VARIABLES } from '@tapedeck/simulator/testing'
import { OTHER_NAMES, STACK_VARIABLES } from '@tapedeck/stack/testing'
import { about, whole } from '@tapedeck/core'

interface Section {
  readonly title: string
  /** What a reader should know before the table. */
  readonly text: string
  readonly names: readonly string[]
}

/** Read by docker compose alone, so no service declares them. */
const COMPOSE_VARIABLES = {
  KAFKA_PORT: about('Port of Kafka on this machine', whole(9092, 1, 65_535)),
  MONGODB_PORT: about('Port of MongoDB on this machine', whole(27_017, 1, 65_535))
} as const

/** Every variable that tapedeck reads, by name; the description is the one of the reader that has it. */
export const VARIABLES: Readonly<Record<string, Variable<unknown>>> = merged([
  { SYMBOLS: symbolsVariable(Infinity) },
  PRODUCER_VARIABLES,
  KAFKA_VARIABLES,
  MONGO_VARIABLES,
  CONSUMER_VARIABLES,
  API_VARIABLES,
  LAKE_VARIABLES,
  RUN_VARIABLES,
  STACK_VARIABLES,
  SIMULATOR_VARIABLES,
  GRAFANA_VARIABLES,
  BATCH_VARIABLES,
  COMPOSE_VARIABLES,
  SERVICE_VARIABLES
])

/** The variables in the order in which a reader looks for them; a test checks that none is missing. */
export const SECTIONS: readonly Section[] = [
  {
    title: 'Feed',
    text: 'Without a key the simulator supplies the trades.',
    names: [
      'SYMBOLS',
      'FINNHUB_TOKEN',
      'FINNHUB_MAX_SYMBOLS',
      'FINNHUB_URL',
      'FINNHUB_REST_URL',
      'FEED',
      'ALPACA_KEY_ID',
      'ALPACA_SECRET_KEY',
      'ALPACA_URL',
      'SIMULATOR_URL',
      'FEED_NAME'
    ]
  },
  {
    title: 'Kafka',
    text:
      'With KAFKA_BROKERS set, `npm start` starts no broker. IPv6 addresses stand in brackets: `[::1]:9092`. ' +
      'Topics are described in [topics.md](topics.md).',
    names: [
      'KAFKA_BROKERS',
      'KAFKA_TOPIC',
      'KAFKA_GROUP',
      'KAFKA_SSL',
      'KAFKA_USERNAME',
      'KAFKA_PASSWORD',
      'KAFKA_SASL_MECHANISM',
      'KAFKA_PARTITIONS',
      'KAFKA_REPLICATION_FACTOR',
      'KAFKA_MIN_INSYNC_REPLICAS',
      'BARS_TOPIC',
      'BARS_PUBLISH_INTERVAL',
      'FORECASTS_TOPIC'
    ]
  },
  {
    title: 'MongoDB',
    text:
      'With MONGODB_URI set, `npm start` starts no database. A database that it names is used, unless it is `admin`, ' +
      '`local` or `config`; MONGODB_DB wins over it.',
    names: ['MONGODB_URI', 'MONGODB_DB', 'MONGODB_USERNAME', 'MONGODB_PASSWORD']
  },
  {
    title: 'MariaDB',
    text:
      'The relational database of positions ([lake.md](lake.md)). With MARIADB_URL set, `npm start` starts none; without either setting ' +
      'nothing needs one.',
    names: ['MARIADB_URL', 'STACK_MARIADB']
  },
  {
    title: 'Retention',
    text:
      'How long each kind of data is kept. The consumer brings an existing database to these settings when it starts, whether they are ' +
      'raised, lowered or removed; those of Kafka count for topics that are created ([topics.md](topics.md)).',
    names: [
      'TRADES_TTL',
      'LATE_TRADES_TTL',
      'BARS_TTL',
      'FORECASTS_TTL',
      'SNAPSHOTS_TTL',
      'KAFKA_RETENTION',
      'KAFKA_RETENTION_BYTES'
    ]
  },
  {
    title: 'Bars and forecasts',
    text:
      'Changes apply to new bars. [Reprocess](reprocess.md) brings stored days under new rules. ' +
      'The windows are described in [bars.md](bars.md), the models in [forecasts.md](forecasts.md).',
    names: [
      'TIMEFRAMES',
      'CONDITION_POLICY',
      'ALLOWED_DELAY',
      'LATENESS_LIMIT',
      'REDELIVERED',
      'FLUSH_INTERVAL',
      'FORECASTS',
      'SCORE_PAST'
    ]
  },
  {
    title: 'Api and health',
    text: '`npm start` takes the next free port from 8080 on when API_PORT is not set.',
    names: [
      'API_HOST',
      'API_PORT',
      'API_READS',
      'API_READ_ROWS',
      'API_READ_QUEUE',
      'API_READ_WAIT',
      'QUOTE_TOLERANCE',
      'QUOTE_MAX_AGE',
      'STREAM_MEMORY',
      'METRICS_URLS',
      'GRAFANA_LIVE_URL',
      'GRAFANA_LIVE_TOKEN',
      'HEALTH_HOST',
      'PRODUCER_PORT',
      'CONSUMER_PORT',
      'LOG_LEVEL'
    ]
  },
  {
    title: 'Access to the api',
    text:
      'Tokens, names and origins are described in [access.md](access.md), with what a mistake is answered with. ' +
      'API_HOST is above.',
    names: [
      'API_TOKEN',
      'API_TOKENS',
      'API_TOKENS_FILE',
      'API_OPEN',
      'API_URL',
      'API_HOSTS',
      'API_ORIGINS',
      'API_RATE_LIMIT',
      'API_WRONG_TOKENS'
    ]
  },
  {
    title: 'Spool and capture',
    text: 'The spool keeps trades on disk while the broker is away ([decision 9](adr/0009-spool.md)).',
    names: [
      'SPOOL_DIR',
      'SPOOL_AFTER',
      'SPOOL_MAX_BYTES',
      'SPOOL_FSYNC',
      'FRAME_COPIES',
      'CAPTURE_DIR',
      'CAPTURE_ROTATE'
    ]
  },
  {
    title: 'Lake',
    text: 'The lake keeps trading dates in files ([lake.md](lake.md)).',
    names: Object.keys({ ...LAKE_VARIABLES, ...RUN_VARIABLES })
  },
  {
    title: 'Servers of npm start',
    text: 'How servers are found and downloaded is described in [servers.md](servers.md).',
    names: [
      'STACK',
      'STACK_NODES',
      'TAPEDECK_DATA_DIR',
      'TAPEDECK_CACHE_DIR',
      'KAFKA_HOME',
      'MONGOD_BIN',
      'JAVA_HOME',
      'GRAFANA_HOME',
      'START_LIMIT'
    ]
  },
  {
    title: 'Batch',
    text: 'Flows, sequences, workers and the beat are described in [batch.md](batch.md).',
    names: Object.keys(BATCH_VARIABLES).filter(
      (name) => name.startsWith('BATCH_') || ['RUNS_TTL', 'LAKE_TTL'].includes(name)
    )
  },
  {
    title: 'Simulator',
    text: 'The market, the tapes and the faults are described in [simulator.md](simulator.md).',
    names: Object.keys(SIMULATOR_VARIABLES).filter((name) => name.startsWith('SIMULATOR_'))
  },
  {
    title: 'Grafana and docker compose',
    text:
      '`npm run grafana` reads the first six ([grafana.md](grafana.md#see-it)); GRAFANA_URL and GRAFANA_TOKEN are for `--push`. `npm start` reads ' +
      'GRAFANA_PORT, TAPEDECK_API_TOKEN and GRAFANA_ALERT_WEBHOOK; docker compose ' +
      'reads GRAFANA_PORT, TAPEDECK_API_TOKEN and the last three.',
    names: OTHER_NAMES
  }
]

/** docs/configuration.md, whole. */
export function configurationDocument(): string {
  const sections = SECTIONS.map(
    ({ title, text, names }) =>
      `## ${title}\n\n${text}\n\n| variable | default | meaning |\n| --- | --- | --- |\n` +
      names
        .map(
          (name) => `| \`${name}\` | ${cell(VARIABLES[name]?.shown)} | ${VARIABLES[name]?.about} |`
        )
        .join('\n')
  )
  return (
    '# Configuration\n\n' +
    'Every setting is an environment variable. Set it in the shell or in a file `.env` beside package.json ' +
    '([.env.example](../.env.example) lists all). An empty value counts as not set.\n' +
    'Durations are written `250ms`, `10s`, `5m`, `24h` or `7d`. A mistake in the settings of any service stops `npm start` ' +
    'before it starts anything, with exit code 2; the message names every mistake. A variable that nothing reads but that ' +
    'resembles a setting, such as `FINHUB_TOKEN`, is named by a warning.\n' +
    'The file may be UTF-8 or UTF-16. Variables of the shell win over it; those that Node itself reads at its start ' +
    '(`NODE_OPTIONS`) belong into the shell.\n\n' +
    'This page and .env.example are written by `npm run settings` from the variables that the services read.\n\n' +
    `${sections.join('\n\n')}\n`
  )
}

/** .env.example, whole. */
export function envExample(): string {
  const sections = SECTIONS.map(({ title, names }) => {
    const lines = names.map((name) => {
      const { about: line, shown } = VARIABLES[name] ?? {}
      const isValue = shown !== undefined && !shown.includes(' ')
      const note = shown === undefined || isValue ? '' : ` (default: ${shown})`
      return `# ${line}${note}\n# ${name}=${isValue ? shown : ''}`
    })
    return `# ${title}\n\n${lines.join('\n')}`
  })
  return (
    '# Copy this file to .env and change what you need; every line is optional. npm start and docker compose read it.\n' +
    '# An empty value counts as not set. Durations: 250ms, 10s, 5m, 24h, 7d. More: docs/configuration.md\n\n' +
    `${sections.join('\n\n')}\n`
  )
}

function cell(shown: string | undefined): string {
  if (shown === undefined) return ''
  return shown.includes(' ') ? shown : `\`${shown}\``
}

function merged(shapes: readonly Shape[]): Record<string, Variable<unknown>> {
  const all: Record<string, Variable<unknown>> = {}
  for (const shape of shapes) {
    for (const [name, one] of Object.entries(shape)) {
      if (all[name]?.about === undefined) all[name] = one
    }
  }
  return all
}
