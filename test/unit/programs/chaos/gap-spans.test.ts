import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FeedGapDocument } from '@tapedeck/mongo'
import { gapSpans } from '../../../programs/chaos/gap-spans.ts'

function gap(
  fromMs: number | null,
  toMs: number | null,
  symbols: readonly string[] = []
): FeedGapDocument {
  const date = (ms: number | null): Date | null => (ms === null ? null : new Date(ms))
  const [from, to] = [date(fromMs), date(toMs)]
  return { _id: `${fromMs}`, feed: 'f', from, to, cause: '', symbols, updatedAt: new Date(0) }
}

describe('gapSpans()', () => {
  it('joins gaps of a symbol that overlap or touch, and no others', () => {
    const gaps = [gap(50, 60), gap(10, 20), gap(20, 30), gap(25, 28), gap(31, 40, ['IBM'])]
    assert.deepEqual(gapSpans(gaps, 'SPY'), [
      { fromMs: 10, toMs: 30 },
      { fromMs: 50, toMs: 60 }
    ])
    assert.deepEqual(gapSpans(gaps, 'IBM')[1], { fromMs: 31, toMs: 40 })
  })

  it('knows gaps without a begin and without an end', () => {
    const spans = gapSpans([gap(null, 10), gap(90, null)], 'SPY')
    assert.deepEqual(spans, [
      { fromMs: -Infinity, toMs: 10 },
      { fromMs: 90, toMs: Infinity }
    ])
  })
})
