import { isScored, type LedgerEntry, type ModelEvent } from '@tapedeck/domain'

/** One scored forecast. Errors in quote currency. */
export interface Outcome {
  readonly targetMs: number
  readonly error: number
  readonly naiveError: number
  readonly inOls: boolean
  readonly inBand: boolean
}

const ROW = 4
const FIRST_ROWS = 256
const IN_OLS = 1
const IN_BAND = 2
const SCORED = 4

/** The outcomes of all forecasts of one model on one series, 32 bytes each. */
export class Outcomes {
  readonly symbol: string
  readonly timeframe: string
  readonly lookback: number
  readonly horizon: number
  readonly model: string
  changePoints = 0
  #rows = new Float64Array(FIRST_ROWS * ROW)
  #length = 0
  readonly #places = new Map<number, number>()

  constructor({ symbol, timeframe, lookback, horizon, model }: LedgerEntry) {
    this.symbol = symbol
    this.timeframe = timeframe
    this.lookback = lookback
    this.horizon = horizon
    this.model = model
  }

  /** Adds a resolved entry, or replaces its earlier version. */
  put(entry: LedgerEntry): void {
    let place = this.#places.get(entry.targetMs)
    if (place === undefined) {
      place = this.#length++
      this.#places.set(entry.targetMs, place)
      if (place * ROW === this.#rows.length) {
        const wider = new Float64Array(this.#rows.length * 2)
        wider.set(this.#rows)
        this.#rows = wider
      }
    }
    const flags = isScored(entry)
      ? SCORED + (entry.inOls ? IN_OLS : 0) + (entry.inBand ? IN_BAND : 0)
      : 0
    const at = place * ROW
    this.#rows[at] = entry.targetMs
    this.#rows[at + 1] = entry.error ?? 0
    this.#rows[at + 2] = entry.naiveError ?? 0
    this.#rows[at + 3] = flags
  }

  /** Forecasts without an outcome. */
  get voids(): number {
    let voids = 0
    for (let place = 0; place < this.#length; place++) {
      if (this.#rows[place * ROW + 3] === 0) voids++
    }
    return voids
  }

  /** The scored ones, ascending by target. */
  scored(): Outcome[] {
    const all: Outcome[] = []
    for (let at = 0; at < this.#length * ROW; at += ROW) {
      const flags = this.#rows[at + 3] ?? 0
      if (flags === 0) continue
      all.push({
        targetMs: this.#rows[at] ?? 0,
        error: this.#rows[at + 1] ?? 0,
        naiveError: this.#rows[at + 2] ?? 0,
        inOls: (flags & IN_OLS) !== 0,
        inBand: (flags & IN_BAND) !== 0
      })
    }
    return all.sort((a, b) => a.targetMs - b.targetMs)
  }
}

/** The outcomes of one forecast engine, by series and model. */
export class OutcomeTable {
  readonly #all = new Map<string, Outcomes>()

  /** Adds a resolved entry; open ones are ignored. */
  put(entry: LedgerEntry): void {
    if (entry.status === 'open') return
    const key = keyOf(entry)
    let found = this.#all.get(key)
    if (found === undefined) this.#all.set(key, (found = new Outcomes(entry)))
    found.put(entry)
  }

  addChangePoint(event: ModelEvent): void {
    const found = this.#all.get(keyOf(event))
    if (found !== undefined) found.changePoints++
  }

  all(): Outcomes[] {
    return [...this.#all.values()]
  }
}

function keyOf({
  symbol,
  timeframe,
  horizon,
  model
}: Pick<LedgerEntry, 'symbol' | 'timeframe' | 'horizon' | 'model'>): string {
  return `${symbol}|${timeframe}|${horizon}|${model}`
}
