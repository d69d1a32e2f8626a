import { CONDITION_POLICIES, type ConditionPolicy, type Timeframe } from '@tapedeck/domain'
import { Mistakes } from '../command/mistakes.ts'
import { readOptions, type OptionKind } from '../command/options.ts'
import { isForward, type RangeEnd } from './dates.ts'

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
export function readReprocessArguments(args: readonly string[]): ReprocessArguments | 'help' {
  const mistakes = new Mistakes('reprocess')
  const { texts, flags } = readOptions(args, REPROCESS_OPTIONS, mistakes)
  if (flags.has('help')) return 'help'
  const from = mistakes.end('--from', texts.get('from'))
  const to = mistakes.end('--to', texts.get('to'))
  const policy = mistakes.choice('--policy', texts.get('policy'), CONDITION_POLICIES)
  const source = mistakes.choice('--source', texts.get('source'), ['trades', 'topic'])
  const timeframes = mistakes.timeframes(texts.get('timeframes'))
  const symbols = mistakes.list('--symbols', texts.get('symbols'))
  if (from !== undefined && to !== undefined && !isForward(from, to)) {
    mistakes.add(`--to ${texts.get('to')} found, expected not before --from ${texts.get('from')}`)
  }
  for (const flag of ['force', 'yes']) {
    if (flags.has(flag) && !flags.has('swap')) {
      mistakes.add(`--${flag} found without --swap, expected both or neither`)
    }
  }
  mistakes.throwAny()
  return {
    from: from ?? { ms: 0 },
    to: to ?? { ms: 0 },
    symbols,
    policy,
    timeframes,
    source: source ?? 'trades',
    includeLate: flags.has('include-late'),
    isSwap: flags.has('swap'),
    isForced: flags.has('force'),
    isSure: flags.has('yes'),
    isAll: flags.has('all'),
    isJson: flags.has('json')
  }
}

/** @throws CONFIG_INVALID that names every mistake */
export function readAuditArguments(args: readonly string[]): AuditArguments | 'help' {
  const mistakes = new Mistakes('audit')
  const { texts, flags } = readOptions(args, AUDIT_OPTIONS, mistakes)
  if (flags.has('help')) return 'help'
  const date = mistakes.end('--date', texts.get('date'))
  if (date !== undefined && !('date' in date)) {
    mistakes.add(`--date ${texts.get('date')} found, expected a date such as 2026-03-10`)
  }
  const symbols = mistakes.list('--symbols', texts.get('symbols'))
  const timeframes = mistakes.timeframes(texts.get('timeframes'))
  mistakes.throwAny()
  return {
    date: date ?? { ms: 0 },
    symbols,
    timeframes,
    isAll: flags.has('all'),
    isJson: flags.has('json')
  }
}

const AUDIT_OPTIONS: Readonly<Record<string, OptionKind>> = {
  date: 'text',
  symbols: 'text',
  timeframes: 'text',
  all: 'flag',
  json: 'flag'
}
const REPROCESS_OPTIONS: Readonly<Record<string, OptionKind>> = {
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
}
