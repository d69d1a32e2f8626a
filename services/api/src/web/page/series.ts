import type { BarRow, ForecastRow, TradeRow } from '@tapedeck/client'
import type { Outage, StoredForecast } from './rows.ts'

const BAR = [
  'id',
  'symbol',
  'timeframe',
  'time',
  'end',
  'status',
  'revision',
  'revisionCause',
  'open',
  'high',
  'low',
  'close',
  'volume',
  'notional',
  'vwap',
  'tradeCount',
  'lateCount',
  'coverage',
  'gapIds',
  'session',
  'tradeDate'
] as const satisfies readonly (keyof BarRow)[]
const FORECAST = [
  'id',
  'model',
  'horizon',
  'status',
  'time',
  'targetEnd',
  'forecast',
  'bandLower',
  'bandUpper',
  'error',
  'naiveError'
] as const satisfies readonly (keyof ForecastRow)[]
const BOUNDS = ['lower', 'upper'] as const satisfies readonly (keyof StoredForecast)[]

/** The fields that the chart asks of stored bars and forecasts. */
export const SERIES_FIELDS = {
  bars: [...BAR, 'lateVolume'].join(),
  forecasts: [...FORECAST, ...BOUNDS].join()
}

/** A bar as REST and stream have it in common; REST has the volume of a late correction too. */
export type ChartBar = Pick<BarRow, (typeof BAR)[number]> & { readonly lateVolume?: number }
/** A forecast as REST and stream have it in common; REST has the bounds of the model without the learnt band too. */
export type ChartForecast = Pick<ForecastRow, (typeof FORECAST)[number]> &
  Partial<Pick<StoredForecast, (typeof BOUNDS)[number]>>

/** A place on the time axis: a window with its bar, or without one where nothing traded. */
export interface Slot {
  /** Start of the window, epoch ms. */
  readonly time: number
  readonly bar: ChartBar | undefined
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }
const DAY_MS = 86_400_000
/** The assumed length of a counted window before there are bars. */
const COUNTED_MS = 60_000
/** Windows without a trade that are kept as empty slots; a longer pause, such as a night, is left out. */
const MAX_EMPTY = 300
const STATUS_RANK = { provisional: 0, final: 1, revised: 2 } as const
/** Trades that may set every price of a bar. */
const PRICE_SETTING = 'price and volume'

/**
 * The distance from one bar to the next, ms: the length of a window, its hop (`5m/1m`), or for windows that follow the
 * trades (`100t`) the mean distance of the bars.
 */
export function windowMsOf(
  timeframe: string,
  bars: readonly { readonly time: number }[] = []
): number {
  if (timeframe === '1d' || timeframe === 'regular') return DAY_MS
  const [, count, unit = ''] = /(?:^|\/)(\d+)([smh])$/.exec(timeframe) ?? []
  if (count !== undefined) return Number(count) * (UNIT_MS[unit] ?? 1000)
  const [first, last] = [bars[0], bars.at(-1)]
  if (first === undefined || last === undefined || bars.length < 2) return COUNTED_MS
  return Math.max(1000, (last.time - first.time) / (bars.length - 1))
}

/** Whether the windows of a timeframe follow the clock, so that a window without a trade has a place on the axis. */
export function isClocked(timeframe: string): boolean {
  return /(?:^|\/)\d+[smh]$/.test(timeframe)
}

/**
 * What the chart shows of one symbol and timeframe: bars in order, each in its newest version, with the forecasts, from stored
 * history and the stream alike. Rows may come in any order and more than once.
 */
export class BarSeries {
  readonly timeframe: string
  #bars: ChartBar[] = []
  readonly #byId = new Map<string, ChartBar>()
  readonly #forecasts = new Map<string, ChartForecast>()
  /** Whether the oldest stored bar is among them. */
  isComplete = false

  constructor(timeframe: string) {
    this.timeframe = timeframe
  }

  get bars(): readonly ChartBar[] {
    return this.#bars
  }

