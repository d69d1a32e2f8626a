import type { ScoreRow } from './score-rows.ts'

/** A column of the score table: its head and its cell. */
type Column = readonly [head: string, cell: (row: ScoreRow) => string]

const COLUMNS: readonly Column[] = [
  ['symbol', ({ symbol }) => symbol],
  ['forecast', ({ timeframe, lookback, horizon }) => `${timeframe}:${lookback}:${horizon}`],
  ['model', ({ model }) => model],
  ['n', ({ n }) => String(n)],
  ['MAE', ({ mae }) => price(mae)],
  ['naive', ({ maeNaive }) => price(maeNaive)],
  ['skill', skill],
  ['vs drift', ({ skillDrift }) => fixed(skillDrift, 3)],
  ['direction', direction],
  ['OLS', ({ coverageOls }) => percent(coverageOls)],
  ['band', ({ coverageBand }) => percent(coverageBand)],
  ['first 30', ({ coverageEarly }) => percent(coverageEarly)],
  ['OLS width', ({ widthOls }) => price(widthOls)],
  ['band width', ({ widthBand }) => price(widthBand)],
  ['OLS Winkler', ({ winklerOls }) => price(winklerOls)],
  ['band Winkler', ({ winklerBand }) => price(winklerBand)],
  ['DM p', ({ dieboldMariano }) => pValue(dieboldMariano?.p)],
  ['verdict', ({ label }) => label]
]

export const TABLE_HEAD: readonly string[] = COLUMNS.map(([head]) => head)

/** A row of the table as texts, in the order of TABLE_HEAD. */
export function tableCells(row: ScoreRow): string[] {
  return COLUMNS.map(([, cell]) => cell(row))
}

/** What the columns mean, a line each. */
export const TABLE_NOTES: readonly string[] = [
  'forecast is timeframe:lookback:horizon; n scored forecasts; MAE and widths in quote currency',
  'skill is 1 - MAE / naive MAE with its 95 % range by resampling; naive says the price stays put',
  'direction is the share with the direction right and its 95 % band, ties left out',
  'OLS and band are the coverage of the 95 % interval of least squares and of the adaptive band',
  'first 30 is the coverage of the adaptive band over the first 30 scores, when little is learnt',
  'DM p and verdict: Diebold-Mariano test against naive over all scored forecasts'
]

function skill({ skill: value, skillLower, skillUpper }: ScoreRow): string {
  const range = skillLower === null ? '' : ` [${fixed(skillLower, 3)}, ${fixed(skillUpper, 3)}]`
  return `${fixed(value, 3)}${range}`
}

function direction({ hitRate, hitLower, hitUpper }: ScoreRow): string {
  if (hitRate === null) return '-'
  return `${percent(hitRate)} [${fixed(100 * (hitLower ?? 0), 1)}, ${fixed(100 * (hitUpper ?? 0), 1)}]`
}

/** Four significant digits: prices may be 100 000 or 0.0001. */
export function price(value: number | null): string {
  if (value === null) return '-'
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(3) : value.toPrecision(4)
}

export function percent(value: number | null): string {
  return value === null ? '-' : `${(100 * value).toFixed(1)} %`
}

function fixed(value: number | null, digits: number): string {
  return value === null ? '-' : value.toFixed(digits)
}

function pValue(p: number | undefined): string {
  if (p === undefined) return '-'
  return p < 0.001 ? '< 0.001' : p.toFixed(3)
}
