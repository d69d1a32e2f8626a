import { dieboldMariano, type DieboldMariano } from './diebold-mariano.ts'
import { isScored, type LedgerEntry } from './ledger-entry.ts'
import { ScoreWindow } from './score-window.ts'
import {
  addScore,
  contributionOf,
  noScores,
  scoresOf,
  storedSums,
  sumsFrom,
  type Contribution,
  type Scores
} from './scores.ts'

/** Rolling windows, in scored forecasts. */
export const SHORT_WINDOW = 50
export const LONG_WINDOW = 500
/** Fewer scored forecasts say nothing yet. */
export const MIN_SCORED = 30
/** Level at which a difference counts as one. */
export const SIGNIFICANCE = 0.05

export const SCORE_LABELS = {
  tooFew: 'too few scores',
  better: 'better than naive',
  same: 'not distinguishable',
  worse: 'worse than naive'
} as const
export type ScoreLabel = (typeof SCORE_LABELS)[keyof typeof SCORE_LABELS]

/** Sums of all and of the newest trading day; the rolling windows come from the ledger. */
export interface ScoreBoardState {
  readonly total: readonly number[]
  readonly day: readonly number[]
  readonly tradeDate: string
}

export interface TestedScores extends Scores {
  /**
   * Against "the price stays put"; null where it is not defined, and of a day or all while that is
   * more than the last 500, which are all that is kept one by one.
   */
  readonly dieboldMariano: DieboldMariano | null
}

/** All a reader sees of one symbol, timeframe, horizon and model. */
export interface ScoreReport {
  readonly label: ScoreLabel
  /** What the label rests on: the last 500 scored forecasts, all while there are fewer. */
  readonly labelN: number
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
  readonly #total
  #day
  #tradeDate: string
  #window = new ScoreWindow(LONG_WINDOW)
  /** While the window is incomplete: targets that have no score, whatever is stored. */
  #scoreless: Set<number> | undefined

  /** @param state of before; the rolling windows are not part of it: they come by `restore` */
  constructor(horizon: number, state?: ScoreBoardState) {
    this.#horizon = horizon
    this.#total = sumsFrom(state?.total ?? [])
    this.#day = sumsFrom(state?.day ?? [])
    this.#tradeDate = state?.tradeDate ?? ''
    if (state !== undefined) this.#scoreless = new Set()
  }

  /** Whether the rolling windows are there; without them there is no report. */
  get isWhole(): boolean {
    return this.#scoreless === undefined
  }

  /** The newest scores that are stored, in any order; what was put since stands above them. */
  restore(stored: readonly Contribution[]): void {
    const scoreless = this.#scoreless
    if (scoreless === undefined) return
    const whole = new ScoreWindow(LONG_WINDOW)
    const ascending = stored.toSorted((a, b) => a.targetMs - b.targetMs)
    for (const one of ascending) if (!scoreless.has(one.targetMs)) whole.put(one)
    for (const one of this.#window.toArray()) whole.put(one)
    this.#window = whole
    this.#scoreless = undefined
  }

  /** Takes in a settled entry; `before` is what it was when it was settled already. */
  put(entry: LedgerEntry, before?: LedgerEntry): void {
    if (entry.tradeDate > this.#tradeDate) {
      this.#tradeDate = entry.tradeDate
      this.#day = noScores()
    }
    const isToday = entry.tradeDate === this.#tradeDate
    if (before !== undefined && isScored(before)) {
      const old = contributionOf(before)
      addScore(this.#total, old, -1)
      if (isToday) addScore(this.#day, old, -1)
      if (!isScored(entry)) this.#window.remove(entry.targetMs)
    }
    if (!isScored(entry)) {
      this.#scoreless?.add(entry.targetMs)
      return
    }
    this.#scoreless?.delete(entry.targetMs)
    const one = contributionOf(entry)
    addScore(this.#total, one)
    if (isToday) addScore(this.#day, one)
    this.#window.put(one)
  }

  report(): ScoreReport {
    const rows = this.#window.toArray()
    const last500 = rolling(rows, this.#horizon)
    const { n, skill } = last500
    const p = last500.dieboldMariano?.p ?? null
    return {
      label: labelOf(n, skill, p),
      labelN: n,
      p,
      skill,
      last50: rolling(rows.slice(-SHORT_WINDOW), this.#horizon),
      last500,
      day: this.#tested(scoresOf(this.#day), rows),
      tradeDate: this.#tradeDate,
      total: this.#tested(scoresOf(this.#total), rows)
    }
  }

  /** Scores of the newest so many forecasts, tested if those are all at hand. */
  #tested(scores: Scores, rows: readonly Contribution[]): TestedScores {
    const isAtHand = scores.n > 0 && scores.n <= rows.length
    return {
      ...scores,
      dieboldMariano: isAtHand ? testOf(rows.slice(-scores.n), this.#horizon) : null
    }
  }

  state(): ScoreBoardState {
    return {
      total: storedSums(this.#total),
      day: storedSums(this.#day),
      tradeDate: this.#tradeDate
    }
  }
}

/** What the numbers allow to say; a difference that may be chance is none. */
export function labelOf(n: number, skill: number | null, p: number | null): ScoreLabel {
  if (n < MIN_SCORED) return SCORE_LABELS.tooFew
  if (p === null || p >= SIGNIFICANCE || skill === null || skill === 0) return SCORE_LABELS.same
  return skill > 0 ? SCORE_LABELS.better : SCORE_LABELS.worse
}

function rolling(rows: readonly Contribution[], horizon: number): TestedScores {
  const sums = noScores()
  for (const row of rows) addScore(sums, row)
  return { ...scoresOf(sums), dieboldMariano: testOf(rows, horizon) }
}

function testOf(rows: readonly Contribution[], horizon: number): DieboldMariano | null {
  const differences = Float64Array.from(
    rows,
    ({ error, naiveError }) => Math.abs(error) - Math.abs(naiveError)
  )
  return dieboldMariano(differences, horizon) ?? null
}
