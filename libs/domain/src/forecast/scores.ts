import { isCounted, type LedgerEntry, type ScoredEntry } from './ledger.ts'
import { LossTest, type LossTestState, type ScoreLabel } from './label.ts'
import { dieboldMariano, type DieboldMariano } from './significance.ts'

/** The contribution of one scored forecast to the scores; a late revision replaces it. */
export interface Contribution {
  readonly targetMs: number
  readonly error: number
  readonly naiveError: number
  readonly driftError: number
  /** 0: no scale. */
  readonly scale: number
  readonly olsWidth: number
  readonly bandWidth: number
  /** How far the actual lies outside of the model's own interval; 0: inside. */
  readonly olsMiss: number
  readonly bandMiss: number
}

/** The parts of an entry that the scores use. */
export type ScoreParts = Pick<
  ScoredEntry,
  | 'targetMs'
  | 'actual'
  | 'error'
  | 'naiveError'
  | 'driftError'
  | 'scale'
  | 'lower'
  | 'upper'
  | 'bandLower'
  | 'bandUpper'
>

export function contributionOf(entry: ScoreParts): Contribution {
  const { targetMs, actual, error, naiveError, driftError } = entry
  return {
    targetMs,
    error,
    naiveError,
    driftError,
    scale: entry.scale ?? 0,
    olsWidth: entry.upper - entry.lower,
    bandWidth: entry.bandUpper - entry.bandLower,
    olsMiss: Math.max(0, entry.lower - actual, actual - entry.upper),
    bandMiss: Math.max(0, entry.bandLower - actual, actual - entry.bandUpper)
  }
}

/**
 * The terms of a contribution in each sum. Every score is derived from these sums, because a stored mean could
 * not be corrected. They are stored, and read by `scoresOf`, in this order.
 */
function termsOf(one: Contribution): readonly number[] {
  const { error, naiveError, driftError, scale, olsWidth, bandWidth, olsMiss, bandMiss } = one
  const absolute = Math.abs(error)
  const hasScale = scale > 0
  // Neither the price nor the forecast stayed at the last close.
  const hasDirection = naiveError !== 0 && naiveError !== error
  const isHit = hasDirection && naiveError > 0 === naiveError > error
  return [
    1,
    absolute,
    error * error,
    Math.abs(naiveError),
    Math.abs(driftError),
    hasScale ? absolute / scale : 0,
    hasScale ? 1 : 0,
    isHit ? 1 : 0,
    hasDirection ? 1 : 0,
    olsMiss === 0 ? 1 : 0,
    bandMiss === 0 ? 1 : 0,
    olsWidth,
    bandWidth,
    winkler(olsWidth, olsMiss),
    winkler(bandWidth, bandMiss)
  ]
}

const TERMS = 15

function noSums(): number[] {
  return Array.from({ length: TERMS }, () => 0)
}

/** @param sign 1 adds the contribution, -1 removes it */
function add(sums: number[], one: Contribution, sign: 1 | -1 = 1): void {
  const terms = termsOf(one)
  for (let i = 0; i < TERMS; i++) sums[i] = (sums[i] ?? 0) + sign * (terms[i] ?? 0)
}

/**
 * Width of the interval plus 2/alpha times the distance by which it missed, alpha = 0.05.
 * Source: Winkler, J. American Statistical Association 67 (1972).
 */
function winkler(width: number, miss: number): number {
  return width + (2 / 0.05) * miss
}

/** Scores over some scored forecasts; null where they are not defined. Prices in quote currency. */
export interface Scores {
  readonly n: number
  /** Mean absolute error. */
  readonly mae: number | null
  /** Root of the mean squared error. */
  readonly rmse: number | null
  readonly maeNaive: number | null
  readonly maeDrift: number | null
  /**
   * Mean of |error| over the h-step naive error inside the lookback. Forecasts without such a scale (flat price,
   * lookback not above the horizon) are excluded.
   * Source: Hyndman & Koehler, Int. J. Forecasting 22 (2006).
   */
  readonly mase: number | null
  /** 1 - MAE / MAE of "the price stays put"; above 0 is better. */
  readonly skill: number | null
  /** 1 - MAE / MAE of the drift forecast. */
  readonly skillDrift: number | null
  /** Share of forecasts with the right direction; ties are excluded. */
  readonly hitRate: number | null
  /** 95 % band of the hit rate. Source: Wilson, J. American Statistical Association 22 (1927). */
  readonly hitLower: number | null
  readonly hitUpper: number | null
  /** Forecast or outcome equal to the last close: no direction. */
  readonly ties: number
  /** This and the next four: of the model's own interval, and of the adaptive band. */
  readonly coverageOls: number | null
  readonly coverageBand: number | null
  readonly widthOls: number | null
  readonly widthBand: number | null
  readonly winklerOls: number | null
  readonly winklerBand: number | null
}

