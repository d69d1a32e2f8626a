import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Market, type MarketOptions } from '@tapedeck/simulator/testing'
import fc from 'fast-check'

interface Trade {
  readonly c: readonly string[] | null
  readonly p: number
  readonly s: string
  readonly t: number
  readonly v: number
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const MONDAY_NOON = Date.parse('2026-03-02T17:00:00Z')

function aMarket(options: Partial<MarketOptions> = {}): Market {
  return new Market({
    seed: 1,
    startMs: MONDAY_NOON,
    tradesPerSecond: 3,
    alwaysOpen: true,
    market: 'martingale',
    ...options
  })
}

/** The texts of all frames in [market.atMs, endMs), cut into calls of `stepMs`. */
function playedTexts(market: Market, endMs: number, stepMs = 1000): string[] {
  const texts: string[] = []
  while (market.atMs < endMs) {
    const frames = market.framesUntil(Math.min(endMs, market.atMs + stepMs))
    texts.push(...frames.map(({ text }) => text))
  }
  return texts
}

function tradesOf(texts: readonly string[]): Trade[] {
  return texts.flatMap((text) => (JSON.parse(text) as { data: Trade[] }).data)
}

function tradesOfDay(symbols: readonly string[], startMs: number, hours: number): Trade[] {
  const market = aMarket({ startMs, tradesPerSecond: 0.25 })
  market.want(new Set(symbols))
  return tradesOf(playedTexts(market, startMs + hours * HOUR))
}

describe('Market', () => {
  const aSymbol = fc.constantFrom('AAPL', 'BINANCE:BTCUSDT', 'OANDA:EUR_USD', 'ZZZT', 'BRK.B')

  it('plays the same tape, byte for byte, for the same seed and start', () => {
    const scenario = fc.record({
      seed: fc.nat(),
      startMs: fc.integer({ min: 1_600_000_000_000, max: 1_900_000_000_000 }),
      symbols: fc.uniqueArray(aSymbol, { minLength: 1, maxLength: 4 })
    })
    fc.assert(
      fc.property(scenario, ({ seed, startMs, symbols }) => {
        const [first, second] = [0, 1].map(() => {
          const market = aMarket({ seed, startMs, tradesPerSecond: 20 })
          market.want(new Set(symbols))
          return playedTexts(market, startMs + 5000, 20)
        })
        assert.ok(first!.length > 0)
        assert.deepEqual(first, second)
      }),
      { numRuns: 30 }
    )
  })

  it('plays a different tape for a different seed', () => {
    const tapes = [1, 2].map((seed) => {
      const market = aMarket({ seed })
      market.want(new Set(['AAPL']))
      return playedTexts(market, MONDAY_NOON + MINUTE).join()
    })
    assert.notEqual(tapes[0], tapes[1])
  })

  it('gives a symbol the same trades whatever other symbols trade and however time is cut', () => {
    const alone = aMarket()
    alone.want(new Set(['MSFT']))
    const together = aMarket()
    together.want(new Set(['AAPL', 'MSFT', 'BINANCE:ETHUSDT']))
    const end = MONDAY_NOON + 10 * MINUTE
    const expected = tradesOf(playedTexts(alone, end, 20))
    const found = tradesOf(playedTexts(together, end, 777)).filter(({ s }) => s === 'MSFT')
    assert.ok(expected.length > 500)
    assert.deepEqual(found, expected)
  })

  it('sends frames of at most ten trades in the key order of the feed, late trades among them', () => {
    const market = aMarket({ tradesPerSecond: 50 })
    market.want(new Set(['AAPL', 'NVDA']))
    const texts = playedTexts(market, MONDAY_NOON + 2 * MINUTE, 20)
    for (const text of texts) {
      assert.match(
        text,
        /^\{"data":\[(\{"c":[^{}]*,"p":[^{}]*,"s":[^{}]*,"t":\d+,"v":[^{}]*\},?)+\],"type":"trade"\}$/
      )
    }
    const sizes = texts.map((text) => tradesOf([text]).length)
    assert.equal(Math.max(...sizes), 10)
    assert.ok(Math.min(...sizes) >= 1)
    const times = tradesOf(texts).map(({ t }) => t)
    assert.ok(times.some((t, index) => index > 0 && t < times[index - 1]! - 1000))
    assert.ok(times.every((t) => t < MONDAY_NOON + 2 * MINUTE))
  })

  // Regular sessions in UTC: winter and summer time, a half day, a Saturday.
  const days = [
    { day: '2026-03-06', open: '14:30', close: '21:00' },
    { day: '2026-07-15', open: '13:30', close: '20:00' },
    { day: '2026-11-27', open: '14:30', close: '18:00' },
    { day: '2026-03-07', open: '00:00', close: '00:00' }
  ]
  for (const { day, open, close } of days) {
    const at = (time: string): number => Date.parse(`${day}T${time}:00Z`)
    it(`marks odd lots with 12 and extended hours with 24, exactly, on ${day}`, () => {
      const trades = tradesOfDay(['AAPL', 'ZZZT'], at('05:00'), 20)
      assert.ok(trades.length > 5000)
      const [openMs, closeMs] = [at(open), at(close)]
      for (const { c, t, v } of trades) {
        assert.ok(c !== null && c[0] === '1')
        assert.equal(c.includes('12'), v < 100)
        assert.equal(c.includes('24'), t < openMs || t >= closeMs)
        assert.ok(Number.isSafeInteger(v) && v > 0)
        assert.equal(new Set(c).size, c.length)
      }
    })
  }

  it('prints one opening and one closing trade a day and symbol', () => {
    const trades = tradesOfDay(['AAPL'], Date.parse('2026-03-06T09:00:00Z'), 16)
    const withCode = (code: string): Trade[] => trades.filter(({ c }) => c?.includes(code))
    assert.deepEqual(
      [...withCode('19'), ...withCode('36')].map(({ t }) =>
        new Date(t).toISOString().slice(11, 16)
      ),
      ['14:30', '20:59']
    )
  })

  it('has equal prints, bursts in one millisecond, sweeps and sub-penny odd lots', () => {
    const trades = tradesOfDay(['AAPL'], Date.parse('2026-03-06T14:30:00Z'), 6)
    const times = Map.groupBy(trades, ({ t }) => t)
    assert.ok(Math.max(...[...times.values()].map(({ length }) => length)) > 10)
    const texts = trades.map((trade) => JSON.stringify(trade))
    assert.ok(new Set(texts).size < texts.length)
    assert.ok(trades.some(({ c }) => c?.includes('8')))
    const subPenny = trades.filter(({ p }) => !Number.isInteger(Number((p * 100).toFixed(6))))
    assert.ok(subPenny.some(({ v }) => v < 100))
    assert.ok(trades.every(({ p }) => /^\d+(\.\d{1,4})?$/.test(String(p))))
  })

  it('trades at a plausible price', () => {
    const near = { AAPL: 230, 'BINANCE:BTCUSDT': 91_000, 'OANDA:EUR_USD': 1.16 }
    for (const [symbol, price] of Object.entries(near)) {
      const prices = tradesOfDay([symbol], MONDAY_NOON, 24).map(({ p }) => p)
      assert.ok(Math.min(...prices) > price * 0.75 && Math.max(...prices) < price * 1.33, symbol)
      assert.ok(new Set(prices).size > 100, symbol)
    }
  })

  it('sends crypto without conditions in fractions, forex without sizes', () => {
    const trades = tradesOfDay(['BINANCE:BTCUSDT', 'OANDA:EUR_USD'], MONDAY_NOON, 1)
    assert.ok(trades.every(({ c }) => c === null))
    const [crypto, forex] = [true, false].map((isCrypto) =>
      trades.filter(({ s }) => s.startsWith('BINANCE') === isCrypto)
    )
    assert.ok(crypto!.length > 100 && crypto!.every(({ v }) => v > 0))
    assert.ok(crypto!.some(({ v }) => !Number.isInteger(v)))
    assert.ok(forex!.length > 100 && forex!.every(({ v }) => v === 0))
  })

  it('keeps the mean rate over the regular session, busier at both ends', () => {
    const open = Date.parse('2026-03-06T14:30:00Z')
    const market = aMarket({ startMs: open, tradesPerSecond: 4 })
    market.want(new Set(['AAPL']))
    const trades = tradesOf(playedTexts(market, open + 6.5 * HOUR))
    const rate = trades.length / (6.5 * 3600)
    assert.ok(rate > 3.6 && rate < 4.4, `${rate} trades a second, expected about 4`)
    const inHour = (from: number): number =>
      trades.filter(({ t }) => t >= open + from * HOUR && t < open + (from + 1) * HOUR).length
    assert.ok(inHour(0) > 1.3 * inHour(3) && inHour(5.5) > 1.3 * inHour(3))
  })

  it('trades stocks on a Sunday only when always open, and crypto in any case', () => {
    const sunday = Date.parse('2026-03-08T15:00:00Z')
    const trading = (alwaysOpen: boolean): ReadonlySet<string> => {
      const market = aMarket({ startMs: sunday, alwaysOpen })
      market.want(new Set(['AAPL', 'BINANCE:BTCUSDT']))
      return new Set(tradesOf(playedTexts(market, sunday + 5 * MINUTE)).map(({ s }) => s))
    }
    assert.equal(trading(true).size, 2)
    assert.deepEqual([...trading(false)], ['BINANCE:BTCUSDT'])
  })

  it('trades a symbol from its subscription on, and no invalid symbol', () => {
    const market = aMarket()
    assert.deepEqual(playedTexts(market, MONDAY_NOON + MINUTE), [])
    market.want(new Set(['NEW.SYM', 'no"symbol']))
    const trades = tradesOf(playedTexts(market, MONDAY_NOON + 2 * MINUTE))
    assert.deepEqual([...new Set(trades.map(({ s }) => s))], ['NEW.SYM'])
    market.want(new Set())
    assert.deepEqual(playedTexts(market, MONDAY_NOON + 3 * MINUTE), [])
  })

  it('continues from the last price after a time without subscriptions', () => {
    const market = aMarket({ tradesPerSecond: 10 })
    market.want(new Set(['TSLA']))
    const before = tradesOf(playedTexts(market, MONDAY_NOON + 30 * MINUTE)).at(-1)!
    market.want(new Set())
    market.framesUntil(MONDAY_NOON + 40 * MINUTE)
    market.want(new Set(['TSLA']))
    const after = tradesOf(playedTexts(market, MONDAY_NOON + 41 * MINUTE))
    assert.ok(after.every(({ t }) => t >= MONDAY_NOON + 40 * MINUTE - 5000))
    assert.ok(Math.abs(after[0]!.p / before.p - 1) < 0.01)
    assert.notEqual(after[0]!.p, 340)
  })

  it('goes on at the price of the time, however often it is started', () => {
    const before = aMarket({ tradesPerSecond: 10 })
    before.want(new Set(['TSLA']))
    const last = tradesOf(playedTexts(before, MONDAY_NOON + 10 * MINUTE)).at(-1)!
    const started = aMarket({ tradesPerSecond: 10, startMs: MONDAY_NOON + 10 * MINUTE })
    started.want(new Set(['TSLA']))
    const first = tradesOf(playedTexts(started, MONDAY_NOON + 10 * MINUTE + 5000))[0]!
    assert.ok(Math.abs(first.p / last.p - 1) < 0.001, `${last.p}, then ${first.p}`)
  })
})
