import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ForecastDocument } from '@tapedeck/mongo'
import { referenceRun, whenTaken } from '../../../../programs/chaos/forecasts/reference-run.ts'
import type {
  SeriesBar,
  SeriesFacts,
  StoredBar
} from '../../../../programs/chaos/forecasts/series-facts.ts'

function aBar(more: Partial<StoredBar>): StoredBar {
  return { status: 'revised', revision: 0, coverage: 1, ...more } as StoredBar
}

function anEntry(actual: number | null): ForecastDocument {
  return { corrections: [], actual } as unknown as ForecastDocument
}

describe('whenTaken()', () => {
  it('is what the first final version says, whatever its gap became later', () => {
    const versions = [{ coverage: 0.8, gapIds: ['a'] }, { coverage: 1 }]
    const bar = aBar({ revision: 2, coverage: 0, gapIds: ['a', 'b'], versions })
    assert.deepEqual(whenTaken(bar, true, []), { coverage: 0.8, gapIds: ['a'] })
    const first = aBar({ coverage: 0.4, gapIds: ['c'] })
    assert.deepEqual(whenTaken(first, false, []), { coverage: 0.4, gapIds: ['c'] })
  })

  it('is full coverage where nothing was known of the time before', () => {
    assert.deepEqual(whenTaken(aBar({ coverage: null }), false, []), { coverage: 1, gapIds: [] })
  })

  it('is told by the forecasts of a bar whose versions are not kept, or in doubt', () => {
    const bar = aBar({ revision: 3, coverage: 0.2, gapIds: ['a'], versions: [{ coverage: 1 }] })
    const covered = { coverage: 1, gapIds: [] }
    assert.deepEqual(whenTaken(bar, true, []), covered)
    assert.deepEqual(whenTaken(bar, false, [anEntry(170)]), covered)
    assert.equal(whenTaken(bar, false, [anEntry(null)]), undefined)
  })
})

describe('referenceRun()', () => {
  const LENGTH_MS = 1000
  const symbol = 'BINANCE:X'
  const gap = {
    _id: 'late',
    feed: 'f',
    from: new Date(LENGTH_MS * 8.5),
    to: new Date(LENGTH_MS * 12),
    symbols: [],
    cause: '',
    updatedAt: new Date(0)
  }
  /** Bars 1 to 8, and 10 within the gap, which became known after that bar was final, or before. */
  const run = (gapIds: readonly string[]): string[] => {
    const inGap =
      gapIds.length > 0
        ? { coverage: 0, gapIds }
        : { revision: 1, coverage: 0, gapIds: ['late'], versions: [{ coverage: 1, gapIds: [] }] }
    const bars = [1, 2, 3, 4, 5, 6, 7, 8, 10].map((second): SeriesBar => {
      const startMs = second * LENGTH_MS
      const stored = aBar({
        start: new Date(startMs),
        lateCount: 0,
        tradeCount: 1,
        ...(second === 10 ? inGap : { coverage: 1, gapIds: [] })
      })
      return {
        startMs,
        session: 'continuous',
        tradeDate: '1970-01-01',
        firstOffset: second,
        lastOffset: second,
        trades: [{ offset: second, p: 100 + second }],
        stored
      } as unknown as SeriesBar
    })
    const facts = {
      id: `${symbol}|1s|3`,
      symbol,
      spec: { timeframe: '1s', lookback: 8, horizon: 3 },
      lengthMs: LENGTH_MS,
      bars,
      places: new Map(bars.map(({ startMs }, place) => [startMs, place])),
      log: 'raw_data/0',
      nextOffset: 100,
      watermarkMs: Infinity,
      gaps: [gap]
    } as unknown as SeriesFacts
    return [...referenceRun([], facts).entries.keys()].filter((id) => id.includes('|shrunk'))
  }

  it('knows no gap that a bar met and did not know when it was taken', () => {
    const seconds = (ids: readonly string[]): number[] =>
      ids.map((id) => Number(id.split('|')[2]) / LENGTH_MS)
    assert.ok(seconds(run([])).includes(13))
    assert.ok(!seconds(run(['late'])).includes(13))
  })
})
