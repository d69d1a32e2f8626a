/**
 * `npm run bench:market`: a market of many symbols in real time against a consumer as shipped, with bursts and a restart.
 * Exit code 0 when every trade is stored once; a budget that is missed is shown and does not fail.
 */
import { commandLine, runCommand, table, type Terminal } from '@tapedeck/core'
import { SERVER_SETTINGS } from '@tapedeck/stack/testing'
import { servers } from '../../support/servers.ts'
import { LAG_BUDGET_S, runMarket, type MarketRun, type Spread } from './market-run.ts'
import { onServers } from './on-servers.ts'

const PARTITIONS = 6
/** A burst comes in each minute of a run, in the middle of it. */
const BURST_EVERY_S = 60
const MOST = 1_000_000

const command = commandLine({
  name: 'bench:market',
  purpose:
    'Publishes a market of many symbols (Zipf) in real time, with bursts, to a consumer as shipped, and measures its lag, the time until bars are final, cost, memory and a restart.',
  forms: ['-- [--symbols LIST] [--rate N] [--seconds N] [--burst N] [--profile DIR] [--json]'],
  options: {
    symbols: ['text', 'LIST', 'symbols, one run each (10,100,1000,10000)'],
    rate: ['text', 'N', 'trades a second (20000)'],
    seconds: ['text', 'N', 'of each run (15); 600 for the budgets of docs/performance.md'],
    burst: ['text', 'N', 'trades that a burst adds within a second, once a minute (100000)'],
    profile: [
      'text',
      'DIR',
      'write a CPU profile of the consumer, which is then stopped and not killed'
    ],
    json: ['flag', 'the last line is one JSON object']
  },
  settings: SERVER_SETTINGS,
  exits: [
    'every trade is stored once, whether the budgets are met or not',
    'that does not hold',
    'wrong arguments, or a server is missing'
  ],
  example: '-- --symbols 10000 --rate 5000 --seconds 60',
  read: (given) => ({
    symbols: (given.list('symbols') ?? ['10', '100', '1000', '10000']).map(
      (text) => given.wholeOf('--symbols', text, 1, MOST) ?? 1
    ),
    rate: given.whole('rate', 1, MOST) ?? 20_000,
    seconds: given.whole('seconds', 5, 3600) ?? 15,
    burst: given.whole('burst', 0, MOST) ?? 100_000,
    profileDir: given.text('profile'),
    isJson: given.flag('json')
  })
})

async function main(
  given: Exclude<ReturnType<typeof command.read>, 'help'>,
  terminal: Terminal
): Promise<0 | 1> {
  const { rate, seconds, burst, profileDir } = given
  const burstsAt =
    burst === 0
      ? []
      : Array.from(
          { length: Math.ceil(seconds / BURST_EVERY_S) },
          (_, minute) => minute * BURST_EVERY_S + Math.min(seconds, BURST_EVERY_S) / 2
        ).filter((at) => at < seconds)
  const runs = await onServers(async ({ processes, signal }) => {
    const done: MarketRun[] = []
    for (const symbols of given.symbols) {
      signal.throwIfAborted()
      const { brokers, mongoUri, topic, database, env } = servers()
      const run = await runMarket({
        shape: { symbols, partitions: PARTITIONS, rate, burst, burstsAt },
        seconds,
        kafka: { brokers, topic, ssl: false, sasl: undefined },
        mongoUri,
        database,
        env,
        servers: processes,
        profileDir,
        say: (text) => terminal.note(`  ${symbols} symbols  ${text}`)
      })
      done.push(run)
    }
    return done
  })
  terminal.write(`${table(rowsOf(runs))}\n`)
  const problems = runs.flatMap(({ symbols, problems: own }) =>
    own.map((problem) => `${symbols} symbols: ${problem}`)
  )
  for (const problem of problems) terminal.write(`! ${problem}\n`)
  const holds = problems.length === 0
  terminal.write(holds ? '\nholds: every trade once\n' : '\nFAILS\n')
  if (given.isJson) terminal.write(`${JSON.stringify({ holds, problems, runs })}\n`)
  return holds ? 0 : 1
}

/** A row for each figure, a column for each run. */
function rowsOf(runs: readonly MarketRun[]): string[][] {
  const row = (
    name: string,
    shown: (run: MarketRun) => string,
    budget = '',
    isMet?: (run: MarketRun) => boolean
  ): string[] => {
    const verdict = isMet === undefined ? '' : runs.every(isMet) ? 'met' : 'missed'
    return [name, ...runs.map(shown), budget, verdict]
  }
  const [first] = runs
  const costOf = ({ cpu }: MarketRun): number => (cpu['consumer'] ?? NaN) + (cpu['mongod'] ?? NaN)
  const ratio = (run: MarketRun): number =>
    first === undefined ? NaN : costOf(run) / costOf(first)
  const cpu = (name: string) => (run: MarketRun) => (run.cpu[name] ?? NaN).toFixed(1)
  return [
    ['symbols', ...runs.map(({ symbols }) => String(symbols)), 'budget', ''],
    row('trades/s stored', (run) => String(run.tradesPerSecond)),
    row(
      'lag s, p50/p99/max',
      ({ lag }) => shownSpread(lag),
      '< 2 outside bursts',
      ({ lag }) => lag.max < LAG_BUDGET_S
    ),
    row('records behind, most', (run) => String(run.mostRecordsBehind)),
    row('burst until < 2 s', ({ afterBursts }) =>
      afterBursts.map((one) => (one === Infinity ? 'never' : one.toFixed(1))).join(', ')
    ),
    row(
      'final after s, p50/p99/max',
      ({ finality }) => shownSpread(finality),
      '< 2 beyond the delay',
      ({ finality, overdueBars }) => finality.max < 2 && overdueBars === 0
    ),
    row('final bars', (run) => String(run.finalBars)),
    row('bars overdue at the end', (run) => String(run.overdueBars)),
    row('written/trade: provisional, other bars, forecasts', ({ written }) =>
      [written.provisionalBars, written.otherBars, written.forecasts]
        .map((count) => count.toFixed(2))
        .join(', ')
    ),
    row('consumer CPU us/trade', cpu('consumer')),
    row('mongod CPU us/trade', cpu('mongod')),
    row('kafka CPU us/trade', cpu('kafka')),
    row(
      'consumer + mongod, ratio',
      (run) => ratio(run).toFixed(2),
      '<= 1.25',
      (run) => ratio(run) <= 1.25
    ),
    row(
      'consumer MiB, most',
      (run) => String(run.consumerMebibytes),
      '< 1500',
      (run) => run.consumerMebibytes < 1500
    ),
    row(
      'kill to a new bar s',
      ({ restartSeconds }) => restartSeconds?.toFixed(1) ?? '-',
      '< 5',
      ({ restartSeconds }) => (restartSeconds ?? 0) < 5
    ),
    row('publisher late s, most', (run) => run.publisherLateSeconds.toFixed(1))
  ]
}

function shownSpread({ p50, p99, max }: Spread): string {
  return [p50, p99, max].map((value) => value.toFixed(1)).join('/')
}

await runCommand({ ...command, run: main })
