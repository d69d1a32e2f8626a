import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createProgress, renderScreen, withDatabase, type Screen } from '@tapedeck/stack/testing'

const screen: Screen = {
  feed: 'simulated',
  symbols: ['AAPL', 'BINANCE:BTCUSDT'],
  rows: [
    { name: 'Kafka', pid: undefined, address: 'kafka.example:9092', note: 'yours' },
    { name: 'consumer', pid: 12_345, address: 'http://127.0.0.1:4/readyz' }
  ],
  pageUrl: 'http://127.0.0.1:8080/',
  mongoUri: 'mongodb://ada:geheim@mongo.example/tapedeck?directConnection=true',
  logDir: '.data/logs',
  firstBarMs: 4321
}

describe('renderScreen()', () => {
  it('shows what runs where, the feed, the symbols, the page, how to query and how to stop', () => {
    const text = renderScreen(screen)
    for (const part of [
      'simulated trades',
      'AAPL, BINANCE:BTCUSDT',
      'http://127.0.0.1:8080/',
      'mongosh',
      "curl 'http://127.0.0.1:8080/api/v1/bars?symbol=AAPL&timeframe=1m&limit=5'",
      'Ctrl-C',
      '12345',
      'first bar stored after 4.3 s'
    ]) {
      assert.ok(text.includes(part), part)
    }
  })

  it('shows no password', () => {
    assert.ok(!renderScreen(screen).includes('geheim'))
  })

  it('says so when no bar is stored yet', () => {
    const feedText = 'connected, no trades: US stocks are closed'
    assert.match(
      renderScreen({ ...screen, firstBarMs: undefined, feedText }),
      /tapedeck runs, no bar stored yet: connected, no trades: US stocks are closed\n/
    )
  })
})

describe('withDatabase()', () => {
  it('puts the name that is used in the place of another', () => {
    assert.equal(withDatabase('mongodb://h:1', 'tape'), 'mongodb://h:1/tape')
    assert.equal(withDatabase('mongodb://h:1/?a=b', 'tape'), 'mongodb://h:1/tape?a=b')
    assert.equal(withDatabase('mongodb://h:1/tape?a=b', 'tape'), 'mongodb://h:1/tape?a=b')
    assert.equal(withDatabase('mongodb://h:1/other?a=b', 'tape'), 'mongodb://h:1/tape?a=b')
  })

  it('still finds the user where the URI says', () => {
    for (const [uri, shown] of [
      ['mongodb://ada:x@h/admin', 'mongodb://ada:x@h/tape?authSource=admin'],
      ['mongodb://ada:x@h/users?tls=true', 'mongodb://ada:x@h/tape?tls=true&authSource=users'],
      ['mongodb://ada:x@h/users?authSource=own', 'mongodb://ada:x@h/tape?authSource=own'],
      ['mongodb://ada:x@h/tape', 'mongodb://ada:x@h/tape']
    ] as const) {
      assert.equal(withDatabase(uri, 'tape'), shown)
    }
  })
})

describe('createProgress()', () => {
  it('begins each line with the seconds since the start', () => {
    const written: string[] = []
    const { say, warn } = createProgress((text) => written.push(text))
    say('here')
    warn('there')
    assert.match(written.join(''), /^ +\d\.\d s {2}here\n +\d\.\d s {2}! there\n$/)
  })
})