function scoresOf(sums: readonly number[]): Scores {
  const [n = 0, absolute = 0, squared = 0, naive = 0, drift = 0, scaled = 0, scales = 0] = sums
  const [hits = 0, directions = 0, inOls = 0, inBand = 0] = sums.slice(7)
  const [olsWidth = 0, bandWidth = 0, olsWinkler = 0, bandWinkler = 0] = sums.slice(11)
  const skill = (base: number): number | null => (base > 0 ? 1 - absolute / base : null)
  const [hitLower, hitUpper] = wilson(hits, directions)
  return {
    n,
    mae: share(absolute, n),
    rmse: n > 0 ? Math.sqrt(Math.max(0, squared) / n) : null,
    maeNaive: share(naive, n),
    maeDrift: share(drift, n),
    mase: share(scaled, scales),
    skill: skill(naive),
    skillDrift: skill(drift),
    hitRate: share(hits, directions),
    hitLower,
    hitUpper,
    ties: n - directions,
    coverageOls: share(inOls, n),
    coverageBand: share(inBand, n),
    widthOls: share(olsWidth, n),
    widthBand: share(bandWidth, n),
    winklerOls: share(olsWinkler, n),
    winklerBand: share(bandWinkler, n)
  }
}

function share(sum: number, of: number): number | null {
  return of > 0 ? sum / of : null
}

const Z975 = 1.959963984540054

function wilson(hits: number, n: number): [number, number] | [null, null] {
  if (n === 0) return [null, null]
  const rate = hits / n
  const z2 = Z975 * Z975
  const centre = rate + z2 / (2 * n)
  const half = Z975 * Math.sqrt((rate * (1 - rate)) / n + z2 / (4 * n * n))
  const whole = 1 + z2 / n
  return [Math.max(0, (centre - half) / whole), Math.min(1, (centre + half) / whole)]
}

/** Numbers of a row in a ScoreWindow. */
const WIDTH = 9

/** Rolling windows, in scored forecasts. */
export const SHORT_WINDOW = 50
export const LONG_WINDOW = 500
/** Rows kept beyond the long window, so that the oldest are removed this many at a time. */
const SPARE_ROWS = 16
const FIRST_ROWS = 16

/**
 * The contributions of the newest scored forecasts, ascending by target, one number after another: as
 * objects they would take three times the memory. A rebuilt window gives the same bits.
 */
class ScoreWindow {
  #numbers = new Float64Array(FIRST_ROWS * WIDTH)
  /** Numbers in use. */
  #end = 0

