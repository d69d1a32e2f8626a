import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it } from 'node:test'
import { wholeNumbers } from '../support/random-numbers.ts'
import { servers } from '../support/servers.ts'
import { computeReferenceBars } from '../programs/verify-tape/reference-bars.ts'
import { referenceOf, SETS_FOLDER, tapeSet } from '../programs/verify-tape/sets.ts'
import { verifyTape, type Verification } from '../programs/verify-tape/verify-tape.ts'

const options = { timeout: 300_000 }

/** Recorded tapes: trades to be stored, minutes with a trade. The other large ones: npm run verify:tape. */
const RECORDED = [
  ['us4-lean-20131008', 654_140, 2254],
  ['aapl-taq-20100507', 335_691, 391],
  ['finnhub-genuine-frames', 144, 21],
  ['finnhub-genuine-flat', 144, 21],
  // The next four arrive in disorder, hours or days behind.
  ['aapl-a-nxcore-20140203-shuffled', 9364, 158],
  ['krakenfutures-ws-20210722-reversed', 1003, 299],
  ['bitfinex-ws-20210417-reversed', 210, 106],
  ['derived-binance-spot-redelivered', 34_419, 24],
  ['binance-usdm-btc-eth-20240808', 35_389, 13],
  ['binance-spot-xrpeth-20191011-13', 12_477, 2469],
  ['kraken-spot-xbtusdt-20251110', 1000, 274],
  ['coinbase-ws-20210417', 107, 15]
] as const

function assertHolds(result: Verification): void {
  assert.deepEqual(result.differences, [])
  assert.equal(result.equal, result.expected)
  assert.equal(result.documents, result.trades - result.redelivered)
  assert.equal(result.wrongBars, 0)
  assert.ok(result.holds)
}

/** Trades of three symbols: repeats, ties, disorder of up to a minute, eight decimals. */
function syntheticTape(count: number): string {
  const next = wholeNumbers(42)
  const lines: string[] = []
  for (let i = 0; i < count; i++) {
    const [s, p, v, c] = [
      ['AAPL', (23_000 + next(400)) / 100, 1 + next(300), ['1']],
      ['BRK.B', (4_900_000 + next(9000)) / 10_000, 100, next(2) === 0 ? ['1', '8'] : []],
      ['BINANCE:BTCUSDT', 91_000 + next(100_000) / 100, next(100_000_000) / 1e8, null]
    ][next(3)] as [string, number, number, string[] | null]
    const late = next(20) === 0 ? next(60_000) : 0
    const t = Date.UTC(2026, 2, 10, 14) + Math.floor(i / 4) * 40 - late
    const line = JSON.stringify({ s, p, t, v, c })
    lines.push(line)
    if (next(10) === 0) lines.push(line) // an equal trade is a trade
  }
  return `${lines.join('\n')}\n`
}

describe('a tape through the whole pipeline', () => {
  it('gives every trade and every bar, also of a disordered synthetic tape', options, async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-tape-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const tape = path.join(folder, 'synthetic.ndjson')
    await writeFile(tape, syntheticTape(20_000))
    const reference = await computeReferenceBars(tape)
    assert.ok(reference.length > 12)
    const result = await verifyTape({ tape, reference, ...servers() })
    assertHolds(result)
    assert.ok(result.trades > 20_000)
  })

  for (const [name, count, minutes] of RECORDED) {
    const tape = path.join(SETS_FOLDER, `${name}.ndjson.gz`)
    const skip = existsSync(tape) ? false : `recorded tape ${name} is not beside the project`
    it(`gives the reference bars of ${name}`, { ...options, skip }, async () => {
      const set = await tapeSet(tape)
      assert.notEqual(set.bars, undefined)
      const reference = await referenceOf(set)
      assert.equal(reference.length, minutes)
      const { redelivered } = set
      const result = await verifyTape({ tape, reference, redelivered, ...servers() })
      assertHolds(result)
      assert.equal(result.documents, count)
    })
  }
})
