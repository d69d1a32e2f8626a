import type { Cell, Engine } from './engine.ts'
import { divergingBars, escaped, short, signedPercent } from './report-charts.ts'
import { amount, number } from './report-data.ts'
import { card, cell, price, tableOf } from './report-parts.ts'
import type { PortfolioFacts } from './refine-portfolio.ts'

/** A position at the close of the date; amounts in its currency, shares as fractions of 1. */
interface PositionDay {
  readonly portfolio: string
  readonly symbol: string
  readonly instrument: string | null
  readonly currency: string | null
  readonly quantity: number | null
  readonly cost: number | null
  readonly close: number | null
  readonly value: number | null
  readonly unrealised: number | null
  readonly unrealisedShare: number | null
  readonly dayProfit: number | null
  /** Why something is missing. */
  readonly note: string | null
}

/** The positions of a portfolio in one currency; amounts are those of the positions that have a price. */
interface PortfolioDay {
  readonly portfolio: string
  readonly name: string | null
  readonly currency: string | null
  readonly positions: number
  readonly unpriced: number
  readonly cost: number | null
  readonly value: number | null
  readonly unrealised: number | null
  readonly dayProfit: number | null
  readonly withoutDayProfit: number
}

/** What the report says of positions. */
export interface PortfolioReport extends PortfolioFacts {
  readonly portfolios: readonly PortfolioDay[]
  readonly positions: readonly PositionDay[]
}

/** Reads the views `portfolios` and `positions`. */
export async function readPortfolio(
  engine: Engine,
  facts: PortfolioFacts
): Promise<PortfolioReport> {
  const portfolios = await engine.rows('select * from portfolios order by portfolio, currency')
  const positions = await engine.rows('select * from positions order by portfolio, symbol')
  return {
    ...facts,
    portfolios: portfolios.map((row) => ({
      portfolio: String(row['portfolio']),
      name: text(row['portfolio_name']),
      currency: text(row['currency']),
      positions: amount(row['positions']),
      unpriced: amount(row['unpriced']),
      cost: number(row['cost']),
      value: number(row['value']),
      unrealised: number(row['unrealised']),
      dayProfit: number(row['day_profit']),
      withoutDayProfit: amount(row['without_day_profit'])
    })),
    positions: positions.map((row) => ({
      portfolio: String(row['portfolio']),
      symbol: String(row['symbol']),
      instrument: text(row['instrument']),
      currency: text(row['currency']),
      quantity: number(row['quantity']),
      cost: number(row['cost']),
      close: number(row['close']),
      value: number(row['value']),
      unrealised: number(row['unrealised']),
      unrealisedShare: number(row['unrealised_share']),
      dayProfit: number(row['day_profit']),
      note: text(row['note'])
    }))
  }
}

function text(found: Cell | undefined): string | null {
  return found === null || found === undefined ? null : String(found)
}

/** Positions in the chart; the table has all. */
const SHOWN = 16

/** The section of positions: profit by portfolio, a chart of positions, the table of all. */
export function portfolioCards({
  portfolios,
  positions,
  previousDate,
  takenAt,
  rejected
}: PortfolioReport): string {
  const taken = escaped(takenAt.slice(0, 16).replace('T', ' '))
  const compared =
    previousDate === null
      ? 'There is no earlier date to compare with.'
      : `On the day: against ${escaped(previousDate)}.`
  const refused = rejected === 0 ? '' : ` <b class="warn">${rejected} rows rejected.</b>`
  const shown = positions
    .flatMap((one) => (one.unrealised === null ? [] : [{ ...one, unrealised: one.unrealised }]))
    .toSorted((a, b) => Math.abs(b.unrealised) - Math.abs(a.unrealised))
    .slice(0, SHOWN)
    .toSorted((a, b) => b.unrealised - a.unrealised)
  const chart = divergingBars(
    shown.map(({ portfolio, symbol, currency, unrealised }) => ({
      label: `${portfolio} ${symbol.slice(symbol.indexOf(':') + 1)}`,
      value: unrealised,
      text: `${signed(unrealised)}${currency === null ? '' : ` ${currency}`}`
    })),
    'Unrealised profit of each position'
  )
  return [
    card(
      'Portfolios',
      `Positions as they were at ${taken} UTC, valued at the last price of the date. ${compared}${refused}`,
      portfolioTable(portfolios),
      true
    ),
    card('Unrealised profit', 'Value less cost of each position, in its own currency.', chart),
    card('Positions', 'What has no price on this date is not valued.', positionTable(positions))
  ].join('\n')
}

function portfolioTable(portfolios: readonly PortfolioDay[]): string {
  const rows = portfolios.map((one) => [
    `<th scope="row">${escaped(one.name ?? one.portfolio)}</th>`,
    cell(one.currency ?? '–'),
    cell(price(one.cost)),
    cell(price(one.value)),
    profit(one.unrealised),
    profit(one.dayProfit),
    cell(
      one.unpriced === 0
        ? `all ${one.positions}`
        : `${one.positions - one.unpriced} of ${one.positions}`,
      one.unpriced === 0 ? '' : 'down'
    )
  ])
  const heads = ['Portfolio', 'Currency', 'Cost', 'Value', 'Unrealised', 'On the day', 'Priced']
  return tableOf(heads, rows)
}

function positionTable(positions: readonly PositionDay[]): string {
  const rows = positions.map((one) => [
    `<th scope="row">${escaped(`${one.portfolio} ${one.symbol}`)}</th>`,
    cell(one.quantity === null ? '–' : one.quantity.toLocaleString('en-US')),
    cell(price(one.close)),
    cell(one.value === null ? '–' : short(one.value)),
    profit(one.unrealised),
    cell(
      one.unrealisedShare === null ? '–' : signedPercent(one.unrealisedShare),
      (one.unrealisedShare ?? 0) < 0 ? 'down' : 'up'
    ),
    profit(one.dayProfit),
    cell(one.note ?? '')
  ])
  const heads = 'Position,Quantity,Close,Value,Unrealised,,On the day,'
  return tableOf(heads.split(','), rows)
}

function profit(value: number | null): string {
  return value === null ? cell('–') : cell(signed(value), value < 0 ? 'down' : 'up')
}

function signed(value: number): string {
  const sign = value > 0 ? '+' : value < 0 ? '−' : ''
  return `${sign}${price(Math.abs(value))}`
}
