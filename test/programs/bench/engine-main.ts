/**
 * `npm run bench:engine`: how much one core folds: the pure engine (no I/O) over seeded records or a
 * recorded tape. Exit code 0 only when every configuration gives the same bars.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { commandLine, runCommand, table as tableOf } from '@tapedeck/core'
import { countInstructions } from './engine-instructions.ts'
import { runEngineSuite, USUAL, type EngineReport } from './engine-suite.ts'
import { readSyntheticOptions, SYNTHETIC_OPTIONS } from './synthetic-trades.ts'
import { tapeRecords } from './tape-records.ts'

function table({
  sections,
  perTimeframe,
  forecasts,
  memory,
  problems,
  holds
}: EngineReport): string {
  const lines: string[] = []
  for (const { title, rows } of sections) {
    lines.push(
      '',
      `${title.padEnd(34)}  CPU ns/trade       min       max  trades/s a core   wall ns`
    )
    for (const { name, nsPerTrade, minNs, maxNs, tradesPerSecond, wallNs } of rows) {
      const cells = [
        String(nsPerTrade).padStart(12),
        String(minNs).padStart(8),
        String(maxNs).padStart(8),
        String(tradesPerSecond).padStart(15),
        String(wallNs).padStart(8)
      ]
      lines.push(`  ${name.padEnd(32)}  ${cells.join('  ')}`)
    }
  }
  const { slopeNs, interceptNs } = perTimeframe
  lines.push('', `one more timeframe costs ${slopeNs} ns a trade, none at all ${interceptNs} ns`)
  lines.push('', 'forecasts: symbols    bars  CPU ns/bar     min     max  ns/forecast  wall ns/bar')
  for (const row of forecasts) {
    const cells = [
      String(row.symbols).padStart(18),
      String(row.bars).padStart(7),
      String(row.nsPerBar).padStart(10),
      String(row.minNs).padStart(6),
      String(row.maxNs).padStart(6),
      String(row.nsPerForecast).padStart(11),
      String(row.wallNs).padStart(11)
    ]
    lines.push(cells.join('  '))
  }
  lines.push('', 'memory: symbols      bars  bytes/symbol  bytes/bar  state in the checkpoint')
  for (const { symbols, bars, bytesPerSymbol, bytesPerBar, stateBytes } of memory) {
    const cells = [
      String(symbols).padStart(15),
      String(bars).padStart(8),
      String(bytesPerSymbol).padStart(12),
      String(bytesPerBar).padStart(9),
      `${stateBytes} bytes`
    ]
    lines.push(cells.join('  '))
  }
  lines.push('', ...problems.map((problem) => `! ${problem}`))
  lines.push(holds ? 'holds: every configuration gives the same bars' : 'FAILS')
  return `${lines.join('\n')}\n`
}

/** What a run takes unless told: the short one ends within two minutes also on a slow day of two shared cores. */
const SHORT = { trades: 80_000, rounds: 3, warmUps: 1, forecastBars: 20_000 }
const LONG = { trades: 200_000, rounds: 5, warmUps: 2, forecastBars: 50_000 }
/** The second half is counted: with fewer the compiler is still at work in it. */
const COUNTED_TRADES = 320_000

const command = commandLine({
  name: 'bench:engine',
  purpose:
    'Measures how much one core folds: the pure engine, without any server, over seeded records or a recorded tape.',
  forms: [
    '-- [--long] [--trades N] [--rounds N] [--tape FILE] [--json]',
    '-- --instructions [--trades N] [--json]'
  ],
  options: {
    ...SYNTHETIC_OPTIONS,
    trades: ['text', 'N', 'trades of one run (80000, with --long 200000)'],
    rounds: ['text', 'N', 'counted runs of each configuration (3, with --long 5)'],
    'warm-ups': ['text', 'N', 'runs before that are not counted (1, with --long 2)'],
    long: ['flag', 'more and larger runs: five to six minutes in place of two, less noise'],
    instructions: [
      'flag',
      'counts machine instructions by valgrind instead, which no other work changes'
    ],
    tape: ['text', 'FILE', 'takes the trades of a recorded tape instead, .ndjson or .ndjson.gz'],
    json: ['flag', 'the last line is one JSON object']
  },
  settings: {},
  exits: [
    'every configuration gives the same bars',
    'one does not',
    'wrong arguments, or no valgrind'
  ],
  example: '-- --trades 50000 --rounds 3',
  read: (given) => {
    const usual = given.flag('long') ? LONG : SHORT
    const isCounted = given.flag('instructions')
    return {
      isCounted,
      shape: readSyntheticOptions(given, isCounted ? COUNTED_TRADES : usual.trades),
      rounds: given.whole('rounds', 1, 1000) ?? usual.rounds,
      warmUps: given.whole('warm-ups', 0, 1000) ?? usual.warmUps,
      forecastBars: usual.forecastBars,
      tape: given.text('tape'),
      isJson: given.flag('json')
    }
  }
})

await runCommand({
  ...command,
  async run({ isCounted, shape, rounds, warmUps, forecastBars, tape, isJson }, terminal) {
    if (isCounted) {
      const rows = await countInstructions(shape.trades, USUAL, terminal.note)
      const cells = rows.map(({ step, instructionsPerTrade }) => [step, instructionsPerTrade])
      terminal.write(tableOf([['step', 'instructions a trade'], ...cells]))
      if (isJson) terminal.write(`${JSON.stringify({ instructions: rows })}\n`)
      return 0
    }
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const report = await runEngineSuite({
      shape,
      tape: tape === undefined ? undefined : await tapeRecords(tape, shape.trades),
      rounds,
      warmUps,
      forecastBars,
      collectGarbage,
      say: terminal.note,
      onRun: (name, round, ns) => {
        const which = round > 0 ? `round ${round}` : 'warm-up'
        terminal.note(`  ${which}  ${name}: ${ns.toFixed(0)} ns a trade`)
      }
    })
    terminal.write(table(report))
    if (isJson) terminal.write(`${JSON.stringify(report)}\n`)
    return report.holds ? 0 : 1
  }
})
