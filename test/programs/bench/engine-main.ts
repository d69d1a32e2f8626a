/**
 * `npm run bench:engine`: how much one core folds: the pure engine (no I/O) over seeded records or a
 * recorded tape. Exit code 0 only when every configuration gives the same bars.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parseArgs } from 'node:util'
import { messageOf } from '@tapedeck/core'
import { runEngineSuite, type EngineReport } from './engine-suite.ts'
import { tapeRecords } from './tape-records.ts'

const USAGE = `Usage: npm run bench:engine -- [--trades N] [--rounds N] [--tape FILE] [--json]

  --trades N      trades of one run (200000)
  --symbols N     symbols of the synthetic records (100)
  --rate N        trades a second of event time (1000)
  --per-record N  trades of one record, 1, 2, 5 or 10 (5)
  --seed N        of the synthetic records (1)
  --rounds N      counted runs of each configuration (5)
  --warm-ups N    runs before that are not counted (2)
  --tape FILE     takes the trades of a recorded tape instead, .ndjson or .ndjson.gz
  --json          the last line is one JSON object
`

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

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      trades: { type: 'string', default: '200000' },
      symbols: { type: 'string', default: '100' },
      rate: { type: 'string', default: '1000' },
      'per-record': { type: 'string', default: '5' },
      seed: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '5' },
      'warm-ups': { type: 'string', default: '2' },
      tape: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false }
    }
  })
  if (values.help) {
    process.stderr.write(USAGE)
    return 0
  }
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const trades = Number(values.trades)
  const report = runEngineSuite({
    shape: {
      trades,
      symbols: Number(values.symbols),
      perRecord: Number(values['per-record']),
      rate: Number(values.rate),
      seed: Number(values.seed)
    },
    tape: values.tape === undefined ? undefined : await tapeRecords(values.tape, trades),
    rounds: Number(values.rounds),
    warmUps: Number(values['warm-ups']),
    collectGarbage,
    say: (text) => void process.stderr.write(`${text}\n`),
    onRun: (name, round, ns) => {
      const which = round > 0 ? `round ${round}` : 'warm-up'
      process.stderr.write(`  ${which}  ${name}: ${ns.toFixed(0)} ns a trade\n`)
    }
  })
  process.stdout.write(table(report))
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`)
  return report.holds ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = 1
}
