import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ForecastDocument } from '@tapedeck/mongo'
import { coverageWhenTaken } from '../../../../programs/chaos/forecasts/reference-run.ts'
import type { StoredBar } from '../../../../programs/chaos/forecasts/series-facts.ts'

function aBar(more: Partial<StoredBar>): StoredBar {
  return { status: 'revised', revision: 0, coverage: 1, ...more } as StoredBar
}

function anEntry(actual: number | null): ForecastDocument {
  return { corrections: [], actual } as unknown as ForecastDocument
}

describe('coverageWhenTaken()', () => {
  it('is that of the first final version, whatever its gap became later', () => {
    const versions = [{ coverage: 0.8 }, { coverage: 1 }]
    assert.equal(coverageWhenTaken(aBar({ revision: 2, coverage: 0, versions }), true, []), 0.8)
    assert.equal(coverageWhenTaken(aBar({ coverage: 0.4 }), false, []), 0.4)
  })

  it('is 1 where nothing was known of the time before', () => {
    assert.equal(coverageWhenTaken(aBar({ coverage: null }), false, []), 1)
  })

  it('is told by the forecasts of a bar whose versions are not kept, or in doubt', () => {
    const bar = aBar({ revision: 3, coverage: 0.2, versions: [{ coverage: 1 }] })
    assert.equal(coverageWhenTaken(bar, true, []), 1)
    assert.equal(coverageWhenTaken(bar, false, [anEntry(170)]), 1)
    assert.equal(coverageWhenTaken(bar, false, [anEntry(null)]), undefined)
  })
})