  get windowMs(): number {
    return windowMsOf(this.timeframe, this.#bars)
  }

  /** By their target, ascending. */
  get forecasts(): ChartForecast[] {
    return [...this.#forecasts.values()].toSorted((a, b) => a.time - b.time)
  }

  /** Start of the oldest bar that may still change; undefined when there is none. Epoch ms. */
  get changeableFrom(): number | undefined {
    return (
      this.#bars.find(({ status }) => status === 'provisional')?.time ?? this.#bars.at(-1)?.time
    )
  }

  /** Takes versions of bars. Returns whether there is a bar that was not there before. */
  addBars(rows: readonly ChartBar[]): boolean {
    let isLonger = false
    let isOrdered = true
    for (const row of rows) {
      const known = this.#byId.get(row.id)
      if (known === undefined) {
        isOrdered &&= row.time > (this.#bars.at(-1)?.time ?? -Infinity)
        this.#bars.push(row)
        isLonger = true
      } else {
        if (isOlder(row, known)) continue
        this.#bars[this.#indexOf(known)] = row
      }
      this.#byId.set(row.id, row)
    }
    if (!isOrdered) this.#bars.sort((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1))
    return isLonger
  }

  /** Takes versions of forecasts of the model and horizon on show. Returns whether one of them is new or another. */
  addForecasts(
    rows: readonly ChartForecast[],
    model: string,
    horizon: number | undefined
  ): boolean {
    let isChanged = false
    for (const row of rows) {
      if (row.model !== model || row.horizon !== horizon) continue
      const known = this.#forecasts.get(row.id)
      if (known !== undefined && known.status !== 'open' && row.status === 'open') continue
      this.#forecasts.set(row.id, row)
      isChanged = true
    }
    return isChanged
  }

  /** Moves the newest bar by a trade of its window, until the api sends the bar itself, within a second. */
  applyTrade({ time, price, size, eligible }: TradeRow): boolean {
    const last = this.#bars.at(-1)
    if (last?.status !== 'provisional' || time < last.time || time >= last.end) return false
    const setsPrice = eligible === PRICE_SETTING
    const moved: ChartBar = {
      ...last,
      ...(setsPrice && {
        open: last.open ?? price,
        close: price,
        high: Math.max(last.high ?? price, price),
        low: Math.min(last.low ?? price, price)
      }),
      volume: last.volume + size,
      tradeCount: last.tradeCount + 1
    }
    this.#bars[this.#bars.length - 1] = moved
    this.#byId.set(moved.id, moved)
    return true
  }

  /**
   * The places of the time axis: every bar, the windows without a trade between bars of one session, and those up to the end of
   * an open forecast or of an outage that lasts.
   */
  slots(outages: readonly Outage[] = [], showForecasts = true): Slot[] {
    const slots: Slot[] = []
    const { windowMs } = this
    const isFilled = isClocked(this.timeframe)
    let previous: ChartBar | undefined
    for (const bar of this.#bars) {
      const emptyCount = previous === undefined ? 0 : (bar.time - previous.time) / windowMs - 1
      if (isFilled && previous !== undefined && emptyCount > 0 && emptyCount <= MAX_EMPTY) {
        fill(slots, previous.time + windowMs, bar.time, windowMs)
      }
      // Counted bars may begin in the same millisecond; the axis needs one place for each.
      const time = Math.max(bar.time, (slots.at(-1)?.time ?? -Infinity) + 1)
      slots.push({ time, bar })
      previous = bar
    }
    if (previous === undefined || !isFilled) return slots
    const ends = [
      ...(showForecasts
        ? [...this.#forecasts.values()].filter(({ status }) => status === 'open')
        : []
      ).map(({ targetEnd }) => targetEnd),
      ...outages.filter(({ isOpen }) => isOpen).map(({ timeEnd }) => timeEnd)
    ]
    const end = Math.min(Math.max(0, ...ends), previous.time + MAX_EMPTY * windowMs)
    fill(slots, previous.time + windowMs, end, windowMs)
    return slots
  }

  #indexOf(bar: ChartBar): number {
    const last = this.#bars.length - 1
    // Nearly always one of the newest.
    for (let at = last; at >= 0; at--) if (this.#bars[at] === bar) return at
    return last
  }
}

function fill(slots: Slot[], fromMs: number, toMs: number, stepMs: number): void {
  for (let time = fromMs; time < toMs; time += stepMs) slots.push({ time, bar: undefined })
}

/** Whether a version came before the one that is known; while a bar is open, the one of fewer trades. */
function isOlder(row: ChartBar, known: ChartBar): boolean {
  if (row.revision !== known.revision) return row.revision < known.revision
  const [rank, knownRank] = [STATUS_RANK[row.status], STATUS_RANK[known.status]]
  if (rank !== knownRank) return rank < knownRank
  return row.status === 'provisional' && row.tradeCount < known.tradeCount
}

/** Where a moment is on the axis, as a number of slots from the first one: 2.5 is the middle of the third slot's window. */
export function placeOf(slots: readonly Slot[], ms: number, windowMs: number): number {
  let [low, high] = [0, slots.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((slots[middle] as Slot).time <= ms) low = middle + 1
    else high = middle
  }
  const before = slots[low - 1]
  if (before === undefined) return 0
  return low - 1 + Math.min(1, (ms - before.time) / windowMs)
}
