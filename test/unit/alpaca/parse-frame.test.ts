import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { alpacaProtocol, parseFrame, parseTime } from '@tapedeck/alpaca'
import { Secret } from '@tapedeck/core'

const AT = Date.UTC(2026, 10, 20, 15, 30, 0, 123)
const TRADE = {
  T: 't',
  S: 'AAPL',
  i: 5021,
  x: 'V',
  p: 231.47,
  s: 100,
  c: ['@', 'I'],
  t: '2026-11-20T15:30:00.123456789Z',
  z: 'C'
}

function frame(...messages: readonly unknown[]) {
  return parseFrame(JSON.stringify(messages))
}

describe('parseFrame() of Alpaca', () => {
  it('reads trades with their ids, times to the millisecond and conditions in the codes of Finnhub', () => {
    const read = frame(
      TRADE,
      { ...TRADE, S: 'EEM', z: 'B', c: [' ', '7'] },
      { ...TRADE, c: undefined }
    )
    assert.ok(read.kind === 'trades')
    assert.deepEqual(read.trades, [
      { s: 'AAPL', p: 231.47, t: AT, v: 100, c: ['1', '12'], i: '5021', index: 0 },
      { s: 'EEM', p: 231.47, t: AT, v: 100, c: ['1', '37'], i: '5021', index: 1 },
      { s: 'AAPL', p: 231.47, t: AT, v: 100, c: null, i: '5021', index: 2 }
    ])
    assert.deepEqual(read.amendments, [])
    assert.deepEqual(read.refused, [])
  })

  it('reads corrections and cancels as amendments of the trade with that id', () => {
    const t = '2026-11-20T15:31:00Z'
    const read = frame(
      {
        T: 'c',
        S: 'AAPL',
        x: 'V',
        oi: 5021,
        op: 231.47,
        os: 100,
        oc: ['@'],
        ci: 5090,
        cp: 231.45,
        cs: 90,
        cc: ['@', 'B'],
        z: 'A',
        t
      },
      { T: 'x', S: 'AAPL', i: 5090, x: 'V', p: 231.45, s: 90, a: 'C', z: 'A', t },
      TRADE
    )
    assert.ok(read.kind === 'trades')
    const at = Date.UTC(2026, 10, 20, 15, 31)
    assert.deepEqual(read.amendments, [
      {
        index: 0,
        kind: 'correction',
        s: 'AAPL',
        of: '5021',
        by: { p: 231.45, t: at, v: 90, c: ['1', '3'], i: '5090' },
        t: at
      },
      { index: 1, kind: 'cancel', s: 'AAPL', of: '5090', by: null, t: at }
    ])
    assert.deepEqual(
      read.trades.map(({ index }) => index),
      [2]
    )
  })

  it('recognises the control messages', () => {
    assert.deepEqual(frame({ T: 'success', msg: 'connected' }), { kind: 'other', type: 'success' })
    assert.deepEqual(frame({ T: 'success', msg: 'authenticated' }), { kind: 'welcome' })
    assert.deepEqual(
      frame({ T: 'subscription', trades: ['AAPL', 'MSFT'], quotes: [], corrections: ['AAPL'] }),
      { kind: 'subscribed', symbols: ['AAPL', 'MSFT'] }
    )
    assert.deepEqual(frame({ T: 'q', S: 'AAPL' }), { kind: 'other', type: 'q' })
    assert.deepEqual(frame(), { kind: 'other', type: 'empty' })
  })

  it('gives each error its meaning', () => {
    const meanings = [400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 500, 'x'].map((code) => {
      const read = frame({ T: 'error', code, msg: 'words' })
      assert.ok(read.kind === 'error')
      assert.match(read.message, /^words/)
      return [code, read.meaning]
    })
    assert.deepEqual(
      meanings.filter(([, meaning]) => meaning !== 'unknown'),
      [
        [401, 'refused'],
        [402, 'refused'],
        [405, 'over the limit'],
        [406, 'in use'],
        [409, 'refused']
      ]
    )
  })

  it('keeps the good messages of a frame that has bad ones', () => {
    const bad: readonly (readonly [unknown, string])[] = [
      [{ ...TRADE, i: 2 ** 53 }, 'id is not a whole number'],
      [{ ...TRADE, i: '5' }, 'id is not a whole number'],
      [{ ...TRADE, t: 1_764_000_000_000 }, 'time is not RFC 3339'],
      [{ ...TRADE, t: '2026-02-30T00:00:00Z' }, 'time is not RFC 3339'],
      [{ ...TRADE, p: 0 }, 'price is not positive'],
      [{ ...TRADE, s: '100' }, 'size is not a number'],
      [{ ...TRADE, c: 'I' }, 'conditions are not a list'],
      [{ ...TRADE, c: [7] }, 'a condition is not a text'],
      [{ ...TRADE, c: ['IIIII'] }, 'a condition is too long'],
      [{ ...TRADE, S: '' }, 'symbol is not a text'],
      [{ S: 'AAPL' }, 'message has no type'],
      [null, 'message is not an object'],
      [{ T: 'x', S: 'AAPL', t: TRADE.t }, 'id of the cancelled trade is not a whole number']
    ]
    const read = frame(TRADE, ...bad.map(([message]) => message), TRADE)
    assert.ok(read.kind === 'trades')
    assert.deepEqual(
      read.trades.map(({ index }) => index),
      [0, bad.length + 1]
    )
    assert.deepEqual(
      read.refused.map(({ reason }) => reason),
      bad.map(([, reason]) => reason)
    )
    assert.deepEqual(
      read.refused.map(({ index }) => index),
      bad.map((_, at) => at + 1)
    )
  })

  it('says why a frame is malformed', () => {
    for (const text of ['{', '{}', 'null', `[${Array(5000).fill('1').join()}]`]) {
      assert.equal(parseFrame(text).kind, 'malformed')
    }
  })
})

