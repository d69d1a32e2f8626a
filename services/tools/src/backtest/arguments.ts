import { Problems } from '@tapedeck/core'
import { CONDITION_POLICIES, type ConditionPolicy, type ForecastSpec } from '@tapedeck/domain'
import { Mistakes } from '../command/mistakes.ts'
import { readOptions, type OptionKind, type Options } from '../command/options.ts'
import { isForward, type RangeEnd } from '../reprocess/dates.ts'
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
  const mistakes = new Mistakes('backtest')
  const options = readOptions(args, OPTIONS, mistakes, 'only options; a tape is --file FILE')
  const { texts, flags } = options
  if (flags.has('help')) return 'help'
  const trades = tradesOf(options, mistakes)
  const symbols = mistakes.list('--symbols', texts.get('symbols'))
  const specs = specsFrom(texts, mistakes)
  const policy = mistakes.choice('--policy', texts.get('policy'), CONDITION_POLICIES)
  const seed = Number(texts.get('seed') ?? 1)
  if (!Number.isSafeInteger(seed) || seed < 0 || seed > 0xff_ff_ff_ff) {
    mistakes.add(`--seed ${texts.get('seed')} found, expected a whole number from 0 to 4294967295`)
  }
  mistakes.throwAny()
  const reportFolder = texts.get('report')
  return { trades, symbols, specs, policy, seed, reportFolder, isJson: flags.has('json') }
}

const OPTIONS: Readonly<Record<string, OptionKind>> = {
  file: 'texts',
  from: 'text',
  to: 'text',
  symbols: 'text',
  forecasts: 'text',
  grid: 'text',
  policy: 'text',
  seed: 'text',
  report: 'text',
  json: 'flag'
}

function tradesOf({ texts, lists }: Options, mistakes: Mistakes): TradesWanted {
  const files = lists.get('file') ?? []
  const isRange = texts.has('from') || texts.has('to')
  if (!isRange) {
    if (files.length === 0) {
      mistakes.add('no trades are named, expected --file FILE, or --from WHEN --to WHEN')
    }
    return { kind: 'files', files }
  }
  if (files.length > 0) mistakes.add('--file and --from or --to found, expected one of them')
  const from = mistakes.end('--from', texts.get('from'))
  const to = mistakes.end('--to', texts.get('to'))
  if (from !== undefined && to !== undefined && !isForward(from, to)) {
    mistakes.add(`--to ${texts.get('to')} found, expected not before --from ${texts.get('from')}`)
  }
  return { kind: 'stored', from: from ?? { ms: 0 }, to: to ?? { ms: 0 } }
}

function specsFrom(
  texts: ReadonlyMap<string, string>,
  mistakes: Mistakes
): readonly ForecastSpec[] | undefined {
  const [forecasts, grid] = [texts.get('forecasts'), texts.get('grid')]
  if (forecasts !== undefined && grid !== undefined) {
    mistakes.add('--forecasts and --grid found, expected one of them')
  }
  try {
    if (forecasts !== undefined) return specsOf(forecasts)
    return grid === undefined ? undefined : gridOf(grid)
  } catch (error) {
    if (!(error instanceof Problems)) throw error
    const name = forecasts === undefined ? '--grid' : '--forecasts'
    mistakes.add(...error.problems.map((problem) => `${name}: ${problem}`))
    return undefined
  }
}
