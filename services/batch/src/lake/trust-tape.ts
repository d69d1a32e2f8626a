import { TapedeckError } from '@tapedeck/core'
import { isActivity, lengthOf, stepOf } from '@tapedeck/domain'
import type { Manifest, Published } from '@tapedeck/lake'
import type { TapeFacts } from './capture-tape.ts'
import type { Cell, Engine } from './engine.ts'
import type { ModuleContext } from './module.ts'
import { deriving, writeTables } from './publishing.ts'
import { queryOf } from './sql.ts'

/** What is read of the lines of each collection: names of columns, and their keys where those differ. */
const COLUMNS = {
  trades:
    '_id symbol price size tradedAt receivedAt conditions session tradeDate eligible feed vendorId copyOf'.split(
      ' '
    ),
  late_trades: ['_id', 'reason'],
  bars: (
    '_id symbol timeframe open high low close volume notional vwap realisedVolatility tradeCount session ' +
    'tradeDate status revision coverage policy feed'
  )
    .split(' ')
    .concat('window_start start', 'window_end end'),
  forecasts: (
    '_id symbol timeframe horizon model target madeFrom lastClose forecast bandLower bandUpper naive actual ' +
    'error naiveError inBand status timing createdAt scoredAt feed'
  ).split(' ')
} as const

/** The counts that were compared; the manifest has them. */
interface TrustFacts {
  readonly isWhole: boolean
  readonly noTrading: string | null
  readonly mongoTrades: number
  readonly trades: number
  readonly rejects: number
  /** Trades in bars, which the counts of the bars were compared with. */
  readonly inBars: number
  /** Trades in no bar: too late, or of conditions that bars leave out. */
  readonly notInBars: number
  /** Trades whose price or size is not exact in the decimals of the lake. */
  readonly rounded: number
  readonly checkedTimeframes: readonly string[]
  readonly feeds: readonly string[]
}

/**
 * Types and checks what was captured of a date, and publishes it when the counts agree: each trade of MongoDB is among the
 * trades or the rejects, and the bars of every timeframe hold as many trades as the lake has for them.
 * @throws STATE_CORRUPT with the difference
 */
export async function trustTape(context: ModuleContext): Promise<Manifest> {
  const { date, terminal } = context
  const manifest = await deriving(context, async ([raw], draft, engine) => {
    await viewRaw(engine, raw, date)
    await engine.keep('checked_trades', queryOf('trades-checked'))
    const tables = await writeTables(engine, draft, TABLES, context)
    return { tables, facts: { ...(await checkCounts(engine, raw, date)) } }
  })
  const facts = manifest.facts as unknown as TrustFacts
  terminal.write(
    `${manifest.part}: ${facts.trades} trades as in MongoDB, ${facts.inBars} of them in bars as in ` +
      `${facts.checkedTimeframes.join(', ') || 'no bars'}; ${facts.rejects} rejected\n`
  )
  if (facts.rejects > 0) terminal.note(`${facts.rejects} trades were rejected: see table rejects`)
  return manifest
}

async function viewRaw(engine: Engine, raw: Published, date: string): Promise<void> {
  for (const name of ['trades', 'bars', 'forecasts'] as const) {
    await engine.viewLines(`raw_${name}`, raw.files(name), COLUMNS[name])
  }
  await engine.viewLines('raw_late', raw.files('late_trades'), COLUMNS.late_trades)
  await engine.viewQuery('the_date', `select '${date}' as trade_date`)
}

/** The tables of `trusted/tape`: what is checked is what was written. */
const TABLES = [
  { name: 'trades', view: 'trusted_trades', extents: ['symbol', 'traded_at'] },
  { name: 'rejects', extents: [] },
  { name: 'bars', view: 'trusted_bars', extents: ['symbol', 'window_start'] },
  { name: 'forecasts', extents: ['symbol', 'target'] }
] as const

