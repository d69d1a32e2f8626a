import type { ForecastDocument } from '@tapedeck/mongo'
import { leastSquares, scaleOver, stepVariance, type PlacedClose } from './least-squares.ts'
import type { SeriesFacts } from './series-facts.ts'
import { closeAt } from './truth-bars.ts'

/** Rounding, as a share of the price. */
const TOLERANCE = 1e-9

export interface LineCheck {
  readonly problems: readonly string[]
  /** False when late trades leave open which closes were in use. */
  readonly isSure: boolean
}

/**
 * Fits the line again from the topic: the closes of the `n` bars up to the one an entry was made from,
 * each as the trades below its offset had it. What a restart restores wrongly shows here. An entry of a
 * model that is no line is left in doubt.
 */
export function checkLine(entry: ForecastDocument, facts: SeriesFacts): LineCheck {
  const { closes, isSure } = closesOf(entry, facts)
  if (!isSure || entry.slope === null) return { problems: bandProblems(entry), isSure: false }
  if (closes.length < entry.n) {
    return { problems: [`n ${entry.n}, its session has ${closes.length}`], isSure }
  }
  const { horizon, lookback } = facts.spec
  const decay = entry.model === 'exponential' ? (lookback - 1) / (lookback + 1) : 1
  const line = leastSquares(closes, decay)
  const lastClose = closes[0]?.close ?? NaN
  const oldest = closes.at(-1)
  const drift = lastClose + (horizon * (lastClose - (oldest?.close ?? 0))) / -(oldest?.x ?? 0)
  const problems = [
    ...near('slope', entry.slope, line.slope, lastClose),
    ...near('intercept', entry.intercept, line.intercept, lastClose),
    ...near('standardError', entry.standardError, line.standardError, lastClose),
    ...near('lower', entry.lower, 2 * entry.forecast - entry.upper, lastClose),
    ...bandProblems(entry)
  ]
  const isSameLookback = entry.modelVersion === 1
  // A model that began again has fewer closes than drift and scale.
  if (isSameLookback) {
    problems.push(...near('drift', entry.drift, drift, lastClose))
    problems.push(...near('scale', entry.scale, scaleOver(closes, horizon) ?? 0, lastClose))
  }
  if (entry.model !== 'shrunk') {
    const forecast = line.intercept + horizon * line.slope
    problems.push(...near('forecast', entry.forecast, forecast, lastClose))
  } else if (isSameLookback) {
    const squared = (1.2 * stepVariance(closes)) / closes.length
    const share = Math.max(0, 1 - squared / line.slope ** 2)
    const forecast = lastClose + horizon * line.slope * share
    // Where the slope is nothing but rounding so is its share.
    if (Number.isFinite(share))
      problems.push(...near('forecast', entry.forecast, forecast, lastClose))
  }
  return { problems, isSure }
}

/** Newest first: the bars of the session known below the entry's offset. */
function closesOf(
  { madeFrom, madeAtOffset, n }: ForecastDocument,
  { places, bars, lengthMs }: SeriesFacts
): { closes: PlacedClose[]; isSure: boolean } {
  const closes: PlacedClose[] = []
  const place = places.get(madeFrom.getTime()) ?? -1
  const newest = bars[place]
  for (let i = place; i >= 0 && closes.length < n; i--) {
    const bar = bars[i]
    if (bar === undefined || newest === undefined) break
    const close = closeAt(bar, madeAtOffset)
    if (close === undefined) continue
    if (bar.session !== newest.session || bar.tradeDate !== newest.tradeDate) {
      // Trades that came late may have mixed its session when its close was in use already.
      return { closes, isSure: (bar.stored?.lateCount ?? 0) === 0 }
    }
    closes.push({ x: (bar.startMs - newest.startMs) / lengthMs, close })
  }
  return { closes, isSure: true }
}

/** The adaptive band lies evenly about the forecast. */
function bandProblems(entry: ForecastDocument): string[] {
  const { forecast, lower, upper, bandLower, bandUpper } = entry
  return [
    ...near('bandLower', bandLower, 2 * forecast - bandUpper, forecast),
    ...(upper >= lower && bandUpper >= bandLower ? [] : ['a band ends below its begin'])
  ]
}

function near(field: string, found: number | null, expected: number, price: number): string[] {
  if (Math.abs((found ?? 0) - expected) <= TOLERANCE * Math.abs(price)) return []
  return [`${field} ${found}, expected ${expected}`]
}
