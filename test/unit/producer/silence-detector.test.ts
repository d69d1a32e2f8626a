import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SilenceDetector } from '@tapedeck/producer/testing'

const at = (iso: string): number => Date.parse(iso)

describe('SilenceDetector', () => {
  const open = at('2026-11-24T15:00:00Z')

  function standing(detector: SilenceDetector, symbol: string, nowMs: number): string | undefined {
    return detector.states(nowMs).find((state) => state.symbol === symbol)?.standing
  }

  it('reports a busy symbol soon and a thin one late, each by its own rate', () => {
    const detector = new SilenceDetector()
    detector.setSymbols(['SPY', 'THIN'], open)
    for (let ms = 0; ms <= 3_600_000; ms += 1000) detector.traded('SPY', open + ms)
    for (let ms = 0; ms <= 3_600_000; ms += 300_000) detector.traded('THIN', open + ms)
    const end = open + 3_600_000
    assert.equal(standing(detector, 'SPY', end + 30_000), 'receiving')
    assert.equal(standing(detector, 'SPY', end + 61_000), 'quiet, not normal')
    assert.equal(standing(detector, 'THIN', end + 1_800_000), 'receiving')
    assert.match(
      detector.states(end + 130_000)[0]?.reason ?? '',
      /^silent for 2 min, usually a trade each 1 s$/
    )
  })

  it('treats the silence of a stock as normal while its market is closed, but not that of crypto', () => {
    const saturday = at('2026-11-28T15:00:00Z')
    const detector = new SilenceDetector()
    detector.setSymbols(['SPY', 'BINANCE:BTCUSDT'], saturday)
    for (let ms = 0; ms < 60_000; ms += 500) detector.traded('BINANCE:BTCUSDT', saturday + ms)
    const later = saturday + 3_600_000
    assert.equal(standing(detector, 'SPY', later), 'quiet, normal for the hour')
    assert.match(detector.states(later)[0]?.reason ?? '', /weekend/)
    assert.equal(standing(detector, 'BINANCE:BTCUSDT', later), 'quiet, not normal')
  })

  it('reports each silence of a symbol once', () => {
    const detector = new SilenceDetector()
    detector.setSymbols(['SPY'], open)
    detector.traded('SPY', open)
    detector.traded('SPY', open + 1000)
    assert.deepEqual(detector.drainSilent(open + 62_000), ['SPY'])
    assert.deepEqual(detector.drainSilent(open + 90_000), [])
    detector.traded('SPY', open + 91_000)
    assert.deepEqual(detector.drainSilent(open + 600_000), ['SPY'])
  })

  it('waits a quarter of an hour for the first trade of a symbol', () => {
    const detector = new SilenceDetector()
    detector.setSymbols(['LOW'], open)
    assert.equal(standing(detector, 'LOW', open + 60_000), 'asked for')
    assert.equal(standing(detector, 'LOW', open + 16 * 60_000), 'quiet, not normal')
  })

  it('watches the symbols of the latest list', () => {
    const detector = new SilenceDetector()
    detector.setSymbols(['A', 'B'], open)
    detector.setSymbols(['B', 'C'], open)
    assert.deepEqual(
      detector.states(open).map(({ symbol }) => symbol),
      ['B', 'C']
    )
  })
})
