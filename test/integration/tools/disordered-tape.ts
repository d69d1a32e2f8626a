import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { TradeRecord } from '@tapedeck/domain'
import type { BarDocument } from '@tapedeck/mongo'
import { eventually } from '../../support/eventually.ts'
import type { Market } from '../../support/market.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'

const SYMBOLS = ['AAPL', 'MSFT', 'BINANCE:BTCUSDT'] as const
export const DATE = '2026-03-10'
const DAY_MS = 86_400_000

/** Windows of every kind: some end after the date they start in, and some follow tape order. */
export const TIMEFRAMES = '1s,5s,1m,1h,1h/20m,1d,regular,20t,3000v'

const CONDITIONS = [
  ['1'],
  ['1', '12'],
  null,
  ['1', '24'],
  ['7'],
  ['16'],
  ['77'],
  ['1', '37'],
  ['3']
]

/**
 * Two trading dates and the first trade of a third, from a small generator: a tenth of the trades
 * stands behind later ones, some beyond the end of their date.
 */
export function disorderedTape(count: number, seed: number): TradeRecord[] {
  let state = seed
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const spanMs = (2 * DAY_MS) / count
  const startMs = START_MS - 8 * 3_600_000
  const tape = Array.from({ length: count }, (_, i) =>
    aRecord({
      symbol: SYMBOLS[next(3)] ?? 'AAPL',
      connection: i < count / 2 ? '0mwv6bn8sff46' : '0mwz0000000a1',
      frame: i + 1,
      receivedAt: START_MS + 4 * DAY_MS + i,
      trades: Array.from({ length: 1 + next(4) }, () =>
        aTrade({
          p: 100 + next(300) / 100,
          v: next(10) === 0 ? next(50_000) / 1e5 : next(300),
          t: Math.round(startMs + i * spanMs) - (next(10) === 0 ? next(3 * 3_600_000) : next(900)),
          c: CONDITIONS[next(CONDITIONS.length)] ?? null
        })
      )
    })
  )
  const ends = SYMBOLS.map((symbol, i) =>
    aRecord({
      symbol,
      connection: '0mwz0000000a1',
      frame: count + 1 + i,
      receivedAt: START_MS + 4 * DAY_MS + count,
      trades: [aTrade({ t: startMs + 3 * DAY_MS })]
    })
  )
  return [...tape, ...ends]
}

function countTrades(records: readonly TradeRecord[]): number {
  return records.reduce((sum, { trades }) => sum + trades.length, 0)
}

/** Waits until every record is read and stored, and the bars of the first date are final. */
export async function allStored(
  { database }: Market,
  records: readonly TradeRecord[]
): Promise<void> {
  await eventually(
    async () => {
      assert.equal(await database.trades.countDocuments(), countTrades(records))
      const checkpoints = await database.checkpoints.find().toArray()
      const read = checkpoints.reduce((sum, { nextOffset }) => sum + nextOffset, 0)
      assert.equal(read, records.length)
      const open = await database.bars.countDocuments({
        status: 'provisional',
        start: { $lt: new Date(START_MS + DAY_MS) },
        timeframe: { $nin: ['20t', '3000v'] }
      })
      assert.equal(open, 0)
    },
    { timeoutMs: 30_000 }
  )
}

type Content = Omit<
  BarDocument,
  'source' | 'updatedAt' | 'status' | 'revision' | 'revisionCause' | 'exact' | 'versions'
>

/** What bars say but for how they came about; of the places on the topic nothing. */
export async function contents(
  { database }: Market,
  filter: object = {}
): Promise<Map<string, Content>> {
  const bars = await database.bars.find(filter).sort({ _id: 1 }).toArray()
  return new Map(
    bars.map(
      ({
        source: _s,
        updatedAt: _u,
        status: _st,
        revision: _r,
        revisionCause: _c,
        versions: _v,
        ...content
      }) => {
        const { from: _f, through: _t, ...exact } = content.exact as Record<string, unknown>
        return [content._id, { ...content, exact }]
      }
    )
  )
}

/** Fails with a few of the bars that differ: all of thousands would take minutes to print. */
export function assertSame(
  actual: ReadonlyMap<string, unknown>,
  expected: ReadonlyMap<string, unknown>
): void {
  const ids = [...new Set([...actual.keys(), ...expected.keys()])]
  const differing = ids.filter((id) => !isDeepStrictEqual(actual.get(id), expected.get(id)))
  const few = differing.slice(0, 3)
  assert.deepEqual(
    few.map((id) => actual.get(id)),
    few.map((id) => expected.get(id)),
    `${differing.length} of ${ids.length} bars differ, such as ${few.join(', ')}`
  )
}
