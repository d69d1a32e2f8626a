import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import {
  addDays,
  isoDate,
  sessionAt,
  sessionOfTrade,
  tradingDateAt,
  tradingDayOf
} from '@tapedeck/domain'

/** NYSE's published table for 2025 to 2027, and its rules from 2028 on. */
const CLOSED: Readonly<Record<number, string>> = {
  2025: '01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25',
  2026: '01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25',
  2027: '01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24',
  2028: '01-17 02-21 04-14 05-29 06-19 07-04 09-04 11-23 12-25',
  2029: '01-01 01-15 02-19 03-30 05-28 06-19 07-04 09-03 11-22 12-25',
  2030: '01-01 01-21 02-18 04-19 05-27 06-19 07-04 09-02 11-28 12-25'
}
const EARLY: Readonly<Record<number, string>> = {
  2025: '07-03 11-28 12-24',
  2026: '11-27 12-24',
  2027: '11-26',
  2028: '07-03 11-24',
  2029: '07-03 11-23 12-24',
  2030: '07-03 11-29 12-24'
}

function weekdaysThatAre(year: number, kind: 'closed' | 'early'): string {
  const found: string[] = []
  for (let date = { year, month: 1, day: 1 }; date.year === year; date = addDays(date, 1)) {
    const weekday = new Date(`${isoDate(date)}T00:00:00Z`).getUTCDay()
    if (weekday !== 0 && weekday !== 6 && tradingDayOf(date) === kind) {
      found.push(isoDate(date).slice(5))
    }
  }
  return found.join(' ')
}

const at = (iso: string): number => Date.parse(iso)
const session = (iso: string): string => sessionAt('AAPL', tradingDateAt('AAPL', at(iso)), at(iso))
const tradeDate = (iso: string): string => tradingDateAt('AAPL', at(iso)).tradeDate

describe('tradingDayOf()', () => {
  for (const year of [2025, 2026, 2027, 2028, 2029, 2030]) {
    it(`knows every closure and early close of ${year}`, () => {
      assert.equal(weekdaysThatAre(year, 'closed'), CLOSED[year])
      assert.equal(weekdaysThatAre(year, 'early'), EARLY[year])
    })
  }
})

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

  it('has night, weekend and holiday', () => {
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