async function checkCounts(engine: Engine, raw: Published, date: string): Promise<TrustFacts> {
  const captured = raw.manifest.facts as unknown as TapeFacts
  const mongoTrades = captured.counted.trades
  const [counts = {}] = await engine.rows(
    `select
      count(*) filter (where reason is null) as trades,
      count(*) filter (where reason is not null) as rejects,
      count(*) filter (where reason is not null and copy > 1) as repeated,
      count(*) filter (where reason is null and in_bars) as in_bars,
      count(*) filter (where reason is null and is_rounded) as rounded
    from checked_trades`
  )
  const of = (name: string): number => Number(counts[name] ?? 0)
  const [kept = {}] = await engine.rows('select count(*) as n from trusted_trades')
  const [trades, rejects] = [of('trades'), of('rejects')]
  if (Number(kept['n']) !== trades || trades + rejects - of('repeated') !== mongoTrades) {
    throw new TapedeckError(
      'STATE_CORRUPT',
      `Cannot trust ${date}: ${mongoTrades} trades in MongoDB, ${Number(kept['n'])} in the lake and ` +
        `${rejects - of('repeated')} rejected, a difference of ` +
        `${mongoTrades - Number(kept['n']) - rejects + of('repeated')}`
    )
  }
  const checkedTimeframes = await completeTimeframes(engine, captured)
  if (checkedTimeframes.length === 0 && of('in_bars') > 0) {
    throw new TapedeckError(
      'STATE_CORRUPT',
      `Cannot trust ${date}: ${of('in_bars')} trades belong in bars and no bars are stored to compare with`
    )
  }
  const values = checkedTimeframes.map((name) => `('${name}')`).join(', ')
  await engine.viewQuery(
    'checked_timeframes',
    values === ''
      ? `select 'none' as timeframe where false`
      : `select * from (values ${values}) as t(timeframe)`
  )
  const feeds = await engine.rows('select distinct feed from trusted_trades order by feed')
  const differences = await engine.rows(queryOf('count-differences'))
  if (differences.length > 0) throw differing(date, differences)
  return {
    isWhole: captured.isWhole,
    noTrading: captured.noTrading,
    mongoTrades,
    trades,
    rejects,
    inBars: of('in_bars'),
    notInBars: trades - of('in_bars'),
    rounded: of('rounded'),
    checkedTimeframes,
    feeds: feeds.map(({ feed }) => String(feed))
  }
}

const SHOWN = 10

function differing(
  date: string,
  differences: readonly Readonly<Record<string, Cell>>[]
): TapedeckError {
  const lines = differences.slice(0, SHOWN).map((row) => {
    const [lake, bars] = [Number(row['lake_trades']), Number(row['bar_trades'])]
    const difference = lake - bars
    const sign = difference > 0 ? '+' : ''
    return `${row['symbol']} ${row['timeframe']}: ${lake} trades in the lake, ${bars} in the bars (${sign}${difference})`
  })
  const more = differences.length - lines.length
  return new TapedeckError(
    'STATE_CORRUPT',
    `Cannot trust ${date}: the trades and the bars differ\n  ${lines.join('\n  ')}` +
      `${more > 0 ? `\n  and ${more} more` : ''}\n  npm run audit -- --date ${date} says which bars`
  )
}

/**
 * The timeframes whose bars hold every trade of what was captured once. Of a date that goes on, only windows that end
 * with a minute are whole.
 */
async function completeTimeframes(
  engine: Engine,
  { isWhole, expiring }: TapeFacts
): Promise<string[]> {
  const found = await engine.rows('select distinct timeframe from trusted_bars order by timeframe')
  return found
    .map(({ timeframe }) => String(timeframe))
    .filter((timeframe) => {
      if (isActivity(timeframe) || timeframe === 'regular' || expiring.includes(timeframe))
        return false
      const lengthMs = lengthOf(timeframe)
      if (lengthMs === undefined || lengthMs !== stepOf(timeframe)) return false
      return isWhole || 60_000 % lengthMs === 0
    })
}
