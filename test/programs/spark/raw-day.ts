import type { Lake } from '@tapedeck/lake'
import { linesOf, tradesOf } from '../../support/tape.ts'
import { publishLines, type Row } from './publish-lines.ts'

/** A recorded day, and how often its symbols are there. */
export interface RawDay {
  /** Trading date, YYYY-MM-DD. */
  readonly date: string
  readonly tape: string
  /** Reference bars of a minute. */
  readonly bars: string
  /** 10: each symbol ten times, under ten names. */
  readonly times: number
}

/**
 * Publishes `raw/tape` as a capture of the tape, its reference bars and naive forecasts of them would be; two trades are
 * late and two are no trades, so that no query is without work. Returns the number of trades.
 */
export async function publishRawDay(lake: Lake, day: RawDay): Promise<number> {
  const counted = await publishLines(lake, {
    name: 'tape',
    date: day.date,
    tables: {
      trades: { rows: trades(day) },
      late_trades: { rows: lateTrades() },
      bars: { rows: bars(day) },
      forecasts: { rows: forecasts(day) }
    },
    facts: { isWhole: true, until: {}, expiring: [], noTrading: null }
  })
  return counted['trades'] ?? 0
}

function idOf(frame: number, copy: number): string {
  return `0mwv6bn8sff46-${frame}-${copy}`
}

async function* trades({ tape, date, times }: RawDay): AsyncGenerator<Row> {
  let frame = 0
  for await (const { s, p, t, v, c } of tradesOf(tape)) {
    frame++
    const at = new Date(t).toISOString()
    for (let copy = 0; copy < times; copy++) {
      yield {
        _id: idOf(frame, copy),
        symbol: nameOf(s, copy),
        price: p,
        size: v,
        tradedAt: at,
        receivedAt: at,
        conditions: c ?? null,
        session: 'regular',
        tradeDate: date,
        eligible: 'price and volume',
        feed: 'recorded'
      }
    }
  }
  const other = { symbol: 'REFUSED', tradedAt: `${date}T14:00:00.000Z`, tradeDate: date }
  const rest = { receivedAt: `${date}T14:00:00.000Z`, session: 'regular', feed: 'recorded' }
  yield { _id: 'refused-1-0', price: 'no number', size: 1, ...other, ...rest }
  yield { _id: 'refused-2-0', price: { $numberDouble: 'Infinity' }, size: 1.5, ...other, ...rest }
  // Late, and with more digits than the decimals of the lake have.
  yield { _id: 'late-1-0', price: 1.123456789, size: 1e-9, ...other, ...rest, symbol: 'LATE' }
  yield { _id: 'late-2-0', price: 1e15, size: 1, ...other, ...rest, symbol: 'LATE' }
}

async function* lateTrades(): AsyncGenerator<Row> {
  for (const id of ['late-1-0', 'late-2-0']) yield { _id: id, reason: 'after the limit' }
}

interface ReferenceBar {
  readonly symbol: string
  readonly startMs: number
  readonly numbers: Readonly<
    Record<'open' | 'high' | 'low' | 'close' | 'volume' | 'notional', number>
  >
  readonly count: number
}

async function* referenceBars(file: string): AsyncGenerator<ReferenceBar> {
  let isHead = true
  for await (const line of linesOf(file)) {
    if (!isHead) {
      const [symbol = '', startMs, , open, high, low, close, volume, notional, , count] =
        line.split(',')
      const [o, h, l, c, v, n] = [open, high, low, close, volume, notional].map(Number)
      yield {
        symbol,
        startMs: Number(startMs),
        numbers: {
          open: o ?? 0,
          high: h ?? 0,
          low: l ?? 0,
          close: c ?? 0,
          volume: v ?? 0,
          notional: n ?? 0
        },
        count: Number(count)
      }
    }
    isHead = false
  }
}

async function* bars({ bars: file, date, times }: RawDay): AsyncGenerator<Row> {
  for await (const { symbol, startMs, numbers, count } of referenceBars(file)) {
    for (let copy = 0; copy < times; copy++) {
      const name = nameOf(symbol, copy)
      yield {
        _id: `${name}|1m|${startMs}`,
        symbol: name,
        timeframe: '1m',
        start: new Date(startMs).toISOString(),
        end: new Date(startMs + 60_000).toISOString(),
        ...numbers,
        vwap: numbers.volume === 0 ? null : numbers.notional / numbers.volume,
        tradeCount: count,
        session: 'regular',
        tradeDate: date,
        status: 'final',
        revision: count % 3,
        coverage: 1,
        policy: 'finnhub',
        feed: 'recorded'
      }
    }
  }
}

/** The close before as the forecast of the close, and a third more of its last change as another. */
async function* forecasts({ bars: file, times }: RawDay): AsyncGenerator<Row> {
  let before: ReferenceBar | undefined
  let earlier: ReferenceBar | undefined
  for await (const bar of referenceBars(file)) {
    if (before?.symbol === bar.symbol && earlier?.symbol === bar.symbol) {
      const [last, actual] = [before.numbers.close, bar.numbers.close]
      const forecast = last + (last - earlier.numbers.close) / 3
      for (let copy = 0; copy < times; copy++) {
        const name = nameOf(bar.symbol, copy)
        const at = new Date(bar.startMs).toISOString()
        yield {
          _id: `${name}|1m|${bar.startMs}|1|line`,
          symbol: name,
          timeframe: '1m',
          horizon: 1,
          model: 'line',
          target: at,
          madeFrom: new Date(before.startMs).toISOString(),
          lastClose: last,
          forecast,
          bandLower: last * 0.999,
          bandUpper: last * 1.001,
          naive: last,
          actual,
          error: actual - forecast,
          naiveError: actual - last,
          inBand: actual >= last * 0.999 && actual <= last * 1.001,
          status: 'scored',
          timing: 'in time',
          createdAt: at,
          scoredAt: at,
          feed: 'recorded'
        }
      }
    }
    earlier = before
    before = bar
  }
}

function nameOf(symbol: string, copy: number): string {
  return copy === 0 ? symbol : `${symbol}.${copy}`
}
