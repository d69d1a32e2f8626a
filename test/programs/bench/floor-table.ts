import { table } from '@tapedeck/core'
import type { FloorRun } from './floor-run.ts'
import { ratiosOf, type Measures } from './ratios.ts'

/** The runs of one contender, one a round. */
export interface FloorRuns {
  readonly name: string
  /** Of the floor's speed; undefined for a floor. */
  readonly budget?: number | undefined
  readonly rounds: readonly FloorRun[]
}

export interface FloorRow {
  readonly name: string
  /** Medians over the rounds. */
  readonly tradesPerSecond: number
  readonly engineUs: number
  readonly mongodUs: number
  /** The speed by that of the floor in the same round: median, least and most. */
  readonly ratio: number
  readonly least: number
  readonly most: number
  readonly budget?: number | undefined
  /** Undefined without a budget. */
  readonly isMet?: boolean | undefined
}

const [SPEED, ENGINE, MONGOD] = ['trades/s', 'engine', 'mongod']

function measures({ tradesPerSecond, engineUs, mongodUs }: FloorRun): Measures {
  const figures = new Map([
    [SPEED, tradesPerSecond],
    [ENGINE, engineUs],
    [MONGOD, mongodUs]
  ])
  return { figures, problems: [] }
}

/** Sets each contender against the first one, the floor, within each round. */
export function floorRows(contenders: readonly FloorRuns[]): FloorRow[] {
  const floor = contenders[0]?.rounds ?? []
  return contenders.map(({ name, budget, rounds }) => {
    const pairs = floor.flatMap((base, round) => {
      const here = rounds[round]
      return here === undefined ? [] : [{ base: measures(base), here: measures(here) }]
    })
    const ratios = new Map(ratiosOf(pairs).map((ratio) => [ratio.figure, ratio]))
    const { here = NaN, ratio = NaN, least = NaN, most = NaN } = ratios.get(SPEED) ?? {}
    return {
      name,
      tradesPerSecond: Math.round(here),
      engineUs: ratios.get(ENGINE)?.here ?? NaN,
      mongodUs: ratios.get(MONGOD)?.here ?? NaN,
      ratio,
      least,
      most,
      ...(budget !== undefined && { budget, isMet: ratio >= budget })
    }
  })
}

/** The rows as lines. */
export function floorTable(rows: readonly FloorRow[]): string {
  const head = ['', 'trades/s', 'engine us', 'mongod us', 'of the floor', 'spread', 'budget']
  return table([
    head,
    ...rows.map((row) => [
      row.name,
      String(row.tradesPerSecond),
      row.engineUs.toFixed(1),
      row.mongodUs.toFixed(1),
      row.ratio.toFixed(2),
      `${row.least.toFixed(2)} to ${row.most.toFixed(2)}`,
      budgetWords(row)
    ])
  ])
}

function budgetWords({ budget, isMet }: FloorRow): string {
  if (budget === undefined) return '-'
  return `${budget.toFixed(2)} ${isMet === true ? 'met' : 'missed'}`
}
