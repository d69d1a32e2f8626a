import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { marketState, Watermark } from '@tapedeck/domain'

const at = (iso: string): number => Date.parse(iso)

describe('Watermark while the feed is down', () => {
  it('stands still, and the time of the outage does not count afterwards', () => {
    const watermark = new Watermark(2000)
    watermark.observe(100_000, 0)
    watermark.freeze(1000)
    watermark.idle(60_000)
    assert.equal(watermark.ms, 98_000)
    watermark.thaw(61_000)
    watermark.idle(63_000)
    assert.equal(watermark.ms, 101_000)
  })

  it('stays frozen over a restart', () => {
    const watermark = new Watermark(0)
    watermark.observe(5000, 0)
    watermark.freeze(10)
    const again = new Watermark(0, JSON.parse(JSON.stringify(watermark.toState())) as never)
    again.idle(1_000_000)
    assert.equal(again.ms, 5000)
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
