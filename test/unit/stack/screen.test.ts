import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  checkAvx,
  checkGlibc,
  checkKernel,
  checkNode,
  createProgress,
  problemIn,
  renderDiagnosis,
  renderScreen,
  withDatabase,
  type Screen
} from '@tapedeck/stack'

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
  it('says what runs where, the feed, the symbols, the page, how to ask and how to stop', () => {
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
    assert.match(renderScreen({ ...screen, firstBarMs: undefined }), /no bar stored yet/)
  })
})

describe('withDatabase()', () => {
  it('adds the name unless the URI has one', () => {
    assert.equal(withDatabase('mongodb://h:1', 'tape'), 'mongodb://h:1/tape')
    assert.equal(withDatabase('mongodb://h:1/?a=b', 'tape'), 'mongodb://h:1/tape?a=b')
    assert.equal(withDatabase('mongodb://h:1/other?a=b', 'tape'), 'mongodb://h:1/other?a=b')
  })
})

describe('problemIn()', () => {
  it('words warnings and errors, and passes over the rest', () => {
    assert.equal(problemIn('{"level":"info","msg":"fine"}'), undefined)
    assert.equal(problemIn('{"level":"warn","msg":"slow"}'), 'slow')
    const line = '{"level":"error","msg":"lost","err":{"message":"gone","code":"TIMED_OUT"}}'
    assert.equal(problemIn(line), 'lost: gone (TIMED_OUT)')
    assert.equal(problemIn('{"level":"warn" and no JSON'), undefined)
  })

  it('shows the line of a crash that says what happened', () => {
    assert.equal(problemIn('Error: Cannot find module x'), 'Error: Cannot find module x')
    assert.equal(problemIn('    at resolve (node:internal/modules:1:2)'), undefined)
    assert.equal(problemIn('Node.js v24.21.0'), undefined)
  })
})

describe('the doctor', () => {
  it('knows a processor without AVX', () => {
    assert.equal(checkAvx('x64', 'flags\t\t: fpu sse4_2 avx avx2').state, 'found')
    assert.equal(checkAvx('x64', 'flags\t\t: fpu sse4_2').state, 'missing')
    assert.equal(checkAvx('arm64', undefined).state, 'note')
  })

  it('knows a glibc for which mongod cannot be fetched', () => {
    assert.equal(checkGlibc('2.36').state, 'found')
    assert.equal(checkGlibc('2.31').state, 'note')
    assert.equal(checkGlibc(undefined).state, 'note')
  })

  it('warns of MongoDB 8 on the kernels it is not safe on', { skip: notLinux() }, () => {
    assert.equal(checkKernel('8.0.20', '6.19.2-generic').state, 'missing')
    assert.equal(checkKernel('8.0.20', '7.0.14').state, 'found')
    assert.equal(checkKernel('7.0.41', '6.19.2').state, 'found')
  })

  it('puts the remedy under what it mends', () => {
    const checks = [checkNode('24.21.0'), checkNode('20.0.0')]
    const text = renderDiagnosis({ checks, canStart: false })
    assert.match(text, /Node\.js {2}ok {7}24\.21\.0/)
    assert.match(text, /MISSING {2}20\.0\.0.*\n +-> npm ci/)
    assert.match(text, /cannot start/)
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

function notLinux(): string | false {
  return process.platform === 'linux' ? false : 'a caveat of Linux kernels'
}