  /** Adds a contribution, or replaces the one of the same target. */
  put(one: Contribution): void {
    const { targetMs, error, naiveError, driftError, scale } = one
    const { olsWidth, bandWidth, olsMiss, bandMiss } = one
    const row = [targetMs, error, naiveError, driftError, scale]
    row.push(olsWidth, bandWidth, olsMiss, bandMiss)
    const at = this.#find(targetMs)
    if (this.#holds(at, targetMs)) this.#numbers.set(row, at)
    else if (this.#end - at < LONG_WINDOW * WIDTH) this.#insert(row, at)
  }

  /** Removes the contribution of a target whose bar has none after a revision. */
  remove(targetMs: number): void {
    const at = this.#find(targetMs)
    if (!this.#holds(at, targetMs)) return
    this.#numbers.copyWithin(at, at + WIDTH, this.#end)
    this.#end -= WIDTH
  }

  /** The newest, oldest first. */
  rows(): Contribution[] {
    const numbers = this.#numbers
    const rows: Contribution[] = []
    const first = Math.max(0, this.#end - LONG_WINDOW * WIDTH)
    for (let at = first; at < this.#end; at += WIDTH) {
      rows.push({
        targetMs: numbers[at] ?? 0,
        error: numbers[at + 1] ?? 0,
        naiveError: numbers[at + 2] ?? 0,
        driftError: numbers[at + 3] ?? 0,
        scale: numbers[at + 4] ?? 0,
        olsWidth: numbers[at + 5] ?? 0,
        bandWidth: numbers[at + 6] ?? 0,
        olsMiss: numbers[at + 7] ?? 0,
        bandMiss: numbers[at + 8] ?? 0
      })
    }
    return rows
  }

  #insert(row: readonly number[], at: number): void {
    const { length } = this.#numbers
    const most = (LONG_WINDOW + SPARE_ROWS) * WIDTH
    let place = at
    if (this.#end === length && length < most) {
      const wider = new Float64Array(Math.min(2 * length, most))
      wider.set(this.#numbers)
      this.#numbers = wider
    } else if (this.#end === length) {
      this.#numbers.copyWithin(0, SPARE_ROWS * WIDTH)
      this.#end -= SPARE_ROWS * WIDTH
      place -= SPARE_ROWS * WIDTH
    }
    this.#numbers.copyWithin(place + WIDTH, place, this.#end)
    this.#numbers.set(row, place)
    this.#end += WIDTH
  }

  #holds(at: number, targetMs: number): boolean {
    return at < this.#end && this.#numbers[at] === targetMs
  }

  /** Where the first row lies whose target is not before the given one. */
  #find(targetMs: number): number {
    let at = this.#end
    while (at > 0 && (this.#numbers[at - WIDTH] ?? 0) >= targetMs) at -= WIDTH
    return at
  }
}

/**
 * Stored form: sums of all and of the newest trading day, and what the label rests on; the rolling
 * windows come from the ledger.
 */
export interface RollingScoresState {
  readonly total: readonly number[]
  readonly day: readonly number[]
  readonly tradeDate: string
  /** Absent in states stored before there was one: it then begins with the next score. */
  readonly test?: LossTestState
}

export interface TestedScores extends Scores {
  /**
   * Against "the price stays put"; null where it is not defined, and of a day or all while that is
   * more than the last 500, which are all that is kept one by one.
   */
  readonly dieboldMariano: DieboldMariano | null
}

/** The reported scores of one symbol, timeframe, horizon and model. */
export interface ScoreReport {
  readonly label: ScoreLabel
  /** What the label rests on: all scored forecasts; so skill. */
  readonly labelN: number
  /** Of LossTest: holds however often one looks, and for all of 500 rows together. */
  readonly p: number | null
  readonly skill: number | null
  readonly last50: TestedScores
  readonly last500: TestedScores
  readonly day: TestedScores
  /** Trading date of `day`, YYYY-MM-DD; empty while there is none. */
  readonly tradeDate: string
  readonly total: TestedScores
}

/** Scores of one model on one series, correctable: every contribution can be replaced. */
export class RollingScores {
  readonly #horizon: number
  readonly #total: number[]
  readonly #test: LossTest
  #day: number[]
  #tradeDate: string
  #window = new ScoreWindow()
  /** While the window is incomplete: targets without a score, even if one is stored. */
  #scoreless: Set<number> | undefined

  /** @param state without the rolling windows, which `restore` adds */
  constructor(horizon: number, state?: RollingScoresState) {
    this.#horizon = horizon
    this.#total = [...(state?.total ?? noSums())]
    this.#test = new LossTest(horizon, state?.test)
    this.#day = [...(state?.day ?? noSums())]
    this.#tradeDate = state?.tradeDate ?? ''
    if (state !== undefined) this.#scoreless = new Set()
  }

  /** Whether the rolling windows are restored; without them there is no report. */
  get isWhole(): boolean {
    return this.#scoreless === undefined
  }

  /** Restores the newest stored scores, in any order; contributions since then replace them. */
  restore(stored: readonly Contribution[]): void {
    const scoreless = this.#scoreless
    if (scoreless === undefined) return
    const since = this.#window.rows()
    this.#window = new ScoreWindow()
    const ascending = stored.toSorted((a, b) => a.targetMs - b.targetMs)
    for (const one of ascending) if (!scoreless.has(one.targetMs)) this.#window.put(one)
    for (const one of since) this.#window.put(one)
    this.#scoreless = undefined
  }

  /**
   * Takes in a resolved entry; `before` is what it was when it was resolved already. The test keeps what
   * it learnt from that, for it must not know more than was known at the time.
   */
  put(entry: LedgerEntry, before?: LedgerEntry): void {
    if (entry.tradeDate > this.#tradeDate) {
      this.#tradeDate = entry.tradeDate
      this.#day = noSums()
    }
    const sums = entry.tradeDate === this.#tradeDate ? [this.#total, this.#day] : [this.#total]
    if (before !== undefined && isCounted(before)) {
      const old = contributionOf(before)
      for (const each of sums) add(each, old, -1)
      if (!isCounted(entry)) this.#window.remove(entry.targetMs)
    }
    if (!isCounted(entry)) {
      this.#scoreless?.add(entry.targetMs)
      return
    }
    this.#scoreless?.delete(entry.targetMs)
    const one = contributionOf(entry)
    for (const each of sums) add(each, one)
    this.#window.put(one)
    if (before === undefined) this.#test.add(lossDifference(one))
  }

  report(): ScoreReport {
    const rows = this.#window.rows()
    const total = this.#tested(this.#total, rows)
    const { label, p } = this.#test
    return {
      label,
      labelN: total.n,
      p,
      skill: total.skill,
      last50: this.#rolling(rows.slice(-SHORT_WINDOW)),
      last500: this.#rolling(rows),
      day: this.#tested(this.#day, rows),
      tradeDate: this.#tradeDate,
      total
    }
  }

  state(): RollingScoresState {
    return {
      total: [...this.#total],
      day: [...this.#day],
      tradeDate: this.#tradeDate,
      test: this.#test.state()
    }
  }

  #rolling(rows: readonly Contribution[]): TestedScores {
    const sums = noSums()
    for (const row of rows) add(sums, row)
    return this.#tested(sums, rows)
  }

  /** Scores of the newest forecasts, at most that many; tested if all of them are in memory. */
  #tested(sums: readonly number[], rows: readonly Contribution[]): TestedScores {
    const scores = scoresOf(sums)
    const isAtHand = scores.n > 0 && scores.n <= rows.length
    const newest = isAtHand ? rows.slice(-scores.n) : []
    const differences = newest.map(lossDifference)
    return { ...scores, dieboldMariano: dieboldMariano(differences, this.#horizon) ?? null }
  }
}

/** How much more a forecast erred than the naive one, in quote currency. */
function lossDifference({ error, naiveError }: Contribution): number {
  return Math.abs(error) - Math.abs(naiveError)
}
