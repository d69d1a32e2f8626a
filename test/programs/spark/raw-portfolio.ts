import type { Lake } from '@tapedeck/lake'
import { publishLines } from './publish-lines.ts'

const SYMBOLS = ['SPY', 'IBM', 'AIG', 'BAC', 'NONE']
const PORTFOLIOS = ['growth', 'income']

const KEYS = {
  instruments: ['symbol'],
  portfolios: ['portfolio'],
  positions: ['portfolio', 'symbol']
} as const

/** A position that is sold short, one without a price, and the columns of every type that a database has. */
const POSITIONS = PORTFOLIOS.flatMap((portfolio, p) =>
  SYMBOLS.map((symbol, s) => ({
    portfolio,
    symbol,
    quantity: `${s === 1 ? '-' : ''}${100 * (p + 1) + s}.250000`,
    cost: `${s === 1 ? '-' : ''}${1000 * (s + 1)}.3300`,
    opened: `2013-0${s + 1}-15 14:30:00.123456`,
    limit: s === 2 ? null : '0.1'
  }))
)

/** Publishes `raw/portfolio` as a capture of a database would be, with three rows that do not fit. */
export async function publishRawPortfolio(lake: Lake, date: string): Promise<void> {
  const [first] = POSITIONS
  await publishLines(lake, {
    name: 'portfolio',
    date,
    tables: {
      instruments: {
        rows: SYMBOLS.map((symbol, at) => ({
          symbol,
          name: `The "${symbol}", it's so`,
          currency: at === 3 ? 'EUR' : 'USD',
          listed: `1970-01-${at + 10}`,
          shares: `${9_007_199_254_740_993n + BigInt(at)}`
        })),
        columns: [
          { name: 'symbol', type: 'string' },
          { name: 'name', type: 'string' },
          { name: 'currency', type: 'string' },
          { name: 'listed', type: 'date' },
          { name: 'shares', type: 'bigint' }
        ]
      },
      portfolios: {
        rows: PORTFOLIOS.map((portfolio) => ({ portfolio, name: portfolio.toUpperCase() })),
        columns: [
          { name: 'portfolio', type: 'string' },
          { name: 'name', type: 'string' }
        ]
      },
      positions: {
        rows: [
          ...POSITIONS,
          { ...first, cost: '7' },
          { ...first, symbol: 'NULL', quantity: null },
          { ...first, symbol: 'ZERO', opened: '0000-00-00 00:00:00' }
        ],
        columns: [
          { name: 'portfolio', type: 'string' },
          { name: 'symbol', type: 'string' },
          { name: 'quantity', type: 'decimal(18,6)' },
          { name: 'cost', type: 'decimal(18,4)' },
          { name: 'opened', type: 'timestamp' },
          { name: 'limit', type: 'double' }
        ]
      }
    },
    facts: {
      address: 'none',
      takenAt: `${date}T22:00:00.000Z`,
      keys: KEYS,
      required: { instruments: [], portfolios: [], positions: ['quantity', 'cost'] }
    }
  })
}
