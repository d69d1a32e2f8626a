/** Source files that have no test under their own name, the tests that hold them, and why. */
export interface TestedWith {
  /** The folder of the files. */
  readonly folder: string
  /** Their names without `.ts`, with white space between them. */
  readonly files: string
  /** Test files below test/; at least one of them reaches each file by imports. */
  readonly tests: readonly string[]
  /** What the tests start as a process: their imports count too. */
  readonly programs?: readonly string[]
  readonly why: string
}

const EVERY_SERVICE = ['producer', 'consumer', 'api'].map((name) => `services/${name}/src/main.ts`)
const TOOLS = ['audit', 'dead-letters', 'reprocess', 'backtest'].map(
  (name) => `services/tools/src/${name}-main.ts`
)

/** A source file that is not here needs a test of its own: test/(unit|integration)/PACKAGE/PATH.test.ts. */
export const TESTED_WITH: readonly TestedWith[] = [
  {
    folder: 'grafana/src',
    files: `
      annotations dashboard endpoints infinity look render variables
      panels/activity panels/chart-from-zero panels/flow panels/forecast panels/price
      panels/pipeline panels/quality panels/scores panels/stats panels/symbol-table panels/table`,
    tests: ['tidy/dashboards.test.ts', 'e2e/grafana-panels.test.ts'],
    why: 'the dashboards they make are checked whole, and each query is asked of a real api'
  },
  {
    folder: 'grafana/src',
    files: 'alerts',
    tests: ['unit/api/routes/pipeline.test.ts', 'tidy/dashboards.test.ts'],
    why: 'its rules are held to the limits of the api'
  },
  {
    folder: 'grafana/src',
    files: 'command contact-point grafana-home plugin prepare settings',
    tests: ['unit/grafana/serve.test.ts'],
    why: 'they prepare what the process that serve.ts starts is given, which a stand-in records'
  },
  {
    folder: 'grafana/src',
    files: 'serve-config push/push-config',
    tests: ['unit/grafana/grafana-command.test.ts'],
    why: 'they are what the command line reads'
  },
  {
    folder: 'grafana/src',
    files: 'datasource versions push/grafana-http push/recognise push/steps',
    tests: ['unit/grafana/push/push.test.ts', 'tidy/dashboards.test.ts'],
    why: 'a push is all of them, and a stand-in checks each call'
  },
  {
    folder: 'libs/mariadb/src',
    files: 'connect snapshot',
    tests: ['integration/stack/mariadb.test.ts', 'integration/batch/capture-sql.test.ts'],
    why: 'it is what a real server answers'
  },
  {
    folder: 'libs/domain/src',
    files: 'bars/memory-store',
    tests: ['unit/domain/bars/close-fold.test.ts'],
    why: 'stands in for the database in the tests of a whole fold'
  },
  {
    folder: 'libs/domain/src/forecast',
    files: 'final-bar ledger results series',
    tests: ['unit/domain/forecast/engine.test.ts'],
    why: 'parts of the engine, which properties hold as a whole'
  },
  {
    folder: 'libs',
    files: `
      alpaca/src/alpaca-protocol domain/src/feed-protocol feed/src/feed-connection
      finnhub/src/finnhub-protocol`,
    tests: ['integration/feed/session.test.ts', 'integration/feed/alpaca-session.test.ts'],
    why: 'a protocol shows itself on a real socket'
  },
  {
    folder: 'libs/table/src',
    files: 'arrow parquet read text',
    tests: ['unit/table/formats.test.ts'],
    why: 'one property holds every format: each value comes back'
  },
  {
    folder: 'libs/mongo/src',
    files: 'composed-history',
    tests: ['integration/api/routes/windows.test.ts'],
    why: 'it reads for the domain, and the api answers what it makes'
  },
  {
    folder: 'libs/mongo/src',
    files: 'bar-versions',
    tests: ['integration/api/routes/as-of.test.ts'],
    why: 'an expression for the server, and what readers make of it'
  },
  {
    folder: 'libs/mongo/src',
    files: 'filled-history',
    tests: ['integration/api/routes/filled.test.ts'],
    why: 'the same'
  },
  {
    folder: 'services/api/src/routes',
    files: 'bar-history',
    tests: ['integration/api/routes/windows.test.ts', 'integration/api/routes/filled.test.ts'],
    why: 'it chooses the read for the parameters of /api/v1/bars'
  },
  {
    folder: 'libs/mongo/src',
    files: 'rows',
    tests: ['integration/tools/history/export.test.ts'],
    why: 'rows of stored documents, as exports have them'
  },
  {
    folder: 'libs/mongo/src',
    files: 'imports',
    tests: ['integration/tools/history/import.test.ts'],
    why: 'the journal of imports, which are held as a whole'
  },
  {
    folder: 'services/tools/src/history',
    files: 'survey',
    tests: ['integration/tools/history/import.test.ts'],
    programs: ['services/tools/src/import-main.ts'],
    why: 'the first pass of an import, which is held as a whole'
  },
  {
    folder: 'libs/client/src',
    files: 'stream',
    tests: ['integration/api/stream.test.ts'],
    why: 'resuming shows itself with a real api that is killed'
  },
  {
    folder: 'libs/client/src',
    files: 'connection replay',
    tests: ['integration/api/replay.test.ts'],
    why: 'going on at a place shows itself with a real api that is killed'
  },
  {
    folder: 'libs/client/src',
    files: 'rows',
    tests: ['unit/api/stream/events.test.ts'],
    why: 'the schemas are right when the rows that the api sends fit them'
  },
  {
    folder: 'services/api/src/replay',
    files: 'merged-rows replay-clock',
    tests: ['unit/api/replay/replay.test.ts'],
    why: 'order and pace are those of a whole replay, with a clock of the test'
  },
  {
    folder: 'services/api/src/replay',
    files: 'replays stored-rows',
    tests: ['integration/api/replay.test.ts'],
    why: 'what is read, and what a client that leaves still holds, needs a real database'
  },
  {
    folder: 'services/tools/src/tape',
    files: 'tape',
    tests: ['integration/api/stream-protocols.test.ts'],
    why: 'it shows the stream of a real api'
  },
  {
    folder: 'services/api/src/stream',
    files: 'finnhub hub routes session subscribers',
    tests: ['integration/api/stream.test.ts', 'integration/api/stream-protocols.test.ts'],
    why: 'what a client is sent, over restarts and at the seam, needs a real broker and database'
  },
  {
    folder: 'services/api/src/access',
    files: 'policies refusals route-access',
    tests: ['unit/api/access/access.test.ts'],
    why: 'they say what is needed and why it is refused; whole requests show it'
  },
  {
    folder: 'services/api/src/web/page',
    files: 'token',
    tests: ['integration/api/page-token.test.ts'],
    programs: ['services/api/src/web/page/main.ts'],
    why: 'a dialog in a real browser'
  },
  {
    folder: 'services/api/src/web/page',
    files: 'batch graph',
    tests: ['integration/api/page-batch.test.ts'],
    programs: ['services/api/src/web/page/batch.ts'],
    why: 'what a browser shows, in a real browser'
  },
  {
    folder: 'services/api/src/web/page',
    files: 'api chart dom forecast market overlays status tape watchlist why',
    tests: ['integration/api/page.test.ts'],
    programs: ['services/api/src/web/page/main.ts'],
    why: 'what a browser shows, in a real browser on the whole pipeline'
  },
  {
    folder: 'libs/kafka/src',
    files: 'follow',
    tests: ['integration/api/stream.test.ts'],
    why: 'the stream follows the topics of a real broker with it'
  },
  {
    folder: 'libs/kafka/src',
    files: 'client cluster dead-letters inquiry log-ends log-tail publisher ranges trade-source',
    tests: [
      'integration/consumer/consumer.test.ts',
      'integration/producer/previous-run.test.ts',
      'integration/tools/dead-letters.test.ts'
    ],
    why: 'only a real broker shows whether they are right'
  },
  {
    folder: 'libs/mongo/src',
    files: `
      amendments bars collection connect failure feed-gaps feed-status forecast-events
      forecast-scores forecast-series late-trades lease newest-rows replica-set shadow-bars shadow-trades
      symbols tape trades`,
    tests: [
      'integration/api/endpoints.test.ts',
      'integration/consumer/consumer.test.ts',
      'integration/tools/reprocess.test.ts'
    ],
    why: 'only a real database shows whether they are right'
  },
  {
    folder: 'libs/mongo/src',
    files: 'testing',
    tests: ['unit/domain/record-limits.test.ts'],
    why: 'it is what that test reads documents back with'
  },
  {
    folder: 'libs/service/src',
    files: 'health logger metrics run-service',
    tests: ['integration/service/servers-away.test.ts'],
    programs: EVERY_SERVICE,
    why: 'the frame of a process, tested on processes'
  },
  {
    folder: 'services/api/src',
    files: 'http',
    tests: [
      'integration/api/endpoints.test.ts',
      'unit/api/app.test.ts',
      'unit/api/routes/symbols.test.ts'
    ],
    why: 'what they make is the answer of a route, and tests ask the route'
  },
  {
    folder: 'services/batch/src',
    files: `
      app beat config follow-run jobs module-env module-guard run-function run-locally run-module
      task-queue tend-runs flows/watchlist-csv
      commands/graph commands/resume commands/run commands/runs commands/service
      commands/schedules commands/show database sub-command`,
    tests: ['integration/batch/worker.test.ts', 'integration/batch/commands.test.ts'],
    programs: ['services/batch/src/batch-main.ts'],
    why: 'their promises are about a real database, real programs and kills'
  },
  {
    folder: 'libs/mongo/src',
    files: 'batch-queue runs task-runs',
    tests: ['integration/batch/worker.test.ts', 'integration/batch/kills.test.ts'],
    why: 'the fence of tasks, held where workers race for them'
  },
  {
    folder: 'libs/core/src',
    files: 'ask-json',
    tests: ['unit/finnhub/rest-client.test.ts', 'unit/batch/lake/rest-source.test.ts'],
    why: 'its two callers are asked for every answer that a server may give'
  },
  {
    folder: 'libs/core/src',
    files: 'locate-server',
    tests: ['integration/batch/commands.test.ts'],
    programs: ['services/batch/src/batch-main.ts'],
    why: 'commands find the server of a running stack by it'
  },
  {
    folder: 'services/consumer/src',
    files: 'app metrics partitions trade-writer worker',
    tests: ['integration/consumer/consumer.test.ts', 'integration/consumer/exactly-once.test.ts'],
    why: 'their promises are about real servers and kills'
  },
  {
    folder: 'services/producer/src',
    files: 'app dead-letter-sink frame-handler metrics',
    tests: ['integration/producer/producer.test.ts'],
    why: 'their promises are about a real socket and a real broker'
  },
  {
    folder: 'services/producer/src/outbox',
    files: 'send-loop spool-format',
    tests: ['unit/producer/outbox/outbox.test.ts', 'unit/producer/outbox/spool.test.ts'],
    why: 'the two halves of outbox and spool that nothing else uses'
  },
  {
    folder: 'services/simulator/src',
    files: 'app counts faults/control faults/director feed/client feed/frame feed/server',
    tests: ['integration/simulator/protocol.test.ts', 'integration/simulator/faults.test.ts'],
    why: 'what they do is seen by a client of the socket'
  },
  {
    folder: 'services/simulator/src/market',
    files: 'instrument prints random schedule',
    tests: ['unit/simulator/market/market.test.ts'],
    why: 'parts of the market, which properties hold as a whole'
  },
  {
    folder: 'services/simulator/src/tape',
    files: 'tape-file tape-line',
    tests: ['unit/simulator/tape/tape.test.ts'],
    why: 'tape.ts reads files and lines by them'
  },
  {
    folder: 'services/stack/src',
    files: 'app docker kafka-broker members',
    tests: ['integration/stack/stack.test.ts', 'integration/stack/servers.test.ts'],
    programs: ['services/stack/src/main.ts'],
    why: 'they start real servers'
  },
  {
    folder: 'services/tools/src/backtest',
    files: 'engine outcomes panel plots report scores tape-records',
    tests: ['unit/tools/backtest/backtest.test.ts'],
    why: 'a tape goes in and a report comes out'
  },
  {
    folder: 'services/tools/src',
    files: `
      audit/audit audit/audit-symbol audit/explain command/config dead-letters/command
      dead-letters/journal dead-letters/replay reprocess/arguments reprocess/compare
      reprocess/rebuild reprocess/report reprocess/reprocess reprocess/sole-run
      reprocess/symbol-day reprocess/tape-slice reprocess/topic-trades`,
    tests: ['audit', 'dead-letters', 'reprocess', 'sole-run'].map(
      (name) => `integration/tools/${name}.test.ts`
    ),
    programs: TOOLS,
    why: 'commands on stored data, run as a user runs them'
  },
  {
    folder: 'services/batch/src/lake',
    files:
      'capture-rest capture-tape config engine line-file module publishing refine-tape report report-data report-page report-parts sql trust-tape',
    tests: ['lake', 'recorded-day', 'capture-rest'].map(
      (name) => `integration/batch/${name}.test.ts`
    ),
    programs: ['services/batch/src/lake/main.ts'],
    why: 'the modules run as processes, on a real database and a real lake'
  },
  {
    folder: 'services/batch/src',
    files: `
      lake/capture-sql lake/checked-rows lake/definition lake/refine-portfolio lake/trust-sql
      positions/fitting-rows positions/load-sql positions/tables`,
    tests: ['integration/batch/portfolio.test.ts', 'integration/batch/capture-sql.test.ts'],
    why: 'the way from JSON to profit and loss, on a real MariaDB'
  },
  {
    folder: 'services/batch/src/lake',
    files: 'retention',
    tests: ['integration/batch/retention.test.ts'],
    programs: ['services/batch/src/retention-main.ts'],
    why: 'the job runs as a process, on a real lake'
  },
  {
    folder: 'services/batch/src/lake',
    files: 'spark-sql',
    tests: ['unit/batch/lake/spark-engine.test.ts'],
    why: 'the engine runs every statement by it'
  },
  {
    folder: 'libs/lake/src',
    files: 'manifest',
    tests: ['unit/lake/lake.test.ts'],
    why: 'the lake writes and reads every manifest'
  },
  {
    folder: 'libs/lake/src',
    files: 'folder-storage http-request s3-bucket',
    tests: ['integration/lake/s3-storage.test.ts'],
    why: 'one test holds both storages to the same contract, on a disk and on a real store'
  },
  {
    folder: 'libs/mongo/src',
    files: 'rest-snapshots',
    tests: ['integration/batch/quotes.test.ts'],
    why: 'the module stores answers as they come, and the newest are read'
  },
  {
    folder: 'libs/mongo/src',
    files: 'capture',
    tests: ['integration/batch/lake.test.ts'],
    programs: ['services/batch/src/lake/main.ts'],
    why: 'what is captured is compared with the database'
  },
  {
    folder: 'services/simulator/src/rest',
    files: 'requests',
    tests: ['integration/batch/capture-rest.test.ts'],
    why: 'a real client asks it, with and without the right token'
  },
  {
    folder: 'services/batch/src/commands',
    files: 'backfill',
    tests: ['integration/batch/lake.test.ts'],
    programs: ['services/batch/src/batch-main.ts'],
    why: 'it runs the nightly sequence as a process, and one that fails'
  }
]
