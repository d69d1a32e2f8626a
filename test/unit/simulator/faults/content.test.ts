import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CONTENT_NAMES, contentOf, filled } from '@tapedeck/simulator/testing'

describe('filled', () => {
  const NOW = 1_764_000_600_000

  it('fills in times and symbols', () => {
    const symbols = new Set(['A"B', 'MSFT'])
    assert.equal(
      filled('$now $now-40m $now+1h $now-24ms $symbol $other $price', NOW, symbols),
      `${NOW} ${NOW - 2_400_000} ${NOW + 3_600_000} ${NOW - 24} A\\"B MSFT $price`
    )
    assert.equal(filled('$symbol $other', NOW, new Set(['X'])), 'X X')
  })

  it('makes one frame of each content: JSON, except the two that must not be', () => {
    for (const name of CONTENT_NAMES) {
      const text = filled(contentOf(name), NOW, new Set(['AAPL', 'MSFT']))
      assert.doesNotMatch(text, /\$/)
      if (name === 'malformed-json' || name === 'no-json') {
        assert.throws(() => JSON.parse(text) as unknown)
      } else assert.doesNotThrow(() => JSON.parse(text) as unknown, name)
    }
  })
})
