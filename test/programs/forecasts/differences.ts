import { randomOf, type Random } from '@tapedeck/simulator/testing'

/** Differences of losses, |error| - |naive error|, of one row; in units of their own spread. */
export interface Kind {
  readonly name: string
  /** Bars ahead. */
  readonly horizon: number
  /** Answers one difference after the other. */
  readonly draw: (random: Random) => () => number
}

/** Student's t with three degrees of freedom: its fourth moment is infinite. */
function heavy(random: Random): number {
  const squares = random.normal() ** 2 + random.normal() ** 2 + random.normal() ** 2
  return random.normal() / Math.sqrt(squares / 3)
}

function autoregressive(coefficient: number, next: (random: Random) => number): Kind['draw'] {
  return (random) => {
    let value = 0
    return () => (value = coefficient * value + next(random))
  }
}

/** GARCH(1, 1) with parameters usual for returns of stocks, and heavy tails. */
function clustered(random: Random): () => number {
  let variance = 1
  let value = 0
  return () => {
    variance = 0.05 + 0.1 * value * value + 0.85 * variance
    value = (Math.sqrt(variance) * heavy(random)) / Math.sqrt(3)
    return value
  }
}

/** Sums of successive ones: targets that overlap share their outcomes. */
function overlapping(horizon: number, draw: Kind['draw']): Kind['draw'] {
  return (random) => {
    const next = draw(random)
    const last = Array.from({ length: horizon }, next)
    return () => {
      last.shift()
      last.push(next())
      return last.reduce((sum, one) => sum + one, 0)
    }
  }
}

const normal: Kind['draw'] = (random) => () => random.normal()

/** Rows in which the model is neither better nor worse than naive. */
export const NO_DIFFERENCE: readonly Kind[] = [
  { name: 'independent, normal', horizon: 1, draw: normal },
  { name: 'independent, t with 3 degrees', horizon: 1, draw: (random) => () => heavy(random) },
  { name: 'volatility clusters (GARCH), t', horizon: 1, draw: clustered },
  {
    name: 'autocorrelation 0.63',
    horizon: 1,
    draw: autoregressive(0.63, (random) => random.normal())
  },
  { name: 'autocorrelation 0.63, t', horizon: 1, draw: autoregressive(0.63, heavy) },
  {
    name: 'autocorrelation 0.9',
    horizon: 1,
    draw: autoregressive(0.9, (random) => random.normal())
  },
  { name: 'targets overlap', horizon: 12, draw: overlapping(12, normal) },
  {
    name: 'targets overlap, 0.63, t',
    horizon: 12,
    draw: overlapping(12, autoregressive(0.63, heavy))
  }
]

/** The differences of one row. @param mean in spreads of a single difference */
export function differences({ name, draw, horizon }: Kind, row: number, mean = 0): () => number {
  const next = draw(randomOf(`${name} ${row}`))
  const shift = mean * Math.sqrt(horizon)
  return () => next() + shift
}

/** Rows in which the model is better by a share of the spread of the differences. */
export const DIFFERENCE: readonly Kind[] = [1, 5, 12].map((horizon) => ({
  name: `targets ${horizon} ahead`,
  horizon,
  draw: overlapping(horizon, normal)
}))
