import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  findTrades,
  readBarHistory,
  readTradeHistory,
  type HistoryPosition,
  type TradeDocument
} from '@tapedeck/mongo'
import { aBar, aTrade, T0_MS } from '../../support/market-documents.ts'
import { ownDatabase } from '../../support/own-database.ts'

// Goal: a range is read whole, in one order, whatever its size, and a cursor goes on exactly after its row.
// Method: many trades in the same millisecond, over several batches of the driver, of more symbols than one query takes.

const RANGE = { fromMs: T0_MS, toMs: T0_MS + 100_000 } as const
const SYMBOLS = Array.from({ length: 230 }, (_, at) => `S${at}`)

async function all<T>(batches: AsyncIterable<readonly T[]>): Promise<T[]> {
  const rows: T[] = []
  for await (const batch of batches) rows.push(...batch)
  return rows
}

/** Every symbol trades in the same milliseconds; ids do not sort as texts. */
function crowded(): TradeDocument[] {
  return Array.from({ length: 6000 }, (_, at) =>
    aTrade(SYMBOLS[(at * 7) % SYMBOLS.length] ?? '', Math.floor(at / 900) * 1000, {
      _id: `c-${at}-0`
    })
  )
}

const positionOf = ({ tradedAt, symbol, _id: id }: TradeDocument): HistoryPosition => ({
  tMs: tradedAt.getTime(),
  symbol,
  id
})
const idsOf = (rows: readonly { readonly _id: string }[]): string[] => rows.map(({ _id }) => _id)

describe('the history of trades', { timeout: 60_000 }, () => {
  it('is in the order of time, symbol and feed, both ways, for one symbol, for all and for some', async (t) => {
    const { database } = await ownDatabase(t)
    await database.trades.insertMany(crowded())
    const read = (symbols: readonly string[] | undefined, order: 'asc' | 'desc') =>
      all(readTradeHistory(database, { symbols, ...RANGE, order }))
    for (const symbols of [undefined, ['S3'], ['S3', 'S4', 'S200']]) {
      const found = await findTrades(database, { symbols, ...RANGE, limit: 10_000 }, 20_000)
      assert.ok(found.length > 20)
      assert.deepEqual(idsOf(await read(symbols, 'asc')), idsOf(found))
      assert.deepEqual(idsOf(await read(symbols, 'desc')), idsOf(found).toReversed())
    }
  })

  it('goes on after any row, both ways, without a hole and without a repeat', async (t) => {
    const { database } = await ownDatabase(t)
    await database.trades.insertMany(crowded())
    for (const order of ['asc', 'desc'] as const) {
      const query = { symbols: undefined, ...RANGE, order }
      const whole = await all(readTradeHistory(database, query))
      for (const at of [0, 1, 899, 900, 901, 2500, 5998, 5999]) {
        const after = positionOf(whole[at] as TradeDocument)
        const rest = await all(readTradeHistory(database, { ...query, after }))
        assert.deepEqual(idsOf(rest), idsOf(whole.slice(at + 1)))
      }
    }
  })

  it('reads the newest rows of a limit by the same order, where it cuts a millisecond', async (t) => {
    const { database } = await ownDatabase(t)
    await database.trades.insertMany(crowded())
    const query = { symbols: undefined, ...RANGE }
    const whole = await all(readTradeHistory(database, { ...query, order: 'asc' }))
    for (const limit of [1, 599, 600, 601, 1000]) {
      const newest = await findTrades(database, { ...query, limit }, 20_000)
      assert.deepEqual(idsOf(newest), idsOf(whole.slice(-limit)))
    }
  })

  it('has only the fields that are asked for, and leaves out what cannot be read', async (t) => {
    const { database } = await ownDatabase(t)
    await database.trades.insertMany([
      aTrade('AAPL', 0),
      aTrade('AAPL', 1, { price: 'much' as unknown as number }),
      aTrade('AAPL', 2)
    ])
    const query = { symbols: ['AAPL'], ...RANGE, order: 'asc' } as const
    const rows = await all(readTradeHistory(database, query, ['price']))
    assert.deepEqual(Object.keys(rows[0] ?? {}).toSorted(), ['_id', 'price', 'symbol', 'tradedAt'])
    assert.deepEqual(idsOf(rows), ['AAPL-0-0', 'AAPL-2-0'])
  })

  it('of bars is by their start', async (t) => {
    const { database } = await ownDatabase(t)
    const bars = Array.from({ length: 50 }, (_, at) => aBar('AAPL', '1s', 1000, at))
    await database.bars.insertMany([
      ...bars,
      aBar('AAPL', '1m', 60_000, 0),
      aBar('MSFT', '1s', 1000, 0)
    ])
    const query = { symbols: ['AAPL'], timeframe: '1s', ...RANGE, order: 'asc' } as const
    assert.deepEqual(idsOf(await all(readBarHistory(database, query))), idsOf(bars))
  })

  it('closes its cursors when the reader stops', async (t) => {
    const { database } = await ownDatabase(t)
    await database.trades.insertMany(crowded())
    const query = { symbols: undefined, ...RANGE, order: 'asc' } as const
    const open = async (): Promise<number> =>
      Number((await database.db.admin().serverStatus())['metrics'].cursor.open.total)
    const before = await open()
    for await (const batch of readTradeHistory(database, query)) {
      assert.ok(batch.length > 0)
      assert.ok((await open()) > before)
      break
    }
    assert.equal(await open(), before)
  })
})
