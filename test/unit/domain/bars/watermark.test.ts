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
    assert.equal(watermark.isFrozen, false)
    watermark.freeze(50)
    assert.equal(watermark.isFrozen, true)
    assert.deepEqual(watermark.toState(), {
      maxEventMs: -Infinity,
      movedAtMs: 0,
      frozenAtMs: 50,
      watermarkMs: -Infinity
    })
    watermark.observe(10_000, 60)
    watermark.thaw(80)
    assert.deepEqual(watermark.toState(), {
      maxEventMs: 10_000,
      movedAtMs: 90,
      frozenAtMs: null,
      watermarkMs: 8000
    })
  })

  it('is not moved by a trade as old as the newest one', () => {
    const watermark = new Watermark(0)
    watermark.observe(10_000, 1000)
    watermark.observe(10_000, 9000)
    watermark.idle(2000)
    assert.equal(watermark.ms, 11_000)
  })

  it('goes on from the end of an outage, counted once from its first report', () => {
    const watermark = new Watermark(0)
    watermark.observe(100_000, 0)
    watermark.freeze(1000)
    watermark.freeze(5000)
    watermark.thaw(10_000)
    watermark.thaw(20_000)
    watermark.idle(12_000)
    assert.equal(watermark.ms, 103_000)
  })

  it('stands still when the wall clock goes back', () => {
    const watermark = new Watermark(0)
    watermark.observe(100_000, 50_000)
    watermark.idle(10_000)
    assert.equal(watermark.ms, 100_000)
    watermark.freeze(60_000)
    watermark.thaw(40_000)
    watermark.idle(60_000)
    assert.equal(watermark.ms, 110_000)
  })

  it('reaches what a former owner announced, never less than it had', () => {
    const watermark = new Watermark(0)
    watermark.reach(5000)
    assert.equal(watermark.ms, 5000)
    watermark.reach(4000)
    assert.equal(watermark.ms, 5000)
    watermark.observe(3000, 0)
    assert.equal(watermark.ms, 5000)
    assert.equal(watermark.maxEventMs, 3000)
  })

  it('restores what the clock had added, and otherwise its newest trade less the delay', () => {
    const moved = new Watermark(2000, { maxEventMs: 10_000, movedAtMs: 0, watermarkMs: 9500 })
    assert.equal(moved.ms, 9500)
    const behind = new Watermark(2000, { maxEventMs: 10_000, movedAtMs: 500, watermarkMs: 7000 })
    assert.equal(behind.ms, 8000)
    behind.idle(3500)
    assert.equal(behind.ms, 11_000)
    assert.equal(new Watermark(2000, { maxEventMs: 10_000, movedAtMs: 0 }).ms, 8000)
  })
})
