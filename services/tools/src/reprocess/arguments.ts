import { argumentReader } from '@tapedeck/core'
import {
  CONDITION_POLICIES,
  timeframeProblem,
  type ConditionPolicy,
  type Timeframe
} from '@tapedeck/domain'
import { readRange, readRangeEnd, type RangeEnd } from './dates.ts'

export const REPROCESS_USAGE = `Builds bars anew from what is kept of the trades, shows what differs, swaps it in on request.

  npm run reprocess -- --from WHEN --to WHEN [--symbols A,B] [--policy feed|sip|all] [--timeframes 1m,1d]

  --from, --to WHEN  a trading date (2026-03-10, inclusive) or a moment (2026-03-10T14:00Z);
                     trading dates are always rebuilt whole
  --policy P         by which rules conditions count (CONDITION_POLICY)
  --timeframes …     which bars (TIMEFRAMES)
  --source S         trades: from the collection (default); topic: from raw_data, read from its start
  --include-late     also trades that were too late or from the future
  --swap             replace the bars that differ; asks before, unless --yes
  --force            also bars of which the trades are not proven to be these
  --all              every difference, not only the first 50
  --json             one JSON object on the last line

Rebuilt bars stand in bars_shadow. Forecasts are not touched. MONGODB_URI says where; not set: the
database that npm start runs from TAPEDECK_DATA_DIR.
Exit codes: 0 done, 1 not all could be swapped, 2 a mistake in the command or a server missing.
`

export const AUDIT_USAGE = `Counts a trading date anew from the stored trades and compares every bar, to the last digit.

  npm run audit -- --date 2026-03-10 [--symbols A,B] [--timeframes 1m,1d] [--all] [--json]

Exit codes: 0 no difference, 1 some, 2 a mistake in the command or a server missing.
`

export interface ReprocessArguments {
  readonly from: RangeEnd
  readonly to: RangeEnd
  readonly symbols: readonly string[] | undefined
  readonly policy: ConditionPolicy | undefined
  readonly timeframes: readonly Timeframe[] | undefined
  readonly source: 'trades' | 'topic'
  readonly includeLate: boolean
  readonly isSwap: boolean
  readonly isForced: boolean
  readonly isSure: boolean
  readonly isAll: boolean
  readonly isJson: boolean
}

export interface AuditArguments {
  readonly date: RangeEnd
  readonly symbols: readonly string[] | undefined
  readonly timeframes: readonly Timeframe[] | undefined
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
    const timeframes = given.list('timeframes')
    given.mistake(...timeframeMistakes(timeframes))
    return {
      ...readRange(given, given.text('from'), given.text('to')),
      symbols: given.list('symbols'),
      policy: given.choice('policy', CONDITION_POLICIES),
      timeframes,
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

/** @throws CONFIG_INVALID that names every mistake */
export const readAuditArguments = argumentReader({
  name: 'audit',
  options: { date: 'text', symbols: 'text', timeframes: 'text', all: 'flag', json: 'flag' },
  read(given): AuditArguments {
    const date = readRangeEnd(given, '--date', given.text('date'))
    if (date !== undefined && !('date' in date)) {
      given.mistake(`--date ${given.text('date')} found, expected a date such as 2026-03-10`)
    }
    const timeframes = given.list('timeframes')
    given.mistake(...timeframeMistakes(timeframes))
    return {
      date: date ?? { ms: 0 },
      symbols: given.list('symbols'),
      timeframes,
      isAll: given.flag('all'),
      isJson: given.flag('json')
    }
  }
})

function timeframeMistakes(names: readonly string[] | undefined): string[] {
  const problems = names?.map(timeframeProblem).filter((one) => one !== undefined) ?? []
  return problems.map((problem) => `--timeframes: ${problem}`)
}
