import { parseArgs } from 'node:util'
import { Problems, TapedeckError } from '@tapedeck/core'
import { CONDITION_POLICIES, type ConditionPolicy, type ForecastSpec } from '@tapedeck/domain'
import { isForward, rangeEndOf, type RangeEnd } from '../reprocess/dates.ts'
import { gridOf, specsOf } from './grid.ts'

export const BACKTEST_USAGE = `Makes and scores the forecasts of recorded or stored trades, by the code that runs live.

  npm run backtest -- --file TAPE.ndjson.gz [--file …] [--grid "1m:20,60:1,5"]
  npm run backtest -- --from WHEN --to WHEN [--symbols A,B]

  --file F         a recorded tape, .ndjson or .ndjson.gz: a trade, a Finnhub frame or a frame of a
                   capture on each line; several are played one after another; needs no server
  --from, --to W   stored trades instead: trading dates (2026-03-10, inclusive) or moments
                   (2026-03-10T14:00Z, trading dates are always played whole)
  --symbols A,B    only these
  --forecasts L    timeframe:lookback:horizon, … (FORECASTS)
  --grid G         timeframe:lookbacks:horizons, every combination; several grids with ; between
  --policy P       ${CONDITION_POLICIES.join(', ')}: by which rules conditions count (CONDITION_POLICY)
  --seed N         of the resampling behind the ranges of skill (1)
  --report DIR     writes report.md with plots there
  --json           one JSON object on the last line

Exit codes: 0 it ran, 1 it failed on the way, 2 a mistake in the command or a server missing.
`

/** Where trades come from. */
export type TradesWanted =
  | { readonly kind: 'files'; readonly files: readonly string[] }
  | { readonly kind: 'stored'; readonly from: RangeEnd; readonly to: RangeEnd }

export interface BacktestArguments {
  readonly trades: TradesWanted
  /** Undefined: every symbol there is. */
  readonly symbols: readonly string[] | undefined
  /** Undefined: as the environment says. */
  readonly specs: readonly ForecastSpec[] | undefined
  readonly policy: ConditionPolicy | undefined
  readonly seed: number
  readonly reportFolder: string | undefined
  readonly isJson: boolean
}

/** @throws CONFIG_INVALID that names every mistake */
export function readBacktestArguments(args: readonly string[]): BacktestArguments | 'help' {
  const mistakes: string[] = []
  const { texts, files, flags } = read(args, mistakes)
  if (flags.has('help')) return 'help'
  const trades = tradesOf(texts, files, mistakes)
  const symbols = listOf(texts.get('symbols'), mistakes)
  const specs = specsFrom(texts, mistakes)
  const policyText = texts.get('policy')
  const policy = CONDITION_POLICIES.find((one) => one === policyText)
  if (policyText !== undefined && policy === undefined) {
    mistakes.push(`--policy ${policyText} found, expected ${CONDITION_POLICIES.join(', ')}`)
  }
  const seed = Number(texts.get('seed') ?? 1)
  if (!Number.isSafeInteger(seed) || seed < 0 || seed > 0xff_ff_ff_ff) {
    mistakes.push(`--seed ${texts.get('seed')} found, expected a whole number from 0 to 4294967295`)
  }
  if (mistakes.length > 0 || trades === undefined) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot backtest: ${mistakes.join('\n  ')}\n  expected arguments as in npm run backtest -- --help`
    )
  }
  const reportFolder = texts.get('report')
  return { trades, symbols, specs, policy, seed, reportFolder, isJson: flags.has('json') }
}

const TEXT = { type: 'string' } as const
const FLAG = { type: 'boolean' } as const
const OPTIONS = {
  file: TEXT,
  from: TEXT,
  to: TEXT,
  symbols: TEXT,
  forecasts: TEXT,
  grid: TEXT,
  policy: TEXT,
  seed: TEXT,
  report: TEXT,
  json: FLAG,
  help: { ...FLAG, short: 'h' }
} as const

interface Read {
  readonly texts: ReadonlyMap<string, string>
  readonly files: readonly string[]
  readonly flags: ReadonlySet<string>
}

function read(args: readonly string[], mistakes: string[]): Read {
  const texts = new Map<string, string>()
  const files: string[] = []
  const flags = new Set<string>()
  // Not strict, so that every mistake is found at once.
  const { tokens } = parseArgs({
    args: [...args],
    options: OPTIONS,
    strict: false,
    tokens: true,
    allowPositionals: true
  })
  for (const token of tokens) {
    if (token.kind === 'positional') {
      mistakes.push(`'${token.value}' found, expected only options; a tape is --file FILE`)
    }
    if (token.kind !== 'option') continue
    const { name, value, rawName } = token
    if (!(name in OPTIONS)) mistakes.push(`unknown option ${rawName} found`)
    else if (OPTIONS[name as keyof typeof OPTIONS].type === 'boolean') flags.add(name)
    else if (value === undefined || value === '') mistakes.push(`${rawName} found without a value`)
    else if (name === 'file') files.push(value)
    else if (texts.has(name)) mistakes.push(`${rawName} found twice, expected it once`)
    else texts.set(name, value)
  }
  return { texts, files, flags }
}

function tradesOf(
  texts: ReadonlyMap<string, string>,
  files: readonly string[],
  mistakes: string[]
): TradesWanted | undefined {
  const isRange = texts.has('from') || texts.has('to')
  if (files.length > 0 && isRange) {
    mistakes.push('--file and --from or --to found, expected one of them')
    return undefined
  }
  if (files.length > 0) return { kind: 'files', files }
  if (!isRange) {
    mistakes.push('no trades are named, expected --file FILE, or --from WHEN --to WHEN')
    return undefined
  }
  const from = endOf('from', texts, mistakes)
  const to = endOf('to', texts, mistakes)
  if (from === undefined || to === undefined) return undefined
  if (!isForward(from, to)) {
    mistakes.push(`--to ${texts.get('to')} found, expected not before --from ${texts.get('from')}`)
  }
  return { kind: 'stored', from, to }
}

function endOf(
  name: 'from' | 'to',
  texts: ReadonlyMap<string, string>,
  mistakes: string[]
): RangeEnd | undefined {
  const text = texts.get(name)
  const end = text === undefined ? undefined : rangeEndOf(text)
  const found = text === undefined ? 'is missing' : `${text} found`
  if (end === undefined) {
    mistakes.push(`--${name} ${found}, expected a date such as 2026-03-10 or 2026-03-10T14:00Z`)
  }
  return end
}

function listOf(text: string | undefined, mistakes: string[]): readonly string[] | undefined {
  if (text === undefined) return undefined
  const entries = text.split(',').map((entry) => entry.trim())
  if (entries.includes('')) {
    mistakes.push(`--symbols ${text} found, expected names between its commas`)
  }
  return [...new Set(entries)]
}

function specsFrom(
  texts: ReadonlyMap<string, string>,
  mistakes: string[]
): readonly ForecastSpec[] | undefined {
  const [forecasts, grid] = [texts.get('forecasts'), texts.get('grid')]
  if (forecasts !== undefined && grid !== undefined) {
    mistakes.push('--forecasts and --grid found, expected one of them')
  }
  try {
    if (forecasts !== undefined) return specsOf(forecasts)
    return grid === undefined ? undefined : gridOf(grid)
  } catch (error) {
    if (!(error instanceof Problems)) throw error
    const name = forecasts === undefined ? '--grid' : '--forecasts'
    mistakes.push(...error.problems.map((problem) => `${name}: ${problem}`))
    return undefined
  }
}
