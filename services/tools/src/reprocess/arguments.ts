import { argumentReader } from '@tapedeck/core'
import { CONDITION_POLICIES, type ConditionPolicy, type Timeframe } from '@tapedeck/domain'
import { checkTimeframes, readRange, type RangeEnd } from '../command/arguments.ts'

export const REPROCESS_USAGE = `Rebuilds bars from the stored trades, prints the differences, and replaces the stored bars on request.

  npm run reprocess -- --from WHEN --to WHEN [--symbols A,B] [--policy feed|sip|all] [--timeframes 1m,1d]

  --from, --to WHEN  a trading date (2026-03-10, inclusive) or a moment (2026-03-10T14:00Z);
                     trading dates are always rebuilt whole
  --symbols A,B      only these symbols
  --policy P         which trades set prices: ${CONDITION_POLICIES.join(', ')} (CONDITION_POLICY)
  --timeframes …     which bars to rebuild (TIMEFRAMES)
  --source S         trades: the collection (default); topic: raw_data, read from its start
  --include-late     also use trades that were too late; with --source topic also those from the future
  --swap             replace the bars that differ; asks first, unless --yes is given
  --force            also replace bars whose trades are not proven to be the same
  --all              print every difference, not only the first 50
  --json             print one JSON object as the last line

Rebuilt bars are stored in bars_shadow. Forecasts do not change. Without MONGODB_URI and KAFKA_BROKERS the
servers of the npm start that runs from TAPEDECK_DATA_DIR are used.
Exit codes: 0 done, 1 not all could be replaced, 2 wrong arguments or a server is missing.
`

export interface ReprocessArguments {
  readonly from: RangeEnd
  readonly to: RangeEnd
  /** Undefined: every stored symbol. */
  readonly symbols: readonly string[] | undefined
  /** Undefined: as the environment says. */
  readonly policy: ConditionPolicy | undefined
  readonly timeframes: readonly Timeframe[] | undefined
  readonly source: 'trades' | 'topic'
  readonly includeLate: boolean
  readonly isSwap: boolean
  readonly isForced: boolean
  /** Swap without asking. */
  readonly isSure: boolean
  readonly isAll: boolean
  readonly isJson: boolean
}

/** @throws CONFIG_INVALID that names every mistake */
export const readReprocessArguments = argumentReader({
  name: 'reprocess',
  options: {
    from: 'text',
    to: 'text',
    symbols: 'text',
    policy: 'text',
    timeframes: 'text',
    source: 'text',
    'include-late': 'flag',
    swap: 'flag',
    force: 'flag',
    yes: 'flag',
    all: 'flag',
    json: 'flag'
  },
  read(given): ReprocessArguments {
    for (const flag of ['force', 'yes'] as const) {
      if (given.flag(flag) && !given.flag('swap')) {
        given.mistake(`--${flag} found without --swap, expected both or neither`)
      }
    }
    return {
      ...readRange(given, given.text('from'), given.text('to')),
      symbols: given.list('symbols'),
      policy: given.choice('policy', CONDITION_POLICIES),
      timeframes: checkTimeframes(given, given.list('timeframes')),
      source: given.choice('source', ['trades', 'topic']) ?? 'trades',
      includeLate: given.flag('include-late'),
      isSwap: given.flag('swap'),
      isForced: given.flag('force'),
      isSure: given.flag('yes'),
      isAll: given.flag('all'),
      isJson: given.flag('json')
    }
  }
})
