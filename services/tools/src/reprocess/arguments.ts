import { commandLine } from '@tapedeck/core'
import { CONDITION_POLICIES, type ConditionPolicy, type Timeframe } from '@tapedeck/domain'
import { checkTimeframes, readRange, type RangeEnd } from '../command/arguments.ts'
import { DATABASE_SETTINGS } from '../command/config.ts'

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

/** The command line of `npm run reprocess`. */
export const reprocessCommand = commandLine({
  name: 'reprocess',
  purpose:
    'Rebuilds bars from the stored trades, prints the differences, and replaces the stored bars on request.',
  forms: ['-- --from WHEN --to WHEN [--symbols A,B] [--policy P] [--timeframes 1m,1d] [--swap]'],
  options: {
    from: [
      'text',
      'WHEN',
      'a trading date (2026-03-10, inclusive) or a moment (2026-03-10T14:00Z);'
    ],
    to: ['text', 'WHEN', 'trading dates are always rebuilt whole'],
    symbols: ['text', 'A,B', 'only these symbols'],
    policy: [
      'text',
      'P',
      `which trades set prices: ${CONDITION_POLICIES.join(', ')} (CONDITION_POLICY)`
    ],
    timeframes: ['text', 'LIST', 'which bars to rebuild (TIMEFRAMES)'],
    source: ['text', 'S', 'trades: the collection (default); topic: raw_data, read from its start'],
    'include-late': [
      'flag',
      'also use trades that were too late; with --source topic also those from the future'
    ],
    swap: ['flag', 'replace the bars that differ; asks first, unless --yes is given'],
    force: ['flag', 'also replace bars whose trades are not proven to be the same'],
    yes: ['flag', 'replace without asking'],
    all: ['flag', 'every difference, not only the first 50'],
    json: ['flag', 'the last line is one JSON object']
  },
  settings: {
    ...DATABASE_SETTINGS,
    KAFKA_BROKERS: 'the same for the broker, with --source topic',
    TIMEFRAMES: 'which bars are rebuilt',
    CONDITION_POLICY: 'which trades set prices'
  },
  notes: 'Rebuilt bars are stored in bars_shadow. Forecasts do not change.',
  exits: ['done', 'not all could be replaced', 'wrong arguments, or a server is missing'],
  example: '-- --from 2026-03-09 --to 2026-03-10 --policy sip',
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
