import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { keysOf, readRequest } from '@tapedeck/api/testing'
import fc from 'fast-check'

const NOW_MS = Date.UTC(2026, 2, 10, 15)

const read = (message: unknown): ReturnType<typeof readRequest> =>
  readRequest(JSON.stringify(message), NOW_MS)

function problemsOf(message: unknown): string[] {
  return (read(message).problems ?? []).map((problem) => problem.message)
}

describe('readRequest()', () => {
  it('reads a subscription with its defaults', () => {
    const { request } = read({
      type: 'subscribe',
      id: 7,
      channels: ['bars', 'trades'],
      symbols: ['AAPL']
    }) as {
      request: { id: number; selection: Parameters<typeof keysOf>[0]; sinceMs: unknown }
    }
    assert.equal(request.id, 7)
    assert.equal(request.sinceMs, undefined)
    assert.deepEqual([...keysOf(request.selection)], ['trades|AAPL', 'bars|AAPL|1m'])
  })

  it('takes a text with commas for a list, as a query string does', () => {
    const { request } = read({
      type: 'subscribe',
      channels: 'bars,feed',
      symbols: 'AAPL,MSFT',
      timeframes: '1s,5m',
      since: '2026-03-10T14:00:00Z'
    }) as { request: { selection: Parameters<typeof keysOf>[0]; sinceMs: number } }
    assert.equal(request.sinceMs, Date.UTC(2026, 2, 10, 14))
    assert.deepEqual(
      [...keysOf(request.selection)],
      ['bars|AAPL|1s', 'bars|AAPL|5m', 'bars|MSFT|1s', 'bars|MSFT|5m', 'feed']
    )
  })

  it('names every mistake at once, and what was meant', () => {
    assert.deepEqual(
      problemsOf({
        type: 'subscribe',
        channels: ['trade'],
        symbol: 'AAPL',
        symbols: ['a,b'],
        timeframes: ['2x'],
        since: 'yesterday'
      }).map((text) => text.slice(0, 60)),
      [
        'symbol is no field of subscribe, expected one of type, id, c',
        "channels has 'trade', expected trades, bars, forecasts, feed",
        "symbols: entry 1 is 'a,b', expected letters, digits and sign",
        "timeframes has '2x', expected 1s, 5s, 15s, 1m, 5m, 15m, 1h (",
        'since is "yesterday", expected epoch milliseconds or ISO 860'
      ]
    )
    assert.match(
      problemsOf({ type: 'subscribe', channels: ['trade'], symbols: '*' })[0] ?? '',
      /did you mean trades\?/
    )
  })

  it('asks for symbols where the channels need some', () => {
    assert.deepEqual(problemsOf({ type: 'subscribe', channels: ['feed'] }), [])
    assert.deepEqual(problemsOf({ type: 'subscribe', channels: ['trades'] }), [
      'symbols is empty, expected a list of symbols, or *'
    ])
  })

  it('reads a subscription to runs, of every job or of some', () => {
    const keys = (message: object): string[] => {
      const { request } = read({ type: 'subscribe', ...message }) as {
        request: { selection: Parameters<typeof keysOf>[0] }
      }
      return [...keysOf(request.selection)]
    }
    assert.deepEqual(keys({ channels: ['runs'] }), ['runs|*'])
    assert.deepEqual(keys({ channels: 'runs', jobs: 'load,nightly' }), [
      'runs|load',
      'runs|nightly'
    ])
    assert.deepEqual(keys({ channels: ['feed', 'runs'], jobs: '*', since: 1 }), ['feed', 'runs|*'])
    const runs = { type: 'subscribe', channels: ['runs'] }
    assert.deepEqual(problemsOf({ ...runs, since: 1 }), [
      'since is given for runs alone, which begin with the newest ones, expected it with another channel'
    ])
    assert.match(problemsOf({ ...runs, resume: 'ab.1..' })[0] ?? '', /^resume is given for runs/)
    assert.match(
      problemsOf({ ...runs, jobs: ['A b'] })[0] ?? '',
      /^jobs has 'A b', expected a name/
    )
    assert.deepEqual(problemsOf({ type: 'subscribe', channels: ['feed'], jobs: ['load'] }), [
      'jobs is given without the channel runs, expected it in channels'
    ])
  })

  it('takes since or resume, not both', () => {
    const both = { type: 'subscribe', channels: 'feed', since: 1, resume: 'ab.1..' }
    assert.deepEqual(problemsOf(both), ['since and resume are given, expected one of them'])
    assert.match(
      problemsOf({ ...both, since: undefined, resume: 'x' })[0] ?? '',
      /^resume is "x", expected/
    )
  })

  it('says what is no request', () => {
    assert.deepEqual(problemsOf([1]), ['message is object, expected a JSON object'])
    assert.deepEqual(problemsOf({ type: 'subscibe' }), [
      'type is "subscibe", expected one of subscribe, unsubscribe, ping, replay, pause, play, seek, speed, stop'
    ])
    assert.equal(readRequest('{', NOW_MS).problems?.[0]?.message, "message is '{', expected JSON")
  })

  it('answers any text with a request or with problems', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.object().map((one) => JSON.stringify({ type: 'subscribe', ...one }))
        ),
        (text) => {
          const { request, problems } = readRequest(text, NOW_MS) as {
            request?: object
            problems?: readonly object[]
          }
          assert.equal(request === undefined, problems !== undefined && problems.length > 0)
        }
      )
    )
  })
})
