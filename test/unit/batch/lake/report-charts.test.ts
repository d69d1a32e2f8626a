import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  columns,
  divergingBars,
  escaped,
  heatmap,
  niceAbove,
  short,
  signedPercent,
  sparkline
} from '@tapedeck/batch/testing'

const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e12, max: 1e12 })

/** No attribute of an SVG is a number that is none. */
function assertDrawable(svg: string): void {
  assert.doesNotMatch(svg, /NaN|Infinity|undefined/)
}

describe('charts of the report', () => {
  it('are drawable whatever the values and the names are', () => {
    fc.assert(
      fc.property(fc.array(finite, { maxLength: 30 }), fc.string(), (values, name) => {
        const bars = values.map((value) => ({ label: name, value, text: name }))
        assertDrawable(sparkline(values, name).replaceAll(escaped(name), ''))
        assertDrawable(divergingBars(bars, 'x').replaceAll(escaped(name), ''))
        const cells = values.map((value) => ({
          label: '',
          value: Math.abs(value),
          title: '',
          isMarked: value > 0
        }))
        assertDrawable(columns(cells, 'x'))
        const names = values.map((_, i) => `S${i}`)
        assertDrawable(heatmap(names, () => ({ value: -0.5, n: 12 }), 'x'))
      }),
      { numRuns: 50 }
    )
  })

  it('show a symbol of the feed as text, never as markup', () => {
    const svg = divergingBars([{ label: '<script>"&', value: 1, text: '1' }], 'x')
    assert.doesNotMatch(svg, /<script>/)
    assert.match(svg, /&lt;script&gt;&quot;&amp;/)
  })

  it('a scale ends at a round number that is not below its values', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), (value) => {
        const nice = niceAbove(value)
        assert.ok(nice >= value * (1 - 1e-9) && nice <= value * 2.6)
      })
    )
    assert.deepEqual([niceAbove(3), niceAbove(20), niceAbove(21)], [5, 20, 25])
  })

  it('numbers are short, and shares have a sign', () => {
    assert.deepEqual(
      [short(0), short(999), short(12_345), short(4.5e9)],
      ['0', '999', '12.3k', '4.50B']
    )
    assert.deepEqual(
      [signedPercent(0.0125), signedPercent(-0.5), signedPercent(0)],
      ['+1.25 %', '−50.00 %', '0.00 %']
    )
  })
})
