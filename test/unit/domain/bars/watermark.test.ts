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
    watermark.idle(2000)
    watermark.idle(1000)
    assert.equal(watermark.ms, 11_000)
  })

  it('waits for the clock after a trade ahead of its receipt, instead of staying ahead', () => {
    const watermark = new Watermark(2000)
    watermark.observe(105_000, 100_000)
    watermark.idle(4000)
    assert.equal(watermark.ms, 103_000)
    watermark.idle(6000)
    assert.equal(watermark.ms, 108_000)
  })

  it('stands still while the feed is down, and does not count that time afterwards', () => {
    const watermark = new Watermark(2000)
    watermark.observe(100_000, 100_000)
    watermark.freeze('finnhub')
    watermark.idle(60_000)
    assert.equal(watermark.ms, 98_000)
    watermark.thaw()
    watermark.idle(3000)
    assert.equal(watermark.ms, 101_000)
  })

  it('keeps its place and stays frozen after a restart', () => {
    const watermark = new Watermark(1000)
    watermark.observe(5000, 5000)
    watermark.idle(500)
    watermark.freeze('finnhub')
    const restored = new Watermark(1000, JSON.parse(JSON.stringify(watermark.toState())) as never)
    restored.idle(1_000_000)
    assert.equal(restored.ms, 4500)
    restored.thaw()
    restored.idle(500)
    assert.equal(restored.ms, 5000)
  })

  it('is stored as nothing before the first trade, unless the feed is down', () => {
    const watermark = new Watermark(2000)
    assert.equal(watermark.toState(), null)
    assert.equal(watermark.maxEventMs, -Infinity)
    watermark.freeze('finnhub')
    assert.equal(watermark.frozenFeed, 'finnhub')
    assert.equal(watermark.toState()?.frozenFeed, 'finnhub')
    watermark.observe(10_000, 10_000)
    watermark.thaw()
    assert.deepEqual(watermark.toState(), {
      maxEventMs: 10_000,
      frozenFeed: null,
      watermarkMs: 8000,
      clockMs: 10_000
    })
  })

  it('reaches what a former owner announced, never less than it had', () => {
    const watermark = new Watermark(0)
    watermark.reach(5000)
    watermark.reach(4000)
    assert.equal(watermark.ms, 5000)
    watermark.observe(3000, 3000)
    assert.equal(watermark.ms, 5000)
    assert.equal(watermark.maxEventMs, 3000)
  })

  it('restores what the clock had added, and otherwise its newest trade less the delay', () => {
    assert.equal(new Watermark(2000, { maxEventMs: 10_000, watermarkMs: 9500 }).ms, 9500)
    assert.equal(new Watermark(2000, { maxEventMs: 10_000, watermarkMs: 7000 }).ms, 8000)
    assert.equal(new Watermark(2000, { maxEventMs: 10_000 }).ms, 8000)
  })
})
