import assert from 'node:assert/strict'
import type { TradeRecord } from '@tapedeck/domain'
import { eventually } from '../../support/eventually.ts'
import type { Market } from '../../support/market.ts'
import { aRecord, aTrade } from '../../support/trades.ts'

/** AAPL's records go here: murmur2 of six partitions. */
export const PARTITION = 3
export const MINUTE_MS = Math.floor(Date.now() / 60_000) * 60_000 - 120_000

/** One trade a record, ten records a second from the given frame on. */
export function records(fromFrame: number, count: number): TradeRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const frame = fromFrame + index
    const atMs = MINUTE_MS + frame * 100
    return aRecord({ frame, receivedAt: atMs + 10, trades: [aTrade({ t: atMs, v: 1 })] })
  })
}

export function receivedMs(frame: number): number {
  return MINUTE_MS + frame * 100 + 10
}

/** All of the given trades are stored and counted once in the bars of a day. */
export async function countedOnce(
  { database }: Pick<Market, 'database'>,
  count: number
): Promise<void> {
  await eventually(async () => {
    assert.equal(await database.trades.countDocuments(), count)
    const days = await database.bars.find({ timeframe: '1d' }).toArray()
    assert.equal(
      days.reduce((sum, { tradeCount }) => sum + tradeCount, 0),
      count
    )
  })
}

/** One gap of the partition is stored, between the receipts of two frames. Returns its id. */
export async function assertGap(
  { database }: Pick<Market, 'database'>,
  fromFrame: number,
  toFrame: number,
  cause: RegExp
): Promise<string> {
  const gaps = await database.feedGaps.find({ log: { $exists: true } }).toArray()
  assert.equal(gaps.length, 1)
  const [gap] = gaps
  assert.match(gap?.log ?? '', new RegExp(`/${PARTITION}$`))
  assert.deepEqual(
    [gap?.from?.getTime(), gap?.to?.getTime()],
    [receivedMs(fromFrame), receivedMs(toFrame)]
  )
  assert.match(gap?.cause ?? '', cause)
  return gap?._id ?? ''
}
