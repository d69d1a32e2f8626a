import { FORECAST_MODELS } from '@tapedeck/domain'
import type { Database, ForecastDocument } from '@tapedeck/mongo'
import type { Findings } from '../findings.ts'
import { bandProblems } from './band-problems.ts'
import { walkDetector, type DetectorEnd } from './detector-path.ts'
import { expectedEntries, type Expectation } from './expected-entries.ts'
import { absenceProblems, checkHoles } from './hole-problems.ts'
import { checkLine } from './line-problems.ts'
import { originProblems } from './origin-problems.ts'
import { isLeftOpen, outcomeProblems } from './outcome-problems.ts'
import { referenceRun } from './reference-run.ts'
import type { SeriesFacts } from './series-facts.ts'
import { stateProblems } from './state-problems.ts'

/** Kinds of findings; each is counted. */
export const FORECAST_KINDS = {
  twice: 'forecast twice',
  origin: 'forecast origin',
  line: 'forecast line',
  band: 'forecast band',
  outcome: 'forecast outcome',
  leftOpen: 'forecast left open',
  hole: 'forecast hole',
  absence: 'forecast absence',
  state: 'forecast state',
  score: 'forecast score'
} as const

/** What was seen of the entries of some series. */
export interface LedgerCount {
  readonly entries: number
  readonly scored: number
  readonly void: number
  readonly open: number
  /** Scored or voided again after late trades. */
  readonly rewritten: number
  /** Final bars, each once a model. */
  readonly bars: number
  /** Of them: late trades, a gap or a flush boundary decide whether an entry belongs there. */
  readonly undecided: number
  /** Entries whose line could not be fitted again, because late trades leave open which closes were in use. */
  readonly unfitted: number
  /** Entries with another band than expected, where late trades leave in doubt which to expect. */
  readonly unfollowed: number
}

/** Everything of one series: its entries, what is missing among them, and the state that goes on from them. */
export async function checkSeries(
  database: Database,
  facts: SeriesFacts,
  findings: Findings
): Promise<LedgerCount> {
  const { symbol, spec, id } = facts
  const { timeframe, horizon } = spec
  const series = { symbol, timeframe, horizon }
  const entries = await database.forecasts.find(series).sort({ target: 1 }).toArray()
  const absences = await database.forecastAbsences.find(series).toArray()
  const events = await database.forecastEvents.find(series).toArray()
  const state = await database.forecastSeries.findOne({ _id: id })
  const reference = referenceRun(entries, facts)
  let unfitted = 0
  let unfollowed = 0
  for (const entry of entries) {
    if (!checkEntry(entry, facts, findings)) unfitted++
    const problems = bandProblems(entry, reference.entries.get(entry._id))
    if (problems.length === 0) continue
    if (entry.madeFrom.getTime() >= reference.sureUntilMs) unfollowed++
    else findings.add(FORECAST_KINDS.band, `forecast ${entry._id}: ${problems.join(', ')}`)
  }
  let bars = 0
  let undecided = 0
  const ends = new Map<string, DetectorEnd | undefined>()
  const expectations: ReadonlyMap<number, Expectation>[] = []
  for (const { name: model } of FORECAST_MODELS) {
    const own = entries.filter((entry) => entry.model === model)
    const restarts = events.filter((event) => event.model === model).map(({ at }) => at.getTime())
    const expected = expectedEntries(facts, new Set(restarts))
    expectations.push(expected)
    const holes = checkHoles(model, expected, onceByOrigin(own, findings), absences, facts)
    for (const hole of holes.holes) findings.add(FORECAST_KINDS.hole, hole)
    for (const hole of holes.unexplained) findings.add(FORECAST_KINDS.absence, hole)
    bars += expected.size
    undecided += holes.either
    ends.set(model, walkDetector(own, spec))
  }
  for (const absence of absences) {
    for (const problem of absenceProblems(absence, expectations, facts)) {
      findings.add(FORECAST_KINDS.absence, `absence ${absence._id}: ${problem}`)
    }
  }
  for (const problem of stateProblems(state, entries, events, ends, facts)) {
    findings.add(FORECAST_KINDS.state, `series ${id}: ${problem}`)
  }
  const of = (status: string): number => entries.filter((entry) => entry.status === status).length
  return {
    entries: entries.length,
    scored: of('scored'),
    void: of('void'),
    open: of('open'),
    rewritten: entries.filter(({ scoreRevision }) => scoreRevision > 0).length,
    bars,
    undecided,
    unfitted,
    unfollowed
  }
}

/** False when its line is in doubt. */
function checkEntry(entry: ForecastDocument, facts: SeriesFacts, findings: Findings): boolean {
  const line = checkLine(entry, facts)
  const outcome = isLeftOpen(entry, facts) ? FORECAST_KINDS.leftOpen : FORECAST_KINDS.outcome
  for (const [kind, problems] of [
    [FORECAST_KINDS.origin, originProblems(entry, facts)],
    [FORECAST_KINDS.line, line.problems],
    [outcome, outcomeProblems(entry, facts)]
  ] as const) {
    if (problems.length > 0) findings.add(kind, `forecast ${entry._id}: ${problems.join(', ')}`)
  }
  return line.isSure
}

/** The entries of one model by the bar they were made from: two of one bar or one target are one too many. */
function onceByOrigin(
  entries: readonly ForecastDocument[],
  findings: Findings
): Map<number, ForecastDocument> {
  const byOrigin = new Map<number, ForecastDocument>()
  const byTarget = new Map<number, ForecastDocument>()
  for (const entry of entries) {
    const [from, to] = [entry.madeFrom.getTime(), entry.target.getTime()]
    const other = byOrigin.get(from) ?? byTarget.get(to)
    if (other !== undefined) {
      findings.add(
        FORECAST_KINDS.twice,
        `forecast ${entry._id}: stands there again as ${other._id}`
      )
    }
    byOrigin.set(from, entry)
    byTarget.set(to, entry)
  }
  return byOrigin
}
