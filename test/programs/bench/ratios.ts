import { isObject, table, TapedeckError } from '@tapedeck/core'
import type { Bench } from './compare-arguments.ts'
import { medianOf } from './measure.ts'

/** What one run of a benchmark says. */
export interface Measures {
  /** By what was measured, with its unit. */
  readonly figures: ReadonlyMap<string, number>
  readonly problems: readonly string[]
  /** A hash over the bars that were stored; none of the engine. */
  readonly bars?: string | undefined
}

/** Both versions in the same round. */
export interface Pair {
  readonly base: Measures
  readonly here: Measures
}

export interface Ratio {
  readonly figure: string
  /** Medians over the rounds. */
  readonly base: number
  readonly here: number
  /**
   * Here by base in each round: median and spread. The speed of the machine changes less within a round than between
   * rounds.
   */
  readonly ratio: number
  readonly least: number
  readonly most: number
}

const NS_PER_TRADE = 'ns/trade'

/**
 * Reads the report that a benchmark prints with --json.
 * @throws READING_FAILED when it is of another form, as that of a much older version may be
 */
export function measuresIn(bench: Bench, report: unknown): Measures {
  const given = objectIn(report, bench, 'report')
  const problems = Array.isArray(given['problems']) ? given['problems'].map(String) : []
  const holds = given['holds'] === true
  return {
    ...(bench === 'engine' ? engineFigures(given) : pipelineFigures(given)),
    problems: holds || problems.length > 0 ? problems : ['its check does not hold']
  }
}

function engineFigures(report: Readonly<Record<string, unknown>>): Pick<Measures, 'figures'> {
  const figures = new Map<string, number>()
  const add = (name: string, row: Readonly<Record<string, unknown>>, key: string): void => {
    figures.set(name, numberIn(row, key, 'engine'))
  }
  for (const section of objectsIn(report, 'sections', 'engine')) {
    for (const row of objectsIn(section, 'rows', 'engine')) {
      add(`${String(section['title'])}: ${String(row['name'])}, ${NS_PER_TRADE}`, row, 'nsPerTrade')
    }
  }
  for (const row of objectsIn(report, 'forecasts', 'engine')) {
    add(`forecasts: ${String(row['symbols'])} symbols, ns/bar`, row, 'nsPerBar')
  }
  for (const row of objectsIn(report, 'memory', 'engine')) {
    add(`memory: ${String(row['symbols'])} symbols, bytes/bar`, row, 'bytesPerBar')
  }
  return { figures }
}

function pipelineFigures(
  report: Readonly<Record<string, unknown>>
): Pick<Measures, 'figures' | 'bars'> {
  const [run] = objectsIn(report, 'runs', 'pipeline')
  const one = objectIn(run, 'pipeline', 'run')
  const trades = numberIn(one, 'trades', 'pipeline')
  const figures = new Map([
    ['trades/s, more is better', numberIn(one, 'tradesPerSecond', 'pipeline')]
  ])
  for (const process of objectsIn(one, 'processes', 'pipeline')) {
    const cpuSeconds = numberIn(process, 'cpuSeconds', 'pipeline')
    const name = String(process['name'])
    figures.set(`${name}, CPU us/trade`, (cpuSeconds / trades) * 1e6)
    figures.set(`${name}, MiB`, numberIn(process, 'rssMebibytes', 'pipeline'))
  }
  return { figures, bars: String(one['barsHash']) }
}

/** The figures that both versions have in every round, in the order of the first report. */
export function ratiosOf(pairs: readonly Pair[]): Ratio[] {
  const names = [...(pairs[0]?.here.figures.keys() ?? [])]
  return names.flatMap((figure) => {
    const rounds = pairs.map(({ base, here }) => ({
      base: base.figures.get(figure),
      here: here.figures.get(figure)
    }))
    const whole = rounds.filter(
      (round): round is { base: number; here: number } =>
        round.base !== undefined && round.here !== undefined && round.base > 0
    )
    if (whole.length < pairs.length) return []
    const ratios = whole.map(({ base, here }) => here / base)
    return {
      figure,
      base: medianOf(whole.map(({ base }) => base)),
      here: medianOf(whole.map(({ here }) => here)),
      ratio: medianOf(ratios),
      least: Math.min(...ratios),
      most: Math.max(...ratios)
    }
  })
}

/** The ratios of a benchmark as lines. */
export function ratioTable(
  bench: Bench,
  ratios: readonly Ratio[],
  names: { readonly base: string; readonly here: string }
): string {
  const rows = ratios.map(({ figure, base, here, ratio, least, most }) => [
    figure,
    rounded(base),
    rounded(here),
    ratio.toFixed(2),
    `${least.toFixed(2)} to ${most.toFixed(2)}`
  ])
  return table([[bench, names.base, names.here, 'ratio', 'spread'], ...rows])
}

function rounded(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0)
}

function objectIn(value: unknown, bench: Bench, what: string): Readonly<Record<string, unknown>> {
  if (isObject(value)) return value
  throw otherForm(bench, `no ${what}`)
}

function objectsIn(
  owner: Readonly<Record<string, unknown>>,
  key: string,
  bench: Bench
): Readonly<Record<string, unknown>>[] {
  const value = owner[key]
  if (Array.isArray(value)) return value.map((each) => objectIn(each, bench, `row of ${key}`))
  throw otherForm(bench, `no ${key}`)
}

function numberIn(owner: Readonly<Record<string, unknown>>, key: string, bench: Bench): number {
  const value = owner[key]
  if (typeof value === 'number') return value
  throw otherForm(bench, `no ${key}`)
}

function otherForm(bench: Bench, found: string): TapedeckError {
  return new TapedeckError(
    'READING_FAILED',
    `Cannot read the report of bench:${bench}: ${found} found, expected a report as this version prints it`
  )
}
