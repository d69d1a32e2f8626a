import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import fc from 'fast-check'
import { hasCode } from '@tapedeck/core'
import { syntheticRecords } from '../../programs/bench/synthetic-trades.ts'
import { digestOf, digestProblems } from '../../programs/bench/digest.ts'
import { lineThrough, measure } from '../../programs/bench/measure.ts'
import { decimalUnits, unitsToNumber } from '../../programs/verify-tape/decimal-units.ts'
import { findSets } from '../../programs/verify-tape/sets.ts'
import { readTapeTotals, totalsProblems } from '../../programs/verify-tape/tape-totals.ts'

function aFolder(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tapedeck-sets-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
  return folder
}

describe('decimalUnits()', () => {
  it('reads a number by its digits, and back', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.nat(8), (whole, decimals) => {
        const value = Number(`${whole}e-${decimals}`)
        assert.equal(unitsToNumber(decimalUnits(value), 12), value)
      })
    )
    assert.equal(decimalUnits(1e-8), 10_000n)
    assert.equal(decimalUnits(0.1) + decimalUnits(0.2), decimalUnits(0.3))
    assert.equal(unitsToNumber(decimalUnits(0.1) * decimalUnits(3), 24), 0.3)
  })
})

describe('readTapeTotals()', () => {
  it('counts the first delivery of an id only, or every one', async (t) => {
    const lines = ['"id":"1"', '"id":1', '"id":"2"', '"x":0', '"x":0']
    const text = lines.map((more) => `{"s":"A","p":0.1,"t":1,"v":2,${more}}`).join('\n')
    const tape = path.join(
      aFolder(t, { 'a.ndjson': `${text}\n{"s":"B","p":1,"t":1,"v":1,"id":1}` }),
      'a.ndjson'
    )
    const [dropped, kept] = [await readTapeTotals(tape, 'drop'), await readTapeTotals(tape, 'keep')]
    assert.deepEqual(
      [dropped.trades, dropped.redelivered, dropped.bySymbol.get('A')?.count],
      [6, 1, 4]
    )
    assert.deepEqual([kept.trades, kept.redelivered, kept.bySymbol.get('A')?.count], [6, 0, 5])
    assert.deepEqual(totalsProblems(kept.bySymbol, kept.bySymbol), [])
    assert.equal(totalsProblems(kept.bySymbol, dropped.bySymbol).length, 3)
  })
})

describe('findSets()', () => {
  it('takes tapes that have reference bars, frames with those of their trades', async (t) => {
    const files = [
      'b.ndjson.gz',
      'b.bars1m.csv.gz',
      'x-frames.ndjson.gz',
      'x-flat.bars1m.csv.gz',
      'lone.ndjson'
    ]
    const folder = aFolder(t, Object.fromEntries(files.map((name) => [name, ''])))
    const names = (await findSets(folder)).map(({ name }) => name)
    assert.deepEqual(names, ['b', 'x-frames'])
  })

  it('says what is missing where there is nothing', async (t) => {
    const folder = aFolder(t, { 'lone.ndjson': '' })
    for (const place of [folder, path.join(folder, 'none')]) {
      await assert.rejects(findSets(place), (error) => {
        assert.ok(hasCode(error, 'CONFIG_INVALID'))
        assert.match(String(error), /no recorded tapes in/)
        return true
      })
    }
  })
})

describe('benches', () => {
  const shape = { trades: 3000, symbols: 7, rate: 40, seed: 3 }

  it('cut the same trades into records of any size, with the same bars', () => {
    const timeframes = ['1s', '1m', '1d']
    const [whole, ...others] = [10, 5, 1].map((perRecord) => [
      ...syntheticRecords({ ...shape, perRecord })
    ])
    const trades = whole?.flatMap((record) => record.trades)
    const expected = digestOf(whole ?? [], { timeframes })
    assert.equal(expected.get('1m')?.trades, 3000)
    for (const records of others) {
      assert.deepEqual(
        records.flatMap((record) => record.trades),
        trades
      )
      assert.deepEqual(digestProblems('', expected, digestOf(records, { timeframes })), [])
    }
  })

  it('notice one trade that differs', () => {
    const timeframes = ['1s', '1h']
    const records = [...syntheticRecords({ ...shape, perRecord: 1 })]
    const expected = digestOf(records, { timeframes })
    const found = digestOf(records.toSpliced(1500, 1), { timeframes })
    assert.equal(digestProblems('', expected, found).length, 2)
  })

  it('give the median of the counted rounds, in turn', () => {
    const calls: string[] = []
    const subject = (name: string) => ({ name, trades: 1000, run: () => void calls.push(name) })
    const options = { rounds: 3, warmUps: 1, collectGarbage: () => undefined }
    const rows = measure([subject('a'), subject('b')], options)
    assert.equal(calls.join(''), 'abababab')
    assert.ok(
      rows.every(({ minNs, nsPerTrade, maxNs }) => minNs <= nsPerTrade && nsPerTrade <= maxNs)
    )
    const { slope, intercept } = lineThrough([
      [1, 12],
      [2, 14],
      [3, 16]
    ])
    assert.deepEqual([slope, intercept], [2, 10])
  })
})
