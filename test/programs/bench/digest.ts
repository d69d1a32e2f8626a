import { createHash } from 'node:crypto'
import { foldAll, type EncodedRecord, type EngineOptions } from './engine-run.ts'
import type { Bar, TradeRecord } from '@tapedeck/domain'

/** What a run gives, timeframe by timeframe: a hash of all bars and how many trades they hold. */
export type Digest = ReadonlyMap<string, { readonly hash: string; readonly trades: number }>

/**
 * Runs once more and keeps every bar as it stood last. Only what a reader sees is compared: the
 * frame numbers differ between records that are cut differently.
 */
export async function digestOf(
  records: readonly (TradeRecord | EncodedRecord)[],
  options: EngineOptions
): Promise<Digest> {
  const last = new Map<string, Bar>()
  await foldAll(records, {
    ...options,
    onBars: (bars) => {
      for (const bar of bars) last.set(bar.id, bar)
    }
  })
  const digest = new Map<string, { hash: string; trades: number }>()
  for (const timeframe of options.timeframes) {
    const hash = createHash('sha256')
    let trades = 0
    const bars = [...last.values()].filter((bar) => bar.timeframe === timeframe)
    for (const bar of bars.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
      hash.update(JSON.stringify(contentOf(bar)))
      trades += bar.accumulator.tradeCount
    }
    digest.set(timeframe, { hash: hash.digest('hex'), trades })
  }
  return digest
}

function contentOf({ id, status, accumulator }: Bar): readonly unknown[] {
  const { open, high, low, close, vwap, tradeCount, firstTradeMs, lastTradeMs } = accumulator
  const volume = accumulator.volume
  return [id, status, open, high, low, close, vwap, volume, tradeCount, firstTradeMs, lastTradeMs]
}

/** Where two digests differ in what both have; empty when they agree. */
export function digestProblems(name: string, expected: Digest, found: Digest): string[] {
  const problems: string[] = []
  for (const [timeframe, { hash, trades }] of found) {
    const other = expected.get(timeframe)
    if (other === undefined || (other.hash === hash && other.trades === trades)) continue
    problems.push(`${name}: other bars of ${timeframe}, ${trades} trades, expected ${other.trades}`)
  }
  return problems
}
