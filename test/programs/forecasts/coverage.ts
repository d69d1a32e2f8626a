import { ForecastEngine, type FinalBar, type ForecastSpec } from '@tapedeck/domain'
import { randomOf, type Random } from '@tapedeck/simulator/testing'

/** Closes of a market, one after another. */
export interface Closes {
  readonly name: string
  readonly draw: (random: Random) => () => number
}

const PRICE = 100
const STEP = 0.0004

function returns(next: (random: Random) => () => number): Closes['draw'] {
  return (random) => {
    const step = next(random)
    let level = 0
    return () => PRICE * Math.exp((level += STEP * step()))
  }
}

export const CLOSES: readonly Closes[] = [
  { name: 'random walk', draw: returns((random) => () => random.normal()) },
  {
    name: 'random walk, steps of t with 4 degrees',
    draw: returns((random) => () => {
      const squares = [1, 2, 3, 4].reduce((sum) => sum + random.normal() ** 2, 0)
      return random.normal() / Math.sqrt(squares / 2)
    })
  },
  {
    name: 'GARCH(1, 1)',
    draw: returns((random) => {
      let variance = 1
      let step = 0
      return () => {
        variance = 0.03 + 0.07 * step * step + 0.9 * variance
        return (step = Math.sqrt(variance) * random.normal())
      }
    })
  },
  {
    name: 'noise about a walk (mean reversion)',
    draw: (random) => {
      let level = 0
      return () => {
        level += 0.15 * STEP * random.normal()
        return PRICE * Math.exp(level + STEP * random.normal())
      }
    }
  }
]

/** Shares of outcomes inside the adaptive band, over all models and series. */
export interface Coverage {
  readonly first30: number
  readonly first500: number
  /** Of single series and models over their first 500: the least, and the most. */
  readonly least: number
  readonly most: number
}

const DAY_MS = Date.UTC(2026, 2, 10)
const LENGTH_MS = 60_000
const FIRST = 30
const MOST = 500

/** Plays series that each begin with nothing, every forecast horizon bars ahead. */
export function coverageOf(
  { name, draw }: Closes,
  { lookback, horizon }: Pick<ForecastSpec, 'lookback' | 'horizon'>,
  series: number
): Coverage {
  const all: boolean[][] = []
  for (let one = 0; one < series; one++) {
    const close = draw(randomOf(`${name} ${lookback} ${horizon} ${one}`))
    all.push(...hitsOf({ timeframe: '1m', lookback, horizon }, close))
  }
  const share = (hits: readonly boolean[]): number => hits.filter(Boolean).length / hits.length
  const shares = all.map(share)
  return {
    first30: share(all.flatMap((hits) => hits.slice(0, FIRST))),
    first500: share(all.flat()),
    least: Math.min(...shares),
    most: Math.max(...shares)
  }
}

/** Whether each outcome lies in the band, of each model; the first 500. */
function hitsOf(spec: ForecastSpec, close: () => number): boolean[][] {
  const engine = new ForecastEngine([spec])
  const bars = Array.from({ length: MOST + spec.lookback + spec.horizon }, (_, index) =>
    barOf(index, close())
  )
  for (let asked = engine.missing(bars); asked.length > 0; asked = engine.missing(bars)) {
    engine.adopt(asked.map((request) => ({ request, state: null, bars: [], entries: [] })))
  }
  const { made } = engine.advance({ bars, watermarkMs: 0, nowMs: 0 })
  const resolved = made.filter(({ status }) => status === 'scored')
  const byModel = Map.groupBy(resolved, ({ model }) => model)
  return [...byModel.values()].map((entries) =>
    entries.slice(0, MOST).map(({ inBand }) => inBand === true)
  )
}

function barOf(index: number, close: number): FinalBar {
  const startMs = DAY_MS + index * LENGTH_MS
  return {
    symbol: 'BENCH:ONE',
    timeframe: '1m',
    startMs,
    endMs: startMs + LENGTH_MS,
    close,
    session: 'continuous',
    tradeDate: new Date(startMs).toISOString().slice(0, 10),
    coverage: 1,
    feed: 'bench',
    revision: 0
  }
}