describe('parseTime()', () => {
  it('truncates an RFC 3339 time of up to nine digits to the millisecond', () => {
    const nanos = fc.integer({ min: 0, max: 999_999_999 })
    const seconds = fc.integer({ min: 0, max: 4_000_000_000 })
    fc.assert(
      fc.property(seconds, nanos, fc.integer({ min: 1, max: 9 }), (second, nano, digits) => {
        const fraction = String(nano).padStart(9, '0').slice(0, digits)
        const text = new Date(second * 1000).toISOString().replace('.000Z', `.${fraction}Z`)
        const ms = Math.floor(Number(fraction.padEnd(9, '0')) / 1e6)
        assert.equal(parseTime(text), second * 1000 + ms)
      })
    )
  })

  it('reads an offset and a time without a fraction', () => {
    assert.equal(parseTime('2026-11-20T10:30:00-05:00'), Date.UTC(2026, 10, 20, 15, 30))
    assert.equal(parseTime('2026-11-20T15:30:00Z'), Date.UTC(2026, 10, 20, 15, 30))
  })

  it('refuses any other text', () => {
    for (const text of [
      '2026-11-20',
      '2026-13-01T00:00:00Z',
      '2027-02-29T00:00:00Z',
      '2026-11-20T24:00:00Z',
      '2026-11-20T15:60:00Z',
      '2026-11-20T15:30:61Z',
      '2026-11-20T15:30:00.1234567890Z',
      '2026-11-20T15:30:00',
      7,
      undefined
    ]) {
      assert.equal(parseTime(text), undefined)
    }
  })
})

describe('alpacaProtocol()', () => {
  const options = { url: 'wss://feed.test/v2/test', key: new Secret('k'), secret: new Secret('s') }

  it('sends the credentials as the first message or in the headers, never in the address', () => {
    const spoken = alpacaProtocol(options)
    assert.deepEqual(spoken.address(), { url: options.url })
    assert.deepEqual(spoken.greeting(), ['{"action":"auth","key":"k","secret":"s"}'])
    const written = alpacaProtocol({ ...options, credentialsIn: 'headers' })
    assert.deepEqual(written.greeting(), [])
    assert.deepEqual(written.address(), {
      url: options.url,
      headers: { 'APCA-API-KEY-ID': 'k', 'APCA-API-SECRET-KEY': 's' }
    })
  })

  it('subscribes to the trades of symbols', () => {
    const { subscribe, unsubscribe } = alpacaProtocol(options)
    assert.deepEqual(subscribe(['FAKEPACA']), ['{"action":"subscribe","trades":["FAKEPACA"]}'])
    assert.deepEqual(unsubscribe(['A', 'B']), ['{"action":"unsubscribe","trades":["A","B"]}'])
    assert.deepEqual(subscribe([]), [])
  })

  it('never takes a control message for a trade frame', () => {
    const { isTradeFrame } = alpacaProtocol(options)
    assert.ok(isTradeFrame(JSON.stringify([TRADE])))
    for (const T of ['success', 'error', 'subscription', 'x', 'c']) {
      assert.ok(!isTradeFrame(JSON.stringify([{ T, msg: '[{"T":"t"' }])))
    }
  })
})
