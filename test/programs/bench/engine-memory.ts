import { assert } from '@tapedeck/core'
import { foldAll } from './engine-run.ts'
import { syntheticRecords } from './synthetic-trades.ts'

export interface MemoryRow {
  readonly symbols: number
  readonly bars: number
  readonly bytesPerSymbol: number
  readonly bytesPerBar: number
  /** What the checkpoint of one partition keeps of the fold's state, as JSON. */
  readonly stateBytes: number
}

const SECONDS = 20

/**
 * The heap that a fold keeps once its garbage is gone: every symbol trades each second for 20 s of
 * event time, no bar is let go.
 */
export async function measureMemory(
  symbols: number,
  timeframes: readonly string[],
  collectGarbage: () => void
): Promise<MemoryRow> {
  const trades = symbols * SECONDS * 2
  const shape = { trades, symbols, perRecord: 5, rate: symbols * 2, seed: 7 }
  // Texts that records and fold share count as the records'.
  const records = [...syntheticRecords(shape)]
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  const { fold } = await foldAll(records, { timeframes, isLeftOpen: true })
  collectGarbage()
  const used = process.memoryUsage().heapUsed - before
  const bars = fold.bars.size
  const stateBytes = JSON.stringify(fold.toState()).length
  assert(records.length > 0, 'records live until the heap was looked at')
  return {
    symbols,
    bars,
    bytesPerSymbol: Math.round(used / symbols),
    bytesPerBar: Math.round(used / bars),
    stateBytes
  }
}
