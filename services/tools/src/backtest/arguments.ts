import { commandLine, Problems } from '@tapedeck/core'
import {
  CONDITION_POLICIES,
  forecastsVariable,
  specName,
  type ConditionPolicy,
  type ForecastSpec
} from '@tapedeck/domain'
import { readRange, type RangeEnd } from '../command/arguments.ts'
import { DATABASE_SETTINGS } from '../command/config.ts'

/** Combinations of one run; more would take hours and gigabytes. */
const MAX_SPECS = 200

const FORECASTS = forecastsVariable()

/** Where trades come from. */
type TradesWanted =
  | { readonly kind: 'files'; readonly files: readonly string[] }
  | { readonly kind: 'stored'; readonly from: RangeEnd; readonly to: RangeEnd }

export interface BacktestArguments {
  readonly trades: TradesWanted
  /** Undefined: every symbol. */
  readonly symbols: readonly string[] | undefined
  /** Undefined: as the environment says. */
  readonly specs: readonly ForecastSpec[] | undefined
  readonly policy: ConditionPolicy | undefined
  readonly seed: number
  readonly reportFolder: string | undefined
  readonly isJson: boolean
}

/** The command line of `npm run backtest`. */
export const backtestCommand = commandLine({
  name: 'backtest',
  purpose:
    'Plays recorded or stored trades through the code of the consumer, and scores the forecasts.',
  forms: [
    '-- --file TAPE [--file TAPE…] [--grid GRID] [--report DIR]',
    '-- --from WHEN --to WHEN [--symbols A,B] [--grid GRID] [--report DIR]'
  ],
  options: {
    file: [
      'texts',
      'TAPE',
      'a recorded tape, .ndjson or .ndjson.gz, with a trade, a Finnhub frame or a frame of a ' +
        'capture on each line; several are played one after another; no server is used'
    ],
    from: [
      'text',
      'WHEN',
      'stored trades: a trading date (2026-03-10, inclusive) or a moment (2026-03-10T14:00Z);'
    ],
    to: ['text', 'WHEN', 'trading dates are always played whole'],
    symbols: ['text', 'A,B', 'only these symbols'],
    forecasts: ['text', 'LIST', 'timeframe:lookback:horizon, … (FORECASTS)'],
    grid: [
      'text',
      'GRID',
      'timeframe:lookbacks:horizons, every combination; several grids are separated by ;'
    ],
    policy: [
      'text',
      'P',
      `which trades set prices: ${CONDITION_POLICIES.join(', ')} (CONDITION_POLICY)`
    ],
    seed: ['text', 'N', 'seed of the resampling that gives the range of skill (1)'],
    report: ['text', 'DIR', 'write report.md with plots to this folder'],
    json: ['flag', 'the last line is one JSON object']
  },
  settings: {
    ...DATABASE_SETTINGS,
    FORECASTS: 'what is forecast',
    CONDITION_POLICY: 'which trades set prices'
  },
  exits: ['it ran', 'it failed', 'wrong arguments, or a server is missing'],
  example: '-- --file tape.ndjson.gz --grid "1m:20,60:1,5"',
  read(given): BacktestArguments {
    const files = given.texts('file')
    const [from, to] = [given.text('from'), given.text('to')]
    const isRange = from !== undefined || to !== undefined
    if (!isRange && files.length === 0) {
      given.mistake('no trades are named, expected --file FILE, or --from WHEN --to WHEN')
    }
    if (isRange && files.length > 0) {
      given.mistake('--file and --from or --to found, expected one of them')
    }
    return {
      trades: isRange
        ? { kind: 'stored', ...readRange(given, from, to) }
        : { kind: 'files', files },
      symbols: given.list('symbols'),
      specs: readSpecs(given, given.text('forecasts'), given.text('grid')),
      policy: given.choice('policy', CONDITION_POLICIES),
      seed: given.whole('seed', 0, 0xff_ff_ff_ff) ?? 1,
      reportFolder: given.text('report'),
      isJson: given.flag('json')
    }
  }
})

function readSpecs(
  given: { mistake(...texts: readonly string[]): void },
  forecasts: string | undefined,
  grid: string | undefined
): readonly ForecastSpec[] | undefined {
  if (forecasts !== undefined && grid !== undefined) {
    given.mistake('--forecasts and --grid found, expected one of them')
  }
  try {
    if (forecasts !== undefined) return specsOf(forecasts)
    return grid === undefined ? undefined : gridOf(grid)
  } catch (error) {
    if (!(error instanceof Problems)) throw error
    const name = forecasts === undefined ? '--grid' : '--forecasts'
    given.mistake(...error.problems.map((problem) => `${name}: ${problem}`))
    return undefined
  }
}

/**
 * A list such as 1m:20:1,1m:60:1 (timeframe:lookback:horizon). Unlike FORECASTS it may name several
 * lookbacks of one horizon.
 * @throws Problems that name every bad entry
 */
function specsOf(text: string): readonly ForecastSpec[] {
  return parse(text.split(',').map((entry) => entry.trim()))
}

/**
 * Every combination of a grid such as `1m:20,60,120:1,5,12` (timeframe:lookbacks:horizons); several
 * grids are separated by `;`.
 * @throws Problems that name every bad entry
 */
function gridOf(text: string): readonly ForecastSpec[] {
  const entries: string[] = []
  const problems: string[] = []
  for (const part of text.split(';').map((one) => one.trim())) {
    const [timeframe, lookbacks, horizons, more] = part.split(':')
    if (lookbacks === undefined || horizons === undefined || more !== undefined) {
      problems.push(
        `'${part}' is no grid, expected timeframe:lookbacks:horizons such as 1m:20,60:1,5`
      )
      continue
    }
    for (const lookback of lookbacks.split(',')) {
      for (const horizon of horizons.split(',')) {
        entries.push(`${timeframe}:${lookback.trim()}:${horizon.trim()}`)
      }
    }
  }
  if (problems.length > 0) throw new Problems(problems)
  return parse(entries)
}

function parse(entries: readonly string[]): readonly ForecastSpec[] {
  const problems: string[] = []
  const specs = new Map<string, ForecastSpec>()
  for (const entry of entries) {
    try {
      for (const spec of FORECASTS.parse(entry) ?? []) specs.set(specName(spec), spec)
    } catch (error) {
      if (!(error instanceof Problems)) throw error
      problems.push(...error.problems)
    }
  }
  if (specs.size > MAX_SPECS) {
    problems.push(`${specs.size} combinations found, expected ${MAX_SPECS} at most`)
  }
  if (problems.length > 0) throw new Problems([...new Set(problems)])
  return [...specs.values()]
}
