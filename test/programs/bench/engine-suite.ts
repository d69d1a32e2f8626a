import type { TradeRecord } from '@tapedeck/domain'
import { digestOf, digestProblems } from './digest.ts'
import { decodeAll, encoded, foldAll, type EngineOptions } from './engine-run.ts'
import { measureForecasts, type ForecastRow } from './engine-forecasts.ts'
import { measureMemory, type MemoryRow } from './engine-memory.ts'
import { lineThrough, measure, type MeasureOptions, type Subject, type Timing } from './measure.ts'
import { syntheticRecords, type SyntheticOptions } from './synthetic-trades.ts'

export interface EngineReport {
  /** Sections of comparable rows. */
  readonly sections: readonly { readonly title: string; readonly rows: readonly Timing[] }[]
  /** Cost of one more timeframe, and of none, ns a trade. */
  readonly perTimeframe: { readonly slopeNs: number; readonly interceptNs: number }
  readonly forecasts: readonly ForecastRow[]
  readonly memory: readonly MemoryRow[]
  /** What did not agree; empty when the check holds. */
  readonly problems: readonly string[]
  readonly holds: boolean
}

export interface SuiteOptions extends MeasureOptions {
  readonly shape: SyntheticOptions
  /** Instead of synthetic records, for everything but symbols, record sizes and memory. */
  readonly tape: readonly TradeRecord[] | undefined
  /** Final bars of one run of the forecasts at most; never more than trades. */
  readonly forecastBars: number
  say(text: string): void
}

const ALL: readonly string[] = ['1s', '5s', '15s', '1m', '5m', '15m', '1h', '1d']
/** What the consumer makes unless told otherwise. */
export const USUAL: readonly string[] = ['1s', '5s', '1m', '5m', '15m', '1h', '1d']
/** Windows of other kinds. */
const FURTHER: readonly string[] = ['regular', '5m/1m', '100t', '50000v', '1000000usd']
const SYMBOLS: readonly number[] = [10, 100, 1000, 10_000]
/** With fewer the heap's own noise is as large. */
const MANY_SYMBOLS: readonly number[] = [100, 1000, 10_000]
const RECORD_SIZES: readonly number[] = [1, 5, 10]
/** Times the engine in every configuration and compares what they give. */
export async function runEngineSuite(options: SuiteOptions): Promise<EngineReport> {
  const { shape, say } = options
  const records = options.tape ?? [...syntheticRecords(shape)]
  const trades = records.reduce((sum, record) => sum + record.trades.length, 0)
  const bytes = encoded(records)
  const problems: string[] = []
  const expected = await digestOf(records, { timeframes: ALL })
  const check = async (name: string, ...given: Parameters<typeof digestOf>): Promise<void> => {
    problems.push(...digestProblems(name, expected, await digestOf(...given)))
  }
  const sections: { title: string; rows: Timing[] }[] = []
  const section = async (
    title: string,
    subjects: readonly Subject[]
  ): Promise<readonly Timing[]> => {
    say(title)
    const rows = await measure(subjects, options)
    sections.push({ title, rows })
    return rows
  }
  const subject = (name: string, given: typeof records | typeof bytes, run: EngineOptions) => ({
    name,
    trades,
    run: async () => {
      const result = await foldAll(given, run)
      if (result.trades !== trades) problems.push(`${name}: ${result.trades} trades of ${trades}`)
    }
  })

  await section('stages', [
    { name: 'decode (JSON.parse and check)', trades, run: () => decodeAll(bytes) },
    subject('fold', records, { timeframes: USUAL }),
    subject('decode and fold', bytes, { timeframes: USUAL })
  ])
  await check('decode and fold', bytes, { timeframes: USUAL })

  const counts = ALL.map((_, index) => index + 1)
  const byTimeframes = await section(
    'timeframes',
    counts.map((count) => subject(`${count}`, records, { timeframes: ALL.slice(0, count) }))
  )
  for (const count of counts) {
    await check(`${count} timeframes`, records, { timeframes: ALL.slice(0, count) })
  }
  const line = lineThrough(byTimeframes.map(({ nsPerTrade }, index) => [index + 1, nsPerTrade]))

  await section(
    'usual timeframes and one window more',
    ['none', ...FURTHER].map((further) =>
      subject(further, records, {
        timeframes: further === 'none' ? USUAL : [...USUAL, further]
      })
    )
  )

  await section(
    'panes a flush',
    [200, 2000, 20_000].map((flushPanes) =>
      subject(`${flushPanes}`, records, { timeframes: USUAL, flushPanes })
    )
  )
  for (const flushPanes of [200, 20_000]) {
    await check(`flush at ${flushPanes} panes`, records, { timeframes: ALL, flushPanes })
  }

  if (options.tape === undefined) {
    const sizes = RECORD_SIZES.map((perRecord) => ({
      perRecord,
      cut: [...syntheticRecords({ ...shape, perRecord })]
    }))
    for (const { perRecord, cut } of sizes) {
      await check(`records of ${perRecord}`, cut, { timeframes: ALL })
    }
    await section(
      'trades a record',
      sizes.flatMap(({ perRecord, cut }) => [
        subject(`${perRecord}, fold`, cut, { timeframes: USUAL }),
        subject(`${perRecord}, decode and fold`, encoded(cut), { timeframes: USUAL })
      ])
    )
    await section(
      'symbols',
      await Promise.all(SYMBOLS.map((symbols) => bySymbols(symbols, { ...options, problems })))
    )
  }
  say('forecasts')
  const forecasts = measureForecasts(
    Math.min(shape.trades, options.forecastBars),
    options,
    problems
  )
  say('memory')
  const memory: MemoryRow[] = []
  for (const symbols of MANY_SYMBOLS) {
    memory.push(await measureMemory(symbols, USUAL, options.collectGarbage))
  }
  return {
    sections,
    perTimeframe: { slopeNs: Math.round(line.slope), interceptNs: Math.round(line.intercept) },
    forecasts,
    memory,
    problems: [...new Set(problems)],
    holds: problems.length === 0
  }
}

/** The same number of trades over more symbols: more panes, so more to merge. */
async function bySymbols(
  symbols: number,
  { shape, problems }: Pick<SuiteOptions, 'shape'> & { readonly problems: string[] }
): Promise<Subject> {
  const cut = [...syntheticRecords({ ...shape, symbols })]
  const { panes } = await foldAll(cut, { timeframes: USUAL })
  for (const [timeframe, { trades }] of await digestOf(cut, { timeframes: USUAL })) {
    if (trades === shape.trades) continue
    problems.push(`${symbols} symbols: ${trades} trades in bars of ${timeframe}`)
  }
  return {
    name: `${symbols} (${(shape.trades / panes).toFixed(1)} trades a pane)`,
    trades: shape.trades,
    run: async () => {
      await foldAll(cut, { timeframes: USUAL })
    }
  }
}
