import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseMetrics } from '@tapedeck/service'
import fc from 'fast-check'
import {
  addBuckets,
  difference,
  quantileOf,
  readingOf
} from '../../../../services/api/src/flow/measures.ts'

const RECEIVED = 'tapedeck_trades_received_total'

/** What a producer exposes after so many trades. */
function producer({ trades = 0, startedAt = 100, slow = 0, atMs = 0 } = {}) {
  const text = `process_start_time_seconds ${startedAt}
process_resident_memory_bytes 1000
process_cpu_seconds_total ${trades / 10}
tapedeck_trades_received_total ${trades}
tapedeck_trades_refused_total{reason="price"} 2
tapedeck_trades_refused_total{reason="symbol"} 3
tapedeck_latency_seconds_bucket{le="0.05",stage="broker"} ${trades}
tapedeck_latency_seconds_bucket{le="10",stage="broker"} ${trades + slow}
tapedeck_latency_seconds_bucket{le="+Inf",stage="broker"} ${trades + slow}
tapedeck_latency_seconds_count{stage="broker"} ${trades + slow}
`
  return readingOf(parseMetrics(text), atMs)
}

describe('readingOf()', () => {
  it('adds the series of a counter, and takes a histogram apart', () => {
    const { counts, latencies, memoryBytes } = producer({ trades: 7, slow: 2 })
    assert.equal(counts['tapedeck_trades_refused_total'], 5)
    assert.equal(memoryBytes, 1000)
    assert.deepEqual(
      [...(latencies.broker ?? [])],
      [
        [0.05, 7],
        [10, 2],
        [Infinity, 0]
      ]
    )
  })

  it('takes the sum of a lag and the newest of checkpoints over partitions', () => {
    const { gauges } = readingOf(
      parseMetrics(`tapedeck_consumer_lag_records{partition="0"} 4
tapedeck_consumer_lag_records{partition="1"} 6
tapedeck_checkpoint_seconds{partition="0"} 900
tapedeck_checkpoint_seconds{partition="1"} 800
`),
      0
    )
    assert.deepEqual(gauges, { lag: 10, newestCheckpoint: 900 })
  })
})

describe('difference()', () => {
  it('is never negative, and is what was counted since a restart', () => {
    const count = fc.nat({ max: 1e6 })
    fc.assert(
      fc.property(count, count, fc.boolean(), (before, now, isRestart) => {
        const { counts, latencies, cpuSeconds } = difference(
          producer({ trades: before }),
          producer({ trades: now, startedAt: isRestart ? 200 : 100, atMs: 5000 })
        )
        const expected = !isRestart && now >= before ? now - before : now
        assert.equal(counts[RECEIVED], expected)
        assert.equal(latencies.broker?.get(0.05), expected)
        assert.ok(cpuSeconds >= 0)
      })
    )
  })

  it('of readings one after another adds up to all of it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 1000 }), { minLength: 2, maxLength: 10 }), (steps) => {
        let trades = 0
        const readings = steps.map((step, index) =>
          producer({ trades: (trades += step), atMs: index })
        )
        const sum = readings
          .slice(1)
          .map((now, index) => difference(readings[index]!, now).counts[RECEIVED] ?? 0)
          .reduce((total, one) => total + one, 0)
        assert.equal(sum, trades - (steps[0] ?? 0))
      })
    )
  })
})

describe('quantileOf()', () => {
  const buckets = new Map([
    [1, 50],
    [2, 40],
    [10, 10],
    [Infinity, 0]
  ])

  it('interpolates in its bucket', () => {
    assert.equal(quantileOf(buckets, 0.5), 1)
    assert.equal(quantileOf(buckets, 0.7), 1.5)
    assert.equal(quantileOf(buckets, 0.99), 9.2)
  })

  it('is the highest finite bound above it, and nothing without an observation', () => {
    assert.equal(
      quantileOf(
        new Map([
          [1, 0],
          [5, 1],
          [Infinity, 99]
        ]),
        0.99
      ),
      5
    )
    assert.equal(
      quantileOf(
        new Map([
          [1, 0],
          [Infinity, 0]
        ]),
        0.5
      ),
      null
    )
    assert.equal(quantileOf(new Map(), 0.5), null)
  })

  it('rises with the share, and lies between the quantiles of the parts of a sum', () => {
    const counts = fc.array(fc.nat({ max: 100 }), { minLength: 4, maxLength: 4 })
    const bounds = [0.1, 1, 10, 60]
    const made = (found: readonly number[]) =>
      new Map(bounds.map((le, index) => [le, found[index] ?? 0]))
    const share = fc.double({ min: 0.01, max: 1, noNaN: true })
    fc.assert(
      fc.property(counts, counts, share, share, (one, two, low, high) => {
        const all = addBuckets([made(one), made(two)])
        const [a, b, whole] = [made(one), made(two), all].map((each) => quantileOf(each, low))
        if (a === null || a === undefined || b === null || b === undefined) return
        const within = 1e-9
        assert.ok(
          Number(whole) >= Math.min(a, b) - within && Number(whole) <= Math.max(a, b) + within
        )
        const above = quantileOf(all, Math.max(low, high))
        assert.ok(Number(above) >= Number(quantileOf(all, Math.min(low, high))) - within)
      })
    )
  })
})
