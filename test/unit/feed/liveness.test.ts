import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FEED_TIMES, Liveness } from '@tapedeck/feed'

const START = 1_764_000_000_000

/** Checks whenever due, up to `untilMs` after the start; returns what happened and when. */
function run(
  liveness: Liveness,
  untilMs: number,
  options: { fromMs?: number; answers?: boolean; frameEveryMs?: number } = {}
): string[] {
  const { fromMs = 0, answers = true, frameEveryMs = Infinity } = options
  const found: string[] = []
  let nextFrameMs = fromMs + frameEveryMs
  for (let atMs = fromMs; atMs <= untilMs;) {
    const verdict = liveness.check(START + atMs)
    if (verdict.kind === 'dead') return [...found, `${atMs / 1000} dead: ${verdict.cause}`]
    if (verdict.kind === 'ping') {
      found.push(`${atMs / 1000} ping`)
      if (answers) liveness.pong(START + atMs)
    }
    atMs += verdict.inMs
    for (; nextFrameMs <= atMs; nextFrameMs += frameEveryMs) liveness.frame(START + nextFrameMs)
  }
  return found
}

describe('Liveness', () => {
  it('detects a half-open connection within a minute', () => {
    const liveness = new Liveness(FEED_TIMES, START, false)
    assert.deepEqual(run(liveness, 60_000, { answers: false }), [
      '25 ping',
      '45 dead: no answer to a ping within 20000 ms'
    ])
  })

  it('detects a connection that answers pings but delivers no frame for 150 s', () => {
    const liveness = new Liveness(FEED_TIMES, START, false)
    assert.deepEqual(run(liveness, 400_000), [
      ...[25, 50, 75, 100, 125].map((s) => `${s} ping`),
      '150 dead: no frame for 150000 ms'
    ])
  })

  it('keeps a connection that delivers a frame a minute and answers pings', () => {
    const liveness = new Liveness(FEED_TIMES, START, false)
    const found = run(liveness, 3_600_000, { frameEveryMs: 60_000 })
    assert.equal(found.length, 144)
    assert.ok(found.every((what) => what.endsWith('ping')))
  })

  it('accepts a frame as the answer to a ping: a busy connection may delay the pong', () => {
    const liveness = new Liveness(FEED_TIMES, START, false)
    const found = run(liveness, 600_000, { answers: false, frameEveryMs: 10_000 })
    assert.ok(found.every((what) => what.endsWith('ping')))
  })

  it('does not count the time in which the socket is not read', () => {
    const liveness = new Liveness(FEED_TIMES, START, false)
    run(liveness, 24_000)
    assert.equal(liveness.check(START + 25_000).kind, 'ping')
    liveness.pause()
    assert.deepEqual(run(liveness, 1_000_000, { fromMs: 26_000 }), [])
    liveness.resume(START + 1_000_000)
    assert.deepEqual(run(liveness, 1_060_000, { fromMs: 1_000_000, answers: false }), [
      '1000 ping',
      '1020 dead: no answer to a ping within 20000 ms'
    ])
  })

  it('ends no connection because the process stalled or the clock was set', () => {
    const liveness = new Liveness(FEED_TIMES, START, false)
    run(liveness, 24_000)
    assert.equal(liveness.check(START + 400_000).kind, 'ping')
    liveness.pong(START + 400_000)
    const setBackMs = -3_600_000
    assert.deepEqual(run(liveness, setBackMs + 60_000, { fromMs: setBackMs }), [
      '-3600 ping',
      '-3575 ping',
      '-3550 ping'
    ])
  })

  it('gives the feed 15 s to accept the credentials', () => {
    const liveness = new Liveness(FEED_TIMES, START, true)
    assert.deepEqual(run(liveness, 60_000, { frameEveryMs: 1000 }), [
      '15 dead: no answer to the credentials within 15000 ms'
    ])
    const welcomed = new Liveness(FEED_TIMES, START, true)
    welcomed.welcomed()
    assert.deepEqual(run(welcomed, 30_000), ['25 ping'])
  })
})
