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

  it('knows the four codes of a closing print, up to the last millisecond of the ten minutes', () => {
    const close = at('2026-11-24T21:00:00Z')
    const of = (ms: number, codes: string[] | null | undefined): string =>
      sessionOfTrade('AAPL', tradingDateAt('AAPL', close), close + ms, codes)
    for (const code of ['16', '35', '36', '39']) assert.equal(of(599_999, ['1', code]), 'regular')
    assert.equal(of(600_000, ['36']), 'post')
    assert.equal(of(-1, ['36', '24']), 'regular')
    for (const codes of [null, undefined, [], ['24']]) assert.equal(of(0, codes), 'post')
    assert.equal(
      sessionOfTrade('AAPL', tradingDateAt('AAPL', close), at('2026-11-24T10:00:00Z'), ['36']),
      'pre'
    )
  })

  it('has every limit of a trading day to the millisecond', () => {
    const limits: readonly [iso: string, before: string, from: string][] = [
      ['2026-11-24T01:00:00Z', 'closed', 'overnight'],
      ['2026-11-24T09:00:00Z', 'overnight', 'pre'],
      ['2026-11-24T14:30:00Z', 'pre', 'regular'],
      ['2026-11-24T21:00:00Z', 'regular', 'post'],
      ['2026-11-25T01:00:00Z', 'post', 'closed']
    ]
    const date = tradingDateAt('AAPL', at('2026-11-24T15:00:00Z'))
    for (const [iso, before, from] of limits) {
      assert.equal(sessionAt('AAPL', date, at(iso) - 1), before)
      assert.equal(sessionAt('AAPL', date, at(iso)), from)
    }
  })

  it('gives the limits of a stock’s day after a weekend, of an early close, and of the UTC day', () => {
    const shown = (symbol: string, iso: string) =>
      Object.entries(tradingDateAt(symbol, at(iso))).map(([name, value]) =>
        typeof value === 'number' ? `${name} ${new Date(value).toISOString().slice(0, 16)}` : value
      )
    assert.deepEqual(shown('AAPL', '2026-11-23T15:00:00Z'), [
      '2026-11-23',
      'startMs 2026-11-21T01:00',
      'endMs 2026-11-24T01:00',
      'overnightMs 2026-11-23T01:00',
      'preMs 2026-11-23T09:00',
      'openMs 2026-11-23T14:30',
      'closeMs 2026-11-23T21:00',
      'postEndMs 2026-11-24T01:00'
    ])
    assert.deepEqual(shown('AAPL', '2026-11-27T15:00:00Z'), [
      '2026-11-27',
      'startMs 2026-11-26T01:00',
      'endMs 2026-11-28T01:00',
      'overnightMs 2026-11-27T01:00',
      'preMs 2026-11-27T09:00',
      'openMs 2026-11-27T14:30',
      'closeMs 2026-11-27T18:00',
      'postEndMs 2026-11-27T22:00'
    ])
    // Thanksgiving of the year before, to which a later day must not lead back.
    assert.equal(tradeDate('2025-11-27T15:00:00Z'), '2025-11-28')
    for (const iso of [
      '2026-11-24T00:00:00Z',
      '2026-11-24T23:59:59.999Z',
      '2026-11-24T12:00:00Z'
    ]) {
      assert.deepEqual(shown('BINANCE:BTCUSDT', iso), [
        '2026-11-24',
        'startMs 2026-11-24T00:00',
        'endMs 2026-11-25T00:00',
        'overnightMs 2026-11-24T00:00',
        'preMs 2026-11-24T00:00',
        'openMs 2026-11-24T00:00',
        'closeMs 2026-11-25T00:00',
        'postEndMs 2026-11-25T00:00'
      ])
    }
    assert.equal(
      tradingDateAt('BINANCE:BTCUSDT', at('2026-11-25T00:00:00Z')).tradeDate,
      '2026-11-25'
    )
    assert.equal(
      tradingDateAt('BINANCE:BTCUSDT', at('2026-11-23T23:59:59Z')).tradeDate,
      '2026-11-23'
    )
  })

  it('gives the same date however many others were asked for in between', () => {
    const moments = Array.from(
      { length: 200 },
      (_, index) => at('2026-01-05T15:00:00Z') + index * 86_400_000
    )
    const dates = moments.map((ms) => tradingDateAt('AAPL', ms))
    for (const [index, ms] of moments.entries()) {
      const date = tradingDateAt('AAPL', ms)
      assert.deepEqual(date, dates[index])
      assert.ok(date.startMs <= ms && ms < date.endMs)
      assert.equal(tradingDateAt('AAPL', date.startMs).tradeDate, date.tradeDate)
      assert.notEqual(tradingDateAt('AAPL', date.endMs).tradeDate, date.tradeDate)
    }
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
  const closed = (reason: string, day: string, next = '04:00, the regular session 09:30') =>
    `closed for ${reason}: pre-market opens ${day} ${next} New York`
  for (const [iso, text, isTrading, opens] of [
    ['2026-11-24T15:00:00Z', 'regular session until 16:00 New York', true, '2026-11-24T14:30'],
    ['2026-11-24T10:00:00Z', 'pre-market until 09:30 New York', true, '2026-11-24T09:00'],
    ['2026-11-24T22:00:00Z', 'after-hours until 20:00 New York', true, '2026-11-24T21:00'],
    ['2026-11-27T19:00:00Z', 'after-hours until 17:00 New York', true, '2026-11-27T18:00'],
    ['2026-11-26T15:00:00Z', closed('Thanksgiving', 'Fri 2026-11-27'), false, '2026-11-27T09:00'],
    ['2026-11-28T15:00:00Z', closed('the weekend', 'Mon 2026-11-30'), false, '2026-11-30T09:00'],
    ['2026-11-29T15:00:00Z', closed('the weekend', 'Mon 2026-11-30'), false, '2026-11-30T09:00'],
    [
      '2025-01-09T15:00:00Z',
      closed('day of mourning', 'Fri 2025-01-10'),
      false,
      '2025-01-10T09:00'
    ],
    ['2026-01-01T15:00:00Z', closed('New Year', 'Fri 2026-01-02'), false, '2026-01-02T09:00'],
    ['2023-01-02T15:00:00Z', closed('New Year', 'Tue 2023-01-03'), false, '2023-01-03T09:00'],
    [
      '2026-01-19T15:00:00Z',
      closed('Martin Luther King Day', 'Tue 2026-01-20'),
      false,
      '2026-01-20T09:00'
    ],
    ['2026-02-16T15:00:00Z', closed('Presidents Day', 'Tue 2026-02-17'), false, '2026-02-17T09:00'],
    ['2026-04-03T15:00:00Z', closed('Good Friday', 'Mon 2026-04-06'), false, '2026-04-06T08:00'],
    ['2026-05-25T15:00:00Z', closed('Memorial Day', 'Tue 2026-05-26'), false, '2026-05-26T08:00'],
    ['2025-06-19T15:00:00Z', closed('Juneteenth', 'Fri 2025-06-20'), false, '2025-06-20T08:00'],
    [
      '2024-07-04T15:00:00Z',
      closed('Independence Day', 'Fri 2024-07-05'),
      false,
      '2024-07-05T08:00'
    ],
    ['2026-09-07T15:00:00Z', closed('Labor Day', 'Tue 2026-09-08'), false, '2026-09-08T08:00'],
    ['2024-12-25T15:00:00Z', closed('Christmas', 'Thu 2024-12-26'), false, '2024-12-26T09:00'],
    ['2027-12-24T15:00:00Z', closed('Christmas', 'Mon 2027-12-27'), false, '2027-12-27T09:00'],
    [
      '2026-11-25T03:00:00Z',
      'overnight: pre-market opens Wed 2026-11-25 04:00, the regular session 09:30 New York',
      false,
      '2026-11-25T09:00'
    ],
    [
      // After the early end of after-hours.
      '2026-11-27T23:00:00Z',
      'closed on 2026-11-27: pre-market opens Mon 2026-11-30 04:00, the regular session 09:30 New York',
      false,
      '2026-11-30T09:00'
    ]
  ] as const) {
    it(`says why and what comes next at ${iso}`, () => {
      const state = marketState(at(iso))
      assert.equal(state.text, text)
      assert.equal(state.isTrading, isTrading)
      assert.equal(new Date(state.opensMs).toISOString(), `${opens}:00.000Z`)
      assert.equal(state.session, session(iso))
    })
  }
})
