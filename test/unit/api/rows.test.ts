import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BARS_SCHEMA } from '@tapedeck/api/testing'
import type { BarFields } from '@tapedeck/domain'
import type { TradeDocument } from '@tapedeck/mongo'
import { GOLDEN_DOCUMENT, GOLDEN_ROW, GOLDEN_SCHEMA } from '../../support/golden-bar.ts'
import { aBar, aTrade } from '../../support/market-documents.ts'
import { apiOn } from './reader-double.ts'

type Row = Readonly<Record<string, unknown>>

async function rowOf(parts: Partial<BarFields>, without: readonly string[] = []): Promise<Row> {
  const stored = aBar('AAPL', '1m', 60_000, 0, parts)
  const kept = Object.entries(stored).filter(([name]) => !without.includes(name))
  const bars = async (): Promise<BarFields[]> => [Object.fromEntries(kept) as unknown as BarFields]
  const answer = await apiOn({ bars }).inject('/api/v1/bars')
  assert.equal(answer.statusCode, 200, answer.body)
  return answer.json<{ bars: Row[] }>().bars[0]!
}

describe('rows of GET /api/v1/bars', () => {
  it('have every field of a bar, in a fixed order', async () => {
    const bars = async (): Promise<BarFields[]> => [GOLDEN_DOCUMENT]
    const { body } = await apiOn({ bars }).inject('/api/v1/bars')
    assert.equal(body, JSON.stringify({ bars: [GOLDEN_ROW] }))
  })

  it('have a schema that names every field with its type', () => {
    const row = {
      type: 'object',
      properties: GOLDEN_SCHEMA,
      required: Object.keys(GOLDEN_SCHEMA),
      additionalProperties: false
    }
    const answer = {
      type: 'object',
      properties: { bars: { type: 'array', items: row } },
      required: ['bars'],
      additionalProperties: false
    }
    assert.equal(JSON.stringify(BARS_SCHEMA), JSON.stringify(answer))
  })

  it('have no coverage, and are not complete, where the state of the feed is unknown', async () => {
    const row = await rowOf({ coverage: null })
    assert.deepEqual(
      {
        coverage: row['coverage'],
        coveragePercent: row['coveragePercent'],
        isComplete: row['isComplete']
      },
      { coverage: null, coveragePercent: null, isComplete: false }
    )
  })

  it('are not complete while provisional', async () => {
    assert.equal((await rowOf({ status: 'provisional' }))['isComplete'], false)
    assert.equal((await rowOf({ status: 'revised' }))['isComplete'], true)
  })

  it('have no change without a price', async () => {
    assert.equal((await rowOf({ open: 80, close: 90 }))['changePercent'], 12.5)
    assert.equal((await rowOf({ open: null, close: null }))['changePercent'], null)
  })

  it('have null for fields that an older bar or trade lacks', async () => {
    const row = await rowOf({}, ['coverage', 'gapIds', 'realisedVolatility', 'conditionVersion'])
    assert.deepEqual(
      {
        coverage: row['coverage'],
        gapIds: row['gapIds'],
        realisedVolatility: row['realisedVolatility'],
        conditionVersion: row['conditionVersion']
      },
      { coverage: null, gapIds: [], realisedVolatility: null, conditionVersion: null }
    )
    const { eligible, ...trade } = aTrade('AAPL', 0)
    assert.equal(eligible, 'price and volume')
    const trades = async (): Promise<TradeDocument[]> => [trade as TradeDocument]
    const answer = await apiOn({ trades }).inject('/api/v1/trades?from=0')
    assert.equal(answer.json<{ trades: Row[] }>().trades[0]?.['eligible'], null)
  })
})
