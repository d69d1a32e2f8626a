import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { Engine } from '@tapedeck/batch/testing'
import { insertTrades, type TradeDocument } from '@tapedeck/mongo'
import { Lake } from '@tapedeck/lake'
import { ownDatabase } from '../../support/own-database.ts'
import { temporaryFolder } from '../../support/scope.ts'
import { servers } from '../../support/servers.ts'
import { linesOf, tradesOf } from '../../support/tape.ts'
import { runModule } from './run-module.ts'

const DATE = '2013-10-08'
const SET = path.resolve(import.meta.dirname, '../../../../shared/data/us4-lean-20131008')
const skip = existsSync(`${SET}.ndjson.gz`)
  ? false
  : `no recorded day found: expected ${path.basename(SET)}.ndjson.gz and its bars beside the project, in ../shared/data`

interface ReferenceBar {
  readonly symbol: string
  readonly startMs: number
  /** As the file has them. */
  readonly open: string
  readonly high: string
  readonly low: string
  readonly close: string
  readonly volume: string
  readonly notional: string
  readonly count: string
}

async function referenceBars(): Promise<ReferenceBar[]> {
  const bars: ReferenceBar[] = []
  let names: string[] | undefined
  for await (const line of linesOf(`${SET}.bars1m.csv.gz`)) {
    const cells = line.split(',')
    if (names === undefined) {
      names = cells
      continue
    }
    const of = (name: string): string => cells[names?.indexOf(name) ?? -1] ?? ''
    bars.push({
      symbol: of('s'),
      startMs: Number(of('start_ms')),
      open: of('open'),
      high: of('high'),
      low: of('low'),
      close: of('close'),
      volume: of('volume'),
      notional: of('notional'),
      count: of('count')
    })
  }
  return bars
}

/** A decimal without the zeros at its end. */
function plain(decimal: unknown): string {
  const text = String(decimal)
  return text.includes('.') ? text.replace(/0+$/, '').replace(/\.$/, '') : text
}

describe('a recorded day through the lake', () => {
  it('equals the reference bars in every field', { skip, timeout: 600_000 }, async (t) => {
    const own = servers()
    const { database } = await ownDatabase(t, own)
    const expected = await referenceBars()
    let documents: TradeDocument[] = []
    let frame = 0
    for await (const trade of tradesOf(`${SET}.ndjson.gz`)) {
      const at = new Date(trade.t)
      documents.push({
        _id: `0mwv6bn8sff46-${++frame}-0`,
        symbol: trade.s,
        price: trade.p,
        size: trade.v,
        tradedAt: at,
        receivedAt: at,
        conditions: trade.c ?? null,
        session: 'regular',
        tradeDate: DATE,
        eligible: 'price and volume',
        feed: 'recorded'
      })
      if (documents.length < 5000) continue
      await insertTrades(database, documents)
      documents = []
    }
    await insertTrades(database, documents)
    const bars = expected.map(({ symbol, startMs, count }) => ({
      _id: `${symbol}|1m|${startMs}`,
      symbol,
      timeframe: '1m',
      start: new Date(startMs),
      end: new Date(startMs + 60_000),
      tradeCount: Number(count),
      tradeDate: DATE,
      status: 'final',
      revision: 0
    }))
    await database.bars.insertMany(bars as never)

    const dataDir = await temporaryFolder(t)
    const env = { ...own.env, TAPEDECK_DATA_DIR: dataDir, BATCH_DATE: DATE }
    for (const name of ['capture-tape', 'trust-tape', 'refine-tape', 'report']) {
      const startedMs = performance.now()
      const { code, output } = await runModule(name, env)
      t.diagnostic(
        `${name}: ${((performance.now() - startedMs) / 1000).toFixed(1)} s, ${output.trim()}`
      )
      assert.equal(code, 0, output)
    }
    const lake = new Lake(path.join(dataDir, 'lake'))
    const refined = await lake.read({ zone: 'refined', name: 'daily', date: DATE })
    assert.equal(refined.manifest.facts['trades'], frame)
    const engine = await Engine.open({ dir: lake.dir, memory: '512MB', threads: 1 })
    t.after(() => engine.close())
    await engine.viewParquet('minutes', refined.files('minutes'))
    const found = await engine.rows(
      'select *, unix_millis(minute)::varchar as start from minutes order by symbol, minute'
    )
    assert.equal(found.length, expected.length)
    for (const [i, bar] of expected.entries()) {
      const row = found[i] ?? {}
      assert.deepEqual(
        {
          symbol: row['symbol'],
          startMs: Number(row['start']),
          open: plain(row['open']),
          high: plain(row['high']),
          low: plain(row['low']),
          close: plain(row['close']),
          volume: plain(row['volume']),
          notional: plain(row['notional']),
          count: String(row['trade_count'])
        },
        {
          ...bar,
          open: plain(bar.open),
          high: plain(bar.high),
          low: plain(bar.low),
          close: plain(bar.close),
          volume: plain(bar.volume),
          notional: plain(bar.notional)
        }
      )
    }
    t.diagnostic(`${frame} trades, ${found.length} minutes equal the reference`)
  })
})
