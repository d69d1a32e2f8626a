import { seededRandom } from '@tapedeck/core'
import {
  dieboldMariano,
  FORECAST_MODELS,
  tradesRoundTheClock,
  tradingDateAt,
  type DieboldMariano,
  type ScoreLabel,
  type Scores
} from '@tapedeck/domain'
import type { ModelResult } from './engine.ts'
import type { Outcome, Outcomes } from './outcomes.ts'

/** Scores after which the adaptive band has left its start values behind. */
const EARLY = 30

/** The scores of one model on one series over the whole run. */
export interface ScoreRow extends Scores {
  readonly symbol: string
  readonly timeframe: string
  readonly lookback: number
  readonly horizon: number
  readonly model: string
  /** Forecasts without an outcome: the target had no trade, or the feed was down. */
  readonly voids: number
  /** 95 % range of skill by resampling; null with too few scores. */
  readonly skillLower: number | null
  readonly skillUpper: number | null
  /** Coverage of the adaptive band over the first EARLY scores at most. */
  readonly coverageEarly: number | null
  /** Test against the naive forecast over all scored ones, at the end; null where it is not defined. */
  readonly dieboldMariano: DieboldMariano | null
  /** As the live system would show it at the end. */
  readonly label: ScoreLabel
  readonly changePoints: number
}

/** One row a model and series, sorted by symbol, timeframe, lookback, horizon and model. */
export function scoreRows(results: readonly ModelResult[], seed: number): ScoreRow[] {
  return results.map((result) => scoreRow(result, seed)).sort(byName)
}

function scoreRow({ outcomes, report }: ModelResult, seed: number): ScoreRow {
  const { symbol, timeframe, lookback, horizon, model, voids, changePoints } = outcomes
  const scored = outcomes.scored()
  const test = dieboldMariano(Float64Array.from(scored, lossDifference), horizon) ?? null
  const name = `${symbol}|${timeframe}|${lookback}|${horizon}|${model}`
  const range = skillRange(scored, horizon, seededRandom(seedOf(seed, name)))
  const early = scored.slice(0, EARLY)
  const { total } = report
  return {
    symbol,
    timeframe,
    lookback,
    horizon,
    model,
    ...total,
    voids,
    skillLower: range?.[0] ?? null,
    skillUpper: range?.[1] ?? null,
    coverageEarly:
      early.length === 0 ? null : early.filter(({ inBand }) => inBand).length / early.length,
    dieboldMariano: test,
    label: report.label,
    changePoints
  }
}

function lossDifference({ error, naiveError }: Outcome): number {
  return Math.abs(error) - Math.abs(naiveError)
}

const MODELS = FORECAST_MODELS.map(({ name }) => name)

function byName(a: ScoreRow, b: ScoreRow): number {
  if (a.symbol !== b.symbol) return a.symbol < b.symbol ? -1 : 1
  if (a.timeframe !== b.timeframe) return a.timeframe < b.timeframe ? -1 : 1
  return (
    a.lookback - b.lookback ||
    a.horizon - b.horizon ||
    MODELS.indexOf(a.model) - MODELS.indexOf(b.model)
  )
}

const RESAMPLES = 1000
const MIN_RESAMPLED = 30

/**
 * The 95 % range of skill = 1 - sum |error| / sum |naive error| by a circular block bootstrap. Blocks of
 * max(2 horizon, cube root of n) successive forecasts keep the dependence between overlapping targets.
 * Undefined with fewer than 30 outcomes, or when the naive forecast has no error.
 * Source: Politis & Romano, A circular block-resampling procedure for stationary data (1992).
 */
function skillRange(
  outcomes: readonly Outcome[],
  horizon: number,
  random: () => number
): readonly [lower: number, upper: number] | undefined {
  const n = outcomes.length
  if (n < MIN_RESAMPLED) return undefined
  const length = Math.min(n, Math.max(2 * horizon, Math.ceil(Math.cbrt(n))))
  // Prefix sums over the series repeated twice: the sum of a block is one subtraction.
  const errors = new Float64Array(2 * n + 1)
  const naive = new Float64Array(2 * n + 1)
  for (let i = 0; i < 2 * n; i++) {
    const one = outcomes[i % n]
    errors[i + 1] = (errors[i] ?? 0) + Math.abs(one?.error ?? 0)
    naive[i + 1] = (naive[i] ?? 0) + Math.abs(one?.naiveError ?? 0)
  }
  const skills = new Float64Array(RESAMPLES)
  for (let resample = 0; resample < RESAMPLES; resample++) {
    let error = 0
    let naiveError = 0
    for (let taken = 0; taken < n; taken += length) {
      const from = Math.floor(random() * n)
      const to = from + Math.min(length, n - taken)
      error += (errors[to] ?? 0) - (errors[from] ?? 0)
      naiveError += (naive[to] ?? 0) - (naive[from] ?? 0)
    }
    if (naiveError <= 0) return undefined
    skills[resample] = 1 - error / naiveError
  }
  skills.sort()
  return [skills[Math.floor(RESAMPLES * 0.025)] ?? 0, skills[Math.ceil(RESAMPLES * 0.975) - 1] ?? 0]
}

/** A seed for each series, so that a subset of the series gives the same ranges. FNV-1a. */
function seedOf(seed: number, name: string): number {
  let hash = (0x81_1c_9d_c5 ^ seed) >>> 0
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01_00_01_93) >>> 0
  }
  return hash
}

/** Coverage of both bands in one half hour of the day, over all symbols and models. */
export interface HalfHour {
  readonly timeframe: string
  readonly lookback: number
  readonly horizon: number
  /** Start, minutes after midnight: New York for stocks, UTC for symbols that trade round the clock. */
  readonly minute: number
  readonly n: number
  readonly coverageOls: number
  readonly coverageBand: number
}

const HALF_HOUR_MIN = 30
const OPEN_MIN = 9 * 60 + 30
const DAY_MIN = 1440
const MINUTE_MS = 60_000

/** Coverage over the day for each timeframe, lookback and horizon, ascending by time. */
export function timeOfDay(all: readonly Outcomes[]): HalfHour[] {
  const sums = new Map<string, { -readonly [K in keyof HalfHour]: HalfHour[K] }>()
  for (const one of all) {
    const { timeframe, lookback, horizon } = one
    for (const { targetMs, inOls, inBand } of one.scored()) {
      const minute = halfHourOf(one.symbol, targetMs)
      const key = `${timeframe}|${lookback}|${horizon}|${minute}`
      let sum = sums.get(key)
      if (sum === undefined) {
        sum = { timeframe, lookback, horizon, minute, n: 0, coverageOls: 0, coverageBand: 0 }
        sums.set(key, sum)
      }
      sum.n++
      if (inOls) sum.coverageOls++
      if (inBand) sum.coverageBand++
    }
  }
  return [...sums.values()]
    .map((sum) => ({
      ...sum,
      coverageOls: sum.coverageOls / sum.n,
      coverageBand: sum.coverageBand / sum.n
    }))
    .sort((a, b) => a.minute - b.minute)
}

/** Start of the half hour of the local day that contains a moment; for stocks, relative to the opening. */
function halfHourOf(symbol: string, atMs: number): number {
  const minute = tradesRoundTheClock(symbol)
    ? Math.floor(atMs / MINUTE_MS) % DAY_MIN
    : OPEN_MIN + Math.floor((atMs - tradingDateAt(symbol, atMs).openMs) / MINUTE_MS)
  const inDay = ((minute % DAY_MIN) + DAY_MIN) % DAY_MIN
  return inDay - (inDay % HALF_HOUR_MIN)
}
