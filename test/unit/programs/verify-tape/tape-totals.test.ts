import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it } from 'node:test'
import { readTapeTotals, totalsProblems } from '../../../programs/verify-tape/tape-totals.ts'

describe('readTapeTotals()', () => {
  it('counts the first delivery of an id only, or every one', async (t) => {
    const lines = ['"id":"1"', '"id":1', '"id":"2"', '"x":0', '"x":0']
    const text = lines.map((more) => `{"s":"A","p":0.1,"t":1,"v":2,${more}}`).join('\n')
    const folder = mkdtempSync(path.join(tmpdir(), 'tapedeck-totals-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const tape = path.join(folder, 'a.ndjson')
    writeFileSync(tape, `${text}\n{"s":"B","p":1,"t":1,"v":1,"id":1}`)
    const dropped = await readTapeTotals(tape, 'drop')
    assert.equal(dropped.trades, 6)
    assert.equal(dropped.redelivered, 1)
    assert.equal(dropped.bySymbol.get('A')?.count, 4)
    const kept = await readTapeTotals(tape, 'keep')
    assert.equal(kept.trades, 6)
    assert.equal(kept.redelivered, 0)
    assert.equal(kept.bySymbol.get('A')?.count, 5)
    assert.deepEqual(totalsProblems(kept.bySymbol, kept.bySymbol), [])
    assert.equal(totalsProblems(kept.bySymbol, dropped.bySymbol).length, 3)
  })
})
