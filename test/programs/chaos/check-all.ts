import { checkBars, type BarCheck } from '../bars/check-bars.ts'
import { BarRecount, TIMEFRAMES } from '../bars/expected-bars.ts'
import { compareBars, type Comparison } from '../verify-tape/compare-bars.ts'
import { readReferenceBars } from '../verify-tape/reference-bars.ts'
import { checkMissing, type MissingCheck } from './missing-trades.ts'
import { checkTrades, type TradeCheck } from './check-trades.ts'
import type { Findings } from './findings.ts'
import { checkForecasts, type ForecastCheck } from './forecasts/check-forecasts.ts'
import { FORECASTS } from './forecasts/specs.ts'
import { ALLOWED_DELAY_MS, type Harness } from './harness.ts'
import { afterWhatWasUnderWay } from './caused-outages.ts'
import { readTopicTruth } from './topic-truth.ts'
import { checkOutages, type OutageCheck } from './check-outages.ts'
import type { Victim } from './fault-plan.ts'
import { ageCheckpoints, runAudit, type AuditCheck } from './run-audit.ts'

export interface Checks {
  readonly tape: number
  readonly topic: { readonly trades: number; readonly records: number; readonly repeated: number }
  readonly trades: TradeCheck
  readonly bars: readonly BarCheck[]
  readonly forecasts: ForecastCheck
  readonly missing: MissingCheck
  readonly gaps: number
  /** Only in the present. */
  readonly outages: OutageCheck | undefined
  readonly audit: AuditCheck
  /** Against the reference file of the tape; undefined where trades are missing or there is none. */
  readonly reference: Comparison | undefined
}

/** What is stored against the topic, the topic against the tape. Finds, and never throws for it. */
export async function checkAll(
  {
    kafka,
    database,
    tape,
    present,
    outages: caused,
    consumerEnv
  }: Pick<Harness, 'kafka' | 'database' | 'tape' | 'present' | 'outages' | 'consumerEnv'>,
  {
    referenceFile,
    spared = [],
    signal
  }: {
    readonly referenceFile?: string
    readonly spared?: readonly Victim[]
    readonly signal: AbortSignal
  },
  findings: Findings
): Promise<Checks> {
  const { trades: truth, records, repeated, ends } = await readTopicTruth(kafka)
  const trades = await checkTrades(database, truth, findings)
  const gaps = await database.feedGaps.find().toArray()
  const recount = new BarRecount(truth, ALLOWED_DELAY_MS)
  const bars: BarCheck[] = []
  for (const timeframe of TIMEFRAMES) {
    const expected = recount.bars(timeframe)
    const facts = { gaps, topic: kafka.topic, ends }
    const onProblem = (problem: string): void => findings.add(`bar ${timeframe}`, problem)
    bars.push(await checkBars(database, timeframe, expected, facts, onProblem))
  }
  const forecasts = await checkForecasts(
    database,
    truth,
    { topic: kafka.topic, specs: FORECASTS, allowedDelayMs: ALLOWED_DELAY_MS },
    findings
  )
  const isPresent = present !== undefined
  const missing = checkMissing(tape, truth, gaps, findings, isPresent)
  if (spared.includes('producer') && missing.missing > 0) {
    findings.add('spared', `${missing.missing} trades are missing although no producer was killed`)
  }
  const symbols = new Set(tape.map(({ s }) => s))
  const outages = isPresent
    ? await checkOutages(
        database,
        afterWhatWasUnderWay(caused.all, truth),
        [...symbols],
        gaps,
        findings
      )
    : undefined
  await ageCheckpoints(database)
  const audit = await runAudit(truth, consumerEnv, findings, signal)
  const reference =
    referenceFile === undefined || isPresent || missing.missing > 0
      ? undefined
      : compareBars(
          (await readReferenceBars(referenceFile)).filter(({ symbol }) => symbols.has(symbol)),
          await database.bars.find({ timeframe: '1m' }, { projection: { exact: 0 } }).toArray()
        )
  for (const difference of reference?.differences ?? [])
    findings.add('reference', `reference ${difference}`)
  return {
    tape: tape.length,
    topic: { trades: truth.length, records, repeated },
    trades,
    bars,
    forecasts,
    missing,
    gaps: gaps.length,
    outages,
    audit,
    reference
  }
}
