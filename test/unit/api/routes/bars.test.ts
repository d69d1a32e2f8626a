import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock } from '@tapedeck/core'
import type { BarFields } from '@tapedeck/domain'
import type { TradeDocument, WindowQuery } from '@tapedeck/mongo'
import { GOLDEN_DOCUMENT, GOLDEN_ROW, GOLDEN_SCHEMA } from '../../../support/golden-bar.ts'
import { aBar, aTrade } from '../../../support/market-documents.ts'
import { apiOn } from '../reader-double.ts'

type Row = Readonly<Record<string, unknown>>

interface OpenApi {
  readonly paths: Readonly<Record<string, { readonly get: Operation }>>
}
interface Operation {
  readonly responses: Readonly<
    Record<
      string,
      { readonly content: { readonly 'application/json': { readonly schema: unknown } } }
    >
  >
}

async function rowOf(parts: Partial<BarFields>, without: readonly string[] = []): Promise<Row> {
  const stored = aBar('AAPL', '1m', 60_000, 0, parts)
  const kept = Object.entries(stored).filter(([name]) => !without.includes(name))
  const bars = async (): Promise<BarFields[]> => [Object.fromEntries(kept) as unknown as BarFields]
  const answer = await apiOn({ bars }).inject('/api/v1/bars')
  assert.equal(answer.statusCode, 200, answer.body)
  return answer.json<{ bars: Row[] }>().bars[0]!
}

const NOW_MS = Date.UTC(2025, 0, 31, 15, 0, 30)
const clock: Clock = { now: () => NOW_MS, delay: () => Promise.reject(new Error('not used')) }

/** The query that an endpoint hands to the reader. */
async function askedBy(path: string): Promise<WindowQuery> {
  let asked: WindowQuery | undefined
  const note = async (query: WindowQuery): Promise<[]> => {
    asked = query
    return []
  }
  const answer = await apiOn({ bars: note }, clock).inject(path)
  assert.equal(answer.statusCode, 200, answer.body)
  assert.ok(asked !== undefined)
  return asked
}

describe('the range of GET /api/v1/bars', () => {
  it('is the last 500 windows up to now by default, on the grid of the windows', async () => {
    const asked = await askedBy('/api/v1/bars?timeframe=1m')
    const end = Date.UTC(2025, 0, 31, 15, 1)
    assert.deepEqual(
      { toMs: asked.toMs, fromMs: asked.fromMs },
      { toMs: end, fromMs: end - 500 * 60_000 }
    )
    assert.equal(asked.symbols, undefined)
  })

  it('keeps the bounds of a trading day on the hour, where it begins', async () => {
    const from = Date.UTC(2025, 0, 30, 1)
    const asked = await askedBy(`/api/v1/bars?timeframe=1d&from=${from}&to=${NOW_MS}`)
    assert.deepEqual(
      { fromMs: asked.fromMs, toMs: asked.toMs },
      { fromMs: from, toMs: Date.UTC(2025, 0, 31, 16) }
    )
  })

  it('is empty where from lies in the future, which is no mistake', async () => {
    const asked = await askedBy(`/api/v1/bars?from=${NOW_MS + 60_000}`)
    assert.equal(asked.fromMs, asked.toMs)
  })
})

describe('rows of GET /api/v1/bars', () => {
  it('have every field of a bar, in a fixed order', async () => {
    const bars = async (): Promise<BarFields[]> => [GOLDEN_DOCUMENT]
    const { body } = await apiOn({ bars }).inject('/api/v1/bars')
    assert.equal(body, JSON.stringify({ bars: [GOLDEN_ROW], next: null }))
  })

  it('have a schema that names every field with its type', async () => {
    const row = {
      type: 'object',
      properties: {
        ...GOLDEN_SCHEMA,
        // With `fill` a window without a trade has a row.
        firstTradeAt: { type: ['integer', 'null'] },
        lastTradeAt: { type: ['integer', 'null'] },
        filled: { type: 'boolean' }
      },
      required: Object.keys(GOLDEN_SCHEMA),
      additionalProperties: false
    }
    const answer = {
      type: 'object',
      properties: {
        bars: { type: 'array', items: row },
        next: { type: ['string', 'null'] }
      },
      required: ['bars', 'next'],
      additionalProperties: false
    }
    const document = (await apiOn({}).inject('/openapi.json')).json<OpenApi>()
    const { responses } = document.paths['/api/v1/bars']!.get
    assert.deepEqual(responses['200']?.content['application/json'].schema, answer)
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
