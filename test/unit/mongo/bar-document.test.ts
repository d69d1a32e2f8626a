import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { barDocument } from '@tapedeck/mongo'
import { GOLDEN_DOCUMENT, goldenBar } from '../../support/golden-bar.ts'

const { source, policy, tradeDate, updatedAt } = GOLDEN_DOCUMENT
const context = { policy, tradeDate, updatedAt }

describe('barDocument()', () => {
  it('makes every field of a bar, in a fixed order', () => {
    const document = barDocument(goldenBar(), source, context)
    assert.deepEqual(document, GOLDEN_DOCUMENT)
    assert.equal(JSON.stringify(document), JSON.stringify(GOLDEN_DOCUMENT))
  })

  it('has the first and the last trade of an activity bar', () => {
    const span = { from: [1, 0], through: [6, 2] } as const
    const document = barDocument(goldenBar(), source, { ...context, span })
    assert.deepEqual(document.exact, { ...(GOLDEN_DOCUMENT.exact as object), ...span })
  })
})
