import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { barRecordsOf } from '@tapedeck/consumer/testing'
import type { BarDocument } from '@tapedeck/mongo'
import { GOLDEN_DOCUMENT, GOLDEN_PUBLISHED } from '../../support/golden-bar.ts'

describe('barRecordsOf()', () => {
  it('publishes every field of a bar, in a fixed order', () => {
    const value = { version: 1, symbol: 'AAPL', timeframe: '1m', bars: [GOLDEN_PUBLISHED] }
    assert.deepEqual(barRecordsOf([GOLDEN_DOCUMENT]), [
      { key: 'AAPL|1m', value: JSON.stringify(value) }
    ])
  })

  const bar = (given: Partial<BarDocument>): BarDocument => ({ ...GOLDEN_DOCUMENT, ...given })
  const starts = (value: string): unknown[] => {
    const { bars } = JSON.parse(value) as { bars: readonly { start: number }[] }
    return bars.map(({ start }) => start)
  }

  it('makes a record for each symbol and timeframe, its bars ascending', () => {
    const records = barRecordsOf([
      bar({ start: new Date(9000) }),
      bar({ start: new Date(1000) }),
      bar({ symbol: 'MSFT' }),
      bar({ start: new Date(3000) }),
      bar({ timeframe: '5m', start: new Date(0) })
    ])
    assert.deepEqual(records.map(({ key }) => key).toSorted(), ['AAPL|1m', 'AAPL|5m', 'MSFT|1m'])
    assert.deepEqual(
      starts(records.find(({ key }) => key === 'AAPL|1m')?.value ?? ''),
      [1000, 3000, 9000]
    )
  })

  it('puts a hundred bars into a record at most', () => {
    const of = (count: number): number[] =>
      barRecordsOf(
        Array.from({ length: count }, (_, index) => bar({ start: new Date(index) }))
      ).map(({ value }) => starts(value).length)
    assert.deepEqual(of(0), [])
    assert.deepEqual(of(100), [100])
    assert.deepEqual(of(201), [100, 100, 1])
  })
})
