import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { barRecordsOf } from '@tapedeck/consumer/testing'
import { GOLDEN_DOCUMENT, GOLDEN_PUBLISHED } from '../../support/golden-bar.ts'

describe('barRecordsOf()', () => {
  it('publishes every field of a bar, in a fixed order', () => {
    const value = { version: 1, symbol: 'AAPL', timeframe: '1m', bars: [GOLDEN_PUBLISHED] }
    assert.deepEqual(barRecordsOf([GOLDEN_DOCUMENT]), [
      { key: 'AAPL|1m', value: JSON.stringify(value) }
    ])
  })
})
