import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Watermark } from '@tapedeck/domain'

describe('Watermark', () => {
  it('follows the newest trade less the delay and never goes back', () => {
    const watermark = new Watermark(2000)
    watermark.observe(10_000, 0)
    watermark.observe(9000, 0)
    assert.equal(watermark.ms, 8000)
  })

  it('rises by the elapsed time while idle, so that a quiet bar becomes final', () => {
    const watermark = new Watermark(2000)
    watermark.idle(1_000_000)
    assert.equal(watermark.ms, -Infinity)
    watermark.observe(10_000, 500_000)
    watermark.idle(503_000)
    assert.equal(watermark.ms, 11_000)
  })

  it('stands still while the feed is down, and does not count that time afterwards', () => {
    const watermark = new Watermark(2000)
    watermark.observe(100_000, 0)
    watermark.freeze(1000)
    watermark.idle(60_000)
    assert.equal(watermark.ms, 98_000)
    watermark.thaw(61_000)
    watermark.idle(63_000)
    assert.equal(watermark.ms, 101_000)
  })

  it('stays frozen after a restart', () => {
    const watermark = new Watermark(0)
    watermark.observe(5000, 0)
    watermark.freeze(10)
    const again = new Watermark(0, JSON.parse(JSON.stringify(watermark.toState())) as never)
    again.idle(1_000_000)
    assert.equal(again.ms, 5000)
  })
})
