/**
 * `npm run bench:forecasts`: how often labels are false, how soon they come, and what the adaptive band covers, all
 * simulated.
 */
import { commandLine, runCommand } from '@tapedeck/core'
import { CLOSES, coverageOf } from './coverage.ts'
import { DIFFERENCE, differences, NO_DIFFERENCE } from './differences.ts'
import { firstLabel } from './first-label.ts'

/** Scores of a day that trades round the clock, and the share of the rows that it is simulated for. */
const DAYS = [
  { name: '1m', scores: 1440, share: 1 },
  { name: '5s', scores: 17_280, share: 1 / 4 },
  { name: '1s', scores: 86_400, share: 1 / 10 }
] as const

/** Means, in spreads of a single difference. */
const MEANS = [0.2, 0.4, 0.6, 1] as const
const SOON_ROWS = 200
const MOST_SCORES = 40_000

const command = commandLine({
  name: 'bench:forecasts',
  purpose:
    'Simulates how often labels are false, how soon they come, and what the adaptive band covers.',
  forms: ['-- [--rows N] [--series N]'],
  options: {
    rows: ['text', 'N', 'rows of minutes of each kind (2000); a fourth of 5 s, a tenth of 1 s'],
    series: ['text', 'N', 'price series of each kind for the band (100)']
  },
  settings: {},
  exits: ['done', 'failed', 'wrong arguments'],
  example: '-- --rows 200 --series 10',
  read: (given) => ({
    rows: given.whole('rows', 10, 1_000_000) ?? 2000,
    series: given.whole('series', 1, 100_000) ?? 100
  })
})

function falseLabels(rows: number): string[] {
  return NO_DIFFERENCE.map((kind) => {
    const cells = DAYS.map(({ scores, share }) => {
      const count = Math.ceil(rows * share)
      let labelled = 0
      for (let row = 0; row < count; row++) {
        if (firstLabel(kind.horizon, differences(kind, row), scores) !== undefined) labelled++
      }
      return `${((100 * labelled) / count).toFixed(2)} % of ${count}`
    })
    return tableRow([kind.name, String(kind.horizon), ...cells])
  })
}

function soonness(): string[] {
  return DIFFERENCE.map((kind) => {
    const cells = MEANS.map((mean) => {
      const firsts = Array.from(
        { length: SOON_ROWS },
        (_, row) => firstLabel(kind.horizon, differences(kind, row, -mean), MOST_SCORES) ?? Infinity
      ).sort((a, b) => a - b)
      return `${firsts[SOON_ROWS / 2]}, ${firsts[0.9 * SOON_ROWS]}`
    })
    return tableRow([kind.name, ...cells])
  })
}

const SPECS = [
  { lookback: 20, horizon: 1 },
  { lookback: 60, horizon: 5 },
  { lookback: 60, horizon: 12 }
] as const

function coverages(series: number): string[] {
  return CLOSES.flatMap((closes) =>
    SPECS.map((spec) => {
      const { first30, first500, least, most } = coverageOf(closes, spec, series)
      const cells = [first30, first500, least, most].map((share) => `${(100 * share).toFixed(1)} %`)
      return tableRow([closes.name, `${spec.lookback}:${spec.horizon}`, ...cells])
    })
  )
}

function tableRow(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

await runCommand({
  ...command,
  async run({ rows, series }, terminal) {
    const print = (line: string): void => terminal.write(`${line}\n`)
    print('Rows without a difference that are labelled at any moment of a day')
    print(tableRow(['differences', 'ahead', ...DAYS.map(({ name }) => name)]))
    for (const line of falseLabels(rows)) print(line)
    print('\nScores until a model is labelled better: median, 90 %')
    print(tableRow(['', ...MEANS.map((mean) => `mean ${mean} spreads`)]))
    for (const line of soonness()) print(line)
    print('\nCoverage of the adaptive band over the first scores of a series')
    print(tableRow(['closes', 'lookback:ahead', 'first 30', 'first 500', 'least', 'most']))
    for (const line of coverages(series)) print(line)
    return 0
  }
})
