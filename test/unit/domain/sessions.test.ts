import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { marketState, sessionAt, sessionOfTrade, tradingDateAt } from '@tapedeck/domain'

const at = (iso: string): number => Date.parse(iso)
const session = (iso: string): string => sessionAt('AAPL', tradingDateAt('AAPL', at(iso)), at(iso))
const tradeDate = (iso: string): string => tradingDateAt('AAPL', at(iso)).tradeDate

describe('sessionAt()', () => {
  it('follows New York through both DST changes of 2026', () => {
    assert.equal(session('2026-03-06T14:29:59.999Z'), 'pre')
    assert.equal(session('2026-03-06T14:30:00Z'), 'regular')
    assert.equal(session('2026-03-09T13:30:00Z'), 'regular')
    assert.equal(session('2026-10-30T19:59:59Z'), 'regular')
    assert.equal(session('2026-11-02T20:59:59Z'), 'regular')
    assert.equal(session('2026-11-02T21:00:00Z'), 'post')
  })

  it('ends the regular session at 13:00 and the post session at 17:00 on an early close', () => {
    assert.equal(session('2026-11-27T17:59:59Z'), 'regular')
    assert.equal(session('2026-11-27T18:00:00Z'), 'post')
    assert.equal(session('2026-11-27T22:00:00Z'), 'closed')
  })

  it('knows night, weekend and holiday', () => {
    assert.equal(session('2026-11-25T03:00:00Z'), 'overnight')
    assert.equal(session('2026-11-21T15:00:00Z'), 'closed')
    assert.equal(session('2026-11-26T15:00:00Z'), 'closed')
    assert.equal(sessionAt('BINANCE:BTCUSDT', tradingDateAt('BINANCE:BTCUSDT', 0), 0), 'continuous')
  })

  it('rolls the trade date at 20:00 New York, over weekends and holidays', () => {
    assert.equal(tradeDate('2026-11-24T00:59:59Z'), '2026-11-23')
    assert.equal(tradeDate('2026-11-24T01:00:00Z'), '2026-11-24')
    assert.equal(tradeDate('2026-11-21T01:00:00Z'), '2026-11-23')
    assert.equal(tradeDate('2026-11-26T01:30:00Z'), '2026-11-27')
    assert.equal(
      tradingDateAt('BINANCE:BTCUSDT', at('2026-11-24T23:59:59Z')).tradeDate,
      '2026-11-24'
    )
  })

  it('counts closing prints as regular for ten minutes after the bell, unless marked extended', () => {
    const of = (iso: string, codes: string[]): string =>
      sessionOfTrade('AAPL', tradingDateAt('AAPL', at(iso)), at(iso), codes)
    assert.equal(of('2026-11-24T21:00:03Z', ['36']), 'regular')
    assert.equal(of('2026-11-24T21:00:03Z', ['1']), 'post')
    assert.equal(of('2026-11-24T21:00:03Z', ['36', '24']), 'post')
    assert.equal(of('2026-11-24T21:11:00Z', ['36']), 'post')
  })

  it('does not depend on the time zone of the process', () => {
    // Every half hour of three years: trade date, session boundaries and session.
    const script = `import { sessionAt, tradingDateAt } from '@tapedeck/domain'
      import { createHash } from 'node:crypto'
      const hash = createHash('sha256')
      for (let t = Date.UTC(2025, 0, 1); t < Date.UTC(2028, 0, 1); t += 1_800_000) {
        const date = tradingDateAt('AAPL', t)
        hash.update(JSON.stringify([date, sessionAt('AAPL', date, t)]))
      }
      console.log(hash.digest('hex'))`
    const answers = ['UTC', 'Asia/Tokyo', 'America/Los_Angeles', 'Pacific/Kiritimati'].map((TZ) =>
      execFileSync(process.execPath, ['--input-type=module', '-e', script], {
        env: { ...process.env, TZ },
        encoding: 'utf8'
      })
    )
    assert.equal(new Set(answers).size, 1)
    assert.match(answers[0] ?? '', /^[0-9a-f]{64}\n$/)
  })
})

describe('marketState()', () => {
  for (const [iso, text, isTrading] of [
    ['2026-11-24T15:00:00Z', /^regular session until 16:00 New York$/, true],
    ['2026-11-24T10:00:00Z', /^pre-market until 09:30/, true],
    ['2026-11-24T22:00:00Z', /^after-hours until 20:00/, true],
    ['2026-11-27T19:00:00Z', /^after-hours until 17:00/, true],
    [
      '2026-11-26T15:00:00Z',
      /^closed for Thanksgiving: pre-market opens Fri 2026-11-27 04:00/,
      false
    ],
    [
      '2026-11-28T15:00:00Z',
      /^closed for the weekend: pre-market opens Mon 2026-11-30 04:00, the regular session 09:30/,
      false
    ],
    ['2026-11-25T03:00:00Z', /^overnight: pre-market opens Wed 2026-11-25 04:00/, false],
    ['2025-01-09T15:00:00Z', /^closed for day of mourning/, false],
    ['2026-04-03T15:00:00Z', /^closed for Good Friday/, false],
    ['2027-12-24T15:00:00Z', /^closed for Christmas/, false]
  ] as const) {
    it(`says why and what comes next at ${iso}`, () => {
      const state = marketState(at(iso))
      assert.match(state.text, text)
      assert.equal(state.isTrading, isTrading)
    })
  }

  it('gives the next opening as a moment', () => {
    assert.equal(marketState(at('2026-11-28T15:00:00Z')).opensMs, at('2026-11-30T09:00:00Z'))
  })
})
