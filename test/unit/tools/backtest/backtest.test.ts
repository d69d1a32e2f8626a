import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { writeReport, type BacktestResult, type ScoreRow } from '@tapedeck/tools/testing'
import { hasCode } from '@tapedeck/core'
import { normals } from '../../../support/random-numbers.ts'
import { backtest, DAY_MS, folder, lasting, minutely, MINUTE_MS, walk, written } from './tapes.ts'

function rowOf({ rows }: BacktestResult, model: string, horizon: number): ScoreRow {
  const found = rows.find((row) => row.model === model && row.horizon === horizon)
  assert.ok(found !== undefined, `${model} at horizon ${horizon}`)
  return found
}

describe('a backtest', () => {
  it('finds the linear regression better than naive where the price drifts', async (t) => {
    const normal = normals(3)
    const tape = minutely(1000, (minute) => 50_000 + 10 * minute + 8 * normal())
    const result = await backtest('--file', await written(t, tape), '--grid', '1m:60:5,12')
    for (const horizon of [5, 12]) {
      const row = rowOf(result, 'linear-regression', horizon)
      assert.equal(row.label, 'better than naive')
      assert.ok((row.skill ?? 0) > 0.7 && (row.skillLower ?? 0) > 0.6, `skill ${row.skill}`)
      assert.ok((row.hitRate ?? 0) > 0.95)
    }
  })

  it('finds no model better than naive where the price is a random walk', async (t) => {
    for (const seed of [1, 2, 3]) {
      const file = await written(t, walk(1400, seed))
      const result = await backtest('--file', file, '--grid', '1m:20:1;1m:60:5')
      assert.equal(result.rows.length, 6)
      for (const { label, model, skill } of result.rows) {
        assert.notEqual(label, 'better than naive', `${model}: skill ${skill}`)
      }
      assert.equal(rowOf(result, 'linear-regression', 1).label, 'worse than naive')
      for (const { coverageBand, model } of result.rows) {
        assert.ok(Math.abs((coverageBand ?? 0) - 0.95) < 0.03, `${model}: ${coverageBand}`)
      }
    }
  })

  it('makes a forecast from each close that has enough closes before it', async (t) => {
    const file = await written(t, walk(100, 4))
    const { rows, counts } = await backtest('--file', file, '--forecasts', '1m:20:1,1m:20:5')
    // The first forecast needs 10 closes; the targets of the last `horizon` forecasts have no trade.
    assert.deepEqual(
      rows.map(({ horizon, n, voids }) => ({ horizon, n, voids })),
      [
        ...Array.from({ length: 3 }, () => ({ horizon: 1, n: 90, voids: 1 })),
        ...Array.from({ length: 3 }, () => ({ horizon: 5, n: 86, voids: 5 }))
      ]
    )
    assert.equal(counts.finalBars, 100)
    assert.equal(counts.forecasts, 2 * 3 * 91)
  })

  it('repeats its result exactly; another seed changes only the ranges of skill', async (t) => {
    const file = await written(t, walk(400, 5))
    const args = ['--file', file, '--grid', '1m:20,40:1,5']
    const [first, again] = [await backtest(...args), await backtest(...args)]
    assert.deepEqual(lasting(again), lasting(first))
    const other = await backtest(...args, '--seed', '2')
    const without = ({ skillLower: _l, skillUpper: _u, ...row }: ScoreRow): object => row
    assert.deepEqual(other.rows.map(without), first.rows.map(without))
    assert.notDeepEqual(other.rows, first.rows)
  })

  it('gives a forecast of a grid the same scores as alone', async (t) => {
    const file = await written(t, walk(300, 6))
    const all = await backtest('--file', file, '--grid', '1m:20,40:1,5')
    const alone = await backtest('--file', file, '--forecasts', '1m:40:5')
    assert.deepEqual(
      alone.rows,
      all.rows.filter(({ lookback, horizon }) => lookback === 40 && horizon === 5)
    )
  })

  it('gives the same result for trades, frames and captures, gzipped or not', async (t) => {
    const lines = walk(200, 7)
    const frames = lines.map((line) => ({ type: 'trade', data: [line] }))
    const captured = frames.map((frame, index) => ({
      t: lines[index]?.t,
      c: 'one',
      n: index + 1,
      f: JSON.stringify(frame)
    }))
    const expected = lasting(await backtest('--file', await written(t, lines)))
    for (const file of [
      await written(t, lines, 'tape.ndjson.gz'),
      await written(t, [...frames, { type: 'ping' }]),
      await written(t, captured)
    ]) {
      assert.deepEqual(lasting(await backtest('--file', file)), expected)
    }
  })

  it('plays several tapes like one', async (t) => {
    const lines = walk(300, 8)
    const whole = await backtest('--file', await written(t, lines))
    const parts = [lines.slice(0, 140), lines.slice(140)]
    const files = await Promise.all(parts.map((part) => written(t, part)))
    const cut = await backtest(...files.flatMap((file) => ['--file', file]))
    assert.deepEqual(lasting(cut), lasting(whole))
  })

  it('adds a trade that is hours late to its bar and rewrites the score', async (t) => {
    const lines = walk(300, 9)
    const target = lines[100]
    assert.ok(target !== undefined)
    // Later in the same minute, so it is the close; it arrives three hours later.
    const late = { ...target, p: target.p + 5000, t: target.t + 20_000 }
    const args = ['--forecasts', '1m:20:1'] as const
    const without = await backtest('--file', await written(t, lines), ...args)
    const tape = [...lines.slice(0, 280), late, ...lines.slice(280)]
    const revised = await backtest('--file', await written(t, tape), ...args)
    const naive = (result: BacktestResult): number => {
      const { maeNaive, n } = rowOf(result, 'shrunk', 1)
      return (maeNaive ?? NaN) * n
    }
    const before = lines[99]?.p ?? NaN
    const expected = Math.abs(late.p - before) - Math.abs(target.p - before)
    // The forecasts from that bar exist already: only the score with that bar as target changes.
    assert.ok(Math.abs(naive(revised) - naive(without) - expected) < 1e-6)
    assert.equal(rowOf(revised, 'shrunk', 1).n, rowOf(without, 'shrunk', 1).n)
  })

  it('plays only the named symbols', async (t) => {
    const lines = walk(200, 10)
    const others = lines.map((line) => ({ ...line, s: 'BINANCE:ETHUSDT', p: line.p / 20 }))
    const mixed = lines.flatMap((line, index) => [line, others[index] ?? line])
    const file = await written(t, mixed)
    const both = await backtest('--file', file)
    assert.equal(new Set(both.rows.map(({ symbol }) => symbol)).size, 2)
    const one = await backtest('--file', file, '--symbols', 'BINANCE:BTCUSDT')
    assert.deepEqual(
      one.rows,
      both.rows.filter(({ symbol }) => symbol === 'BINANCE:BTCUSDT')
    )
  })

  it('counts trades that a producer would refuse, and stops at a line that is not of a tape', async (t) => {
    const lines = walk(100, 11)
    const bad = { ...lines[0], p: 0 }
    const { counts } = await backtest('--file', await written(t, [...lines, bad]))
    assert.deepEqual(
      { refused: counts.refused, trades: counts.trades },
      { refused: 1, trades: 100 }
    )
    const file = await written(t, [...lines.slice(0, 3), '{"price":1}', ...lines])
    await assert.rejects(backtest('--file', file), (error) => {
      assert.ok(error instanceof Error && /line 4 of tape\.ndjson/.test(error.message))
      return hasCode(error, 'TAPE_INVALID')
    })
  })

  it('refuses a tape that is missing, is not gzip, or has none of the symbols', async (t) => {
    await assert.rejects(backtest('--file', '/nowhere/tape.ndjson'), (error) =>
      hasCode(error, 'CONFIG_INVALID')
    )
    const plain = await written(t, walk(5, 1))
    await assert.rejects(backtest('--file', plain, '--symbols', 'AAPL'), (error) =>
      hasCode(error, 'CONFIG_INVALID')
    )
    const file = path.join(await folder(t), 'tape.ndjson.gz')
    await writeFile(file, await readFile(plain))
    await assert.rejects(backtest('--file', file), (error) => hasCode(error, 'TAPE_INVALID'))
  })

  it('reports when no forecast could be scored', async (t) => {
    const result = await backtest('--file', await written(t, walk(4, 1)))
    assert.deepEqual(result.rows, [])
    const report = await readFile(await writeReport(await folder(t), result), 'utf8')
    assert.match(report, /# Backtest/)
  })
})

describe('the report', () => {
  it('has a row for every score and complete plots, whatever the symbols are called', async (t) => {
    const lines = [...walk(300, 12), ...walk(300, 13).map((one) => ({ ...one, s: 'X:<b>&|"' }))]
    const sorted = lines.toSorted((a, b) => a.t - b.t)
    assert.equal(sorted[0]?.t, DAY_MS + MINUTE_MS / 2)
    const result = await backtest('--file', await written(t, sorted), '--grid', '1m:20,60:1,5')
    const where = await folder(t)
    const report = await readFile(await writeReport(where, result), 'utf8')
    const rows = report.split('\n').filter((line) => line.startsWith('| '))
    assert.equal(rows.length, 2 + result.rows.length)
    assert.ok(!report.includes('<b>'))
    const drawings = [...report.matchAll(/\]\((\S+\.svg)\)/g)].map(([, file = '']) => file)
    assert.equal(drawings.length, 3)
    for (const file of drawings) {
      const drawing = await readFile(path.join(where, file), 'utf8')
      assert.match(drawing, /^<svg [\s\S]+<\/svg>\n$/)
      assert.ok(!/NaN|Infinity|<b>|undefined/.test(drawing), file)
      assert.ok(drawing.includes('prefers-color-scheme:dark'))
    }
  })
})
