import type { Database } from '@tapedeck/mongo'
import { Findings } from './findings.ts'
import type { TopicTrade } from './topic-truth.ts'

export interface TradeCheck {
  readonly expected: number
  readonly stored: number
  /** On the topic and not stored. */
  readonly lost: number
  /** Stored and not on the topic, or under a second name. */
  readonly repeated: number
  /** Stored with other content. */
  readonly different: number
  /** Kept out of every bar. */
  readonly excluded: number
}

/** Every trade of the topic stands in `trades` once, with its content, and nothing else does. */
export async function checkTrades(
  { trades, lateTrades }: Database,
  truth: readonly TopicTrade[],
  findings: Findings
): Promise<TradeCheck> {
  const byId = new Map(truth.map((trade) => [trade.id, trade]))
  let stored = 0
  let repeated = 0
  let different = 0
  const cursor = trades.find(
    {},
    { projection: { symbol: 1, price: 1, size: 1, tradedAt: 1 }, batchSize: 5000 }
  )
  for await (const { _id, symbol, price, size, tradedAt } of cursor) {
    stored++
    const expected = byId.get(_id)
    if (expected === undefined) {
      repeated++
      findings.add('repeated', `trade ${_id} is stored and not on the topic`)
      continue
    }
    byId.delete(_id)
    const { p, t, v } = expected
    if (expected.symbol === symbol && p === price && v === size && t === tradedAt.getTime())
      continue
    different++
    findings.add(
      'different',
      `trade ${_id} is ${symbol} ${price} x ${size}, expected ${expected.symbol} ${p} x ${v}`
    )
  }
  for (const lost of stretchesOf([...byId.values()])) findings.add('lost', lost)
  const excluded = await lateTrades.countDocuments()
  if (excluded > 0)
    findings.add('excluded', `${excluded} trades are kept out of the bars, expected none`)
  return { expected: truth.length, stored, lost: byId.size, repeated, different, excluded }
}

/** Trades of one symbol and connection that are lost together, with the time in which they came. */
function stretchesOf(lost: readonly TopicTrade[]): string[] {
  const groups = Map.groupBy(lost, ({ symbol, connection }) => `${symbol} on ${connection}`)
  return [...groups].map(([name, group]) => {
    const [first, last] = [group[0], group.at(-1)]
    const at = (trade: TopicTrade | undefined): string =>
      `${trade?.id} received at ${new Date(trade?.receivedAt ?? NaN).toISOString()}`
    return `${group.length} trades of ${name} are on the topic and not stored, from ${at(first)} to ${at(last)}`
  })
}
