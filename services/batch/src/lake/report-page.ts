import {
  columns,
  divergingBars,
  escaped,
  heatmap,
  short,
  signedPercent,
  sparkline
} from './report-charts.ts'
import type { ReportData, Skill, SymbolDay } from './report-data.ts'
import { card, cell, count, percent, price, tableOf } from './report-parts.ts'
import { portfolioCards, type PortfolioReport } from './report-portfolio.ts'

/** Symbols with bars and in the square of correlations; the table has all. */
const SHOWN = 16

/** Everything that the report shows; report.json is this. */
interface Report extends ReportData {
  /** Null where no relational database is configured. */
  readonly portfolio: PortfolioReport | null
}

/** The report as one HTML file that loads nothing: charts are SVG, light and dark follow the reader's system. */
export function reportPage(data: Report): string {
  const { date, symbols } = data
  const simulated = data.feeds.includes('simulated')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${date} · tapedeck</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<p class="brand">tapedeck <span>daily report</span>${simulated ? '<b class="badge">simulated</b>' : ''}</p>
<h1>${longDate(date)}</h1>
${checkLine(data)}
</header>
<main>
${symbols.length === 0 ? emptyCard(data) : cards(data)}
${data.portfolio === null ? '' : portfolioCards(data.portfolio)}
</main>
<footer>Times are New York. Amounts are in the quote currency of each symbol. ${escaped(madeOf(data))}</footer>
</body>
</html>
`
}

function cards(data: ReportData): string {
  const { symbols } = data
  const top = symbols.slice(0, SHOWN)
  return [
    tiles(symbols),
    card(
      'Returns',
      `From the first to the last price of the date${symbols.length > SHOWN ? `, the ${SHOWN} symbols with the most traded value` : ''}.`,
      divergingBars(
        top
          .flatMap(({ symbol, dayReturn }) =>
            dayReturn === null
              ? []
              : [{ label: symbol, value: dayReturn, text: signedPercent(dayReturn) }]
          )
          .toSorted((a, b) => b.value - a.value),
        'Return of each symbol'
      )
    ),
    card(
      'Trading through the day',
      'Traded value by half-hour of New York; the regular session stands out.',
      columns(
        data.halfHours.map(({ minuteOfDay, notional, trades }) => ({
          label: clock(minuteOfDay),
          value: notional,
          title: `${clock(minuteOfDay)}: ${short(notional)} in ${short(trades)} trades`,
          isMarked: minuteOfDay >= 570 && minuteOfDay < 960
        })),
        'Traded value by half-hour'
      )
    ),
    symbolTable(symbols),
    correlationCard(data, top),
    liquidityTable(symbols),
    skillCard(data.skills)
  ].join('\n')
}

/** The sentence that the rest of the report rests on. */
function checkLine({ facts }: ReportData): string {
  const [trades, inBars] = [Number(facts['trades'] ?? 0), Number(facts['inBars'] ?? 0)]
  const rejects = Number(facts['rejects'] ?? 0)
  const rounded = Number(facts['rounded'] ?? 0)
  const checked = Array.isArray(facts['checkedTimeframes'])
    ? facts['checkedTimeframes'].map(String)
    : []
  const parts = [
    `<b>${count(trades)}</b> trades in the lake, as many as in the database`,
    ...(checked.length > 0
      ? [
          `<b>${count(inBars)}</b> of them in bars, as many as the bars of ${escaped(checked.join(', '))} hold`
        ]
      : []),
    rejects === 0 ? 'none rejected' : `<b class="warn">${count(rejects)} rejected</b>`,
    ...(rounded > 0 ? [`<b class="warn">${count(rounded)} rounded</b>`] : [])
  ]
  const open =
    facts['isWhole'] === false
      ? '<p class="note">The date had not ended when it was captured: this is what it was until then.</p>'
      : ''
  return `<p class="check"><span class="tick-mark" aria-hidden="true">✓</span>${parts.join(' · ')}</p>${open}`
}

function emptyCard({ facts }: ReportData): string {
  const why = typeof facts['noTrading'] === 'string' ? facts['noTrading'] : 'no trades'
  return card('Nothing was traded', escaped(why), '')
}

function tiles(symbols: readonly SymbolDay[]): string {
  const total = (of: (one: SymbolDay) => number): number =>
    symbols.reduce((sum, one) => sum + of(one), 0)
  const moved = symbols
    .filter((one): one is SymbolDay & { dayReturn: number } => one.dayReturn !== null)
    .toSorted((a, b) => b.dayReturn - a.dayReturn)
  const [best, worst] = [moved[0], moved.at(-1)]
  const covered = symbols.flatMap(({ coverage }) => (coverage === null ? [] : [coverage]))
  const least = covered.length === 0 ? '–' : `${(100 * Math.min(...covered)).toFixed(2)} %`
  const all = [
    ['Symbols', String(symbols.length), ''],
    [
      'Trades',
      short(total(({ trades }) => trades)),
      `${count(total(({ excluded }) => excluded))} in no bar`
    ],
    ['Traded value', short(total(({ notional }) => notional)), 'in quote currencies'],
    ['Strongest', best === undefined ? '–' : signedPercent(best.dayReturn), best?.symbol ?? ''],
    ['Weakest', worst === undefined ? '–' : signedPercent(worst.dayReturn), worst?.symbol ?? ''],
    ['Least coverage', least, `${count(total(({ revisions }) => revisions))} revisions`]
  ]
  return `<section class="tiles wide">${all
    .map(
      ([name = '', value = '', about = '']) =>
        `<div class="tile"><span>${name}</span><b>${escaped(value)}</b><i>${escaped(about)}</i></div>`
    )
    .join('')}</section>`
}

function symbolTable(symbols: readonly SymbolDay[]): string {
  const rows = symbols.map((one) => [
    `<th scope="row">${escaped(one.symbol)}</th>`,
    `<td class="path">${sparkline(one.path, `${one.symbol} over the date`)}</td>`,
    ...[one.open, one.high, one.low, one.close, one.vwap].map((value) => cell(price(value))),
    cell(
      one.dayReturn === null ? '–' : signedPercent(one.dayReturn),
      (one.dayReturn ?? 0) < 0 ? 'down' : 'up'
    ),
    cell(one.realisedVolatility === null ? '–' : `${(100 * one.realisedVolatility).toFixed(2)} %`),
    cell(short(one.volume)),
    cell(short(one.notional)),
    cell(count(one.trades)),
    cell(one.coverage === null ? '–' : `${(100 * one.coverage).toFixed(2)} %`)
  ])
  const heads = 'Symbol,,Open,High,Low,Close,VWAP,Return,Volatility,Volume,Value,Trades,Coverage'
  return card(
    'Symbols',
    'Volatility is realised over the minutes of the date. Coverage is the share of the date in which the feed was up.',
    tableOf(heads.split(','), rows),
    true
  )
}

function liquidityTable(symbols: readonly SymbolDay[]): string {
  const rows = symbols.map((one) => [
    `<th scope="row">${escaped(one.symbol)}</th>`,
    cell(one.tradesPerMinute === null ? '–' : short(one.tradesPerMinute)),
    cell(one.medianSize === null ? '–' : short(one.medianSize)),
    cell(
      one.rollSpread === null || one.vwap === null || one.vwap === 0
        ? '–'
        : `${((1e4 * one.rollSpread) / one.vwap).toFixed(2)} bp`
    ),
    cell(one.amihudPerMillion === null ? '–' : `${(1e4 * one.amihudPerMillion).toPrecision(3)} bp`)
  ])
  return card(
    'Liquidity',
    'Spread is Roll’s estimate from the bounce of prices, in hundredths of a percent of the VWAP. Impact is Amihud’s: the mean move of a minute per million traded.',
    tableOf(['Symbol', 'Trades a minute', 'Median size', 'Spread', 'Impact'], rows)
  )
}

function correlationCard({ correlations }: ReportData, top: readonly SymbolDay[]): string {
  const known = new Map(
    correlations.flatMap(({ symbol, other, correlation, n }) => {
      const found = correlation === null ? undefined : { value: correlation, n }
      return [
        [`${symbol}|${other}`, found],
        [`${other}|${symbol}`, found]
      ] as const
    })
  )
  const names = top
    .map(({ symbol }) => symbol)
    .filter((symbol) => correlations.some((one) => one.symbol === symbol || one.other === symbol))
  if (names.length < 2) return ''
  return card(
    'Correlation',
    'Of log returns over five minutes in which both traded, where there are ten or more. Blue moves together, orange against each other.',
    heatmap(names, (a, b) => known.get(`${a}|${b}`), 'Correlation of returns')
  )
}

function skillCard(skills: readonly Skill[]): string {
  const scored = skills.filter((one) => one.scored > 0)
  if (scored.length === 0) return card('Forecasts', 'No forecast of the date was scored.', '')
  const rows = scored.map((one) => [
    `<th scope="row">${escaped(one.model)}</th>`,
    cell(one.timeframe),
    cell(String(one.horizon)),
    cell(count(one.scored)),
    cell(one.skill === null ? '–' : signedPercent(one.skill), (one.skill ?? 0) < 0 ? 'down' : 'up'),
    cell(percent(one.hitRate)),
    cell(percent(one.bandCoverage))
  ])
  return card(
    'Forecasts',
    'Skill compares the squared error with “the price stays put”: above 0 % is better. Medians over the symbols; the band should hold 95 %.',
    tableOf(['Model', 'Bars', 'Ahead', 'Scored', 'Skill', 'Direction right', 'In band'], rows),
    true
  )
}

function clock(minuteOfDay: number): string {
  const minutes = String(minuteOfDay % 60).padStart(2, '0')
  return `${String(Math.floor(minuteOfDay / 60)).padStart(2, '0')}:${minutes}`
}

function longDate(date: string): string {
  return new Intl.DateTimeFormat('en-US', { dateStyle: 'full', timeZone: 'UTC' }).format(
    new Date(`${date}T00:00:00Z`)
  )
}

function madeOf({ feeds }: ReportData): string {
  return feeds.length === 0 ? '' : `Feed: ${feeds.join(', ')}.`
}

const STYLE = `
:root{--page:#f6f7f9;--card:#fff;--ink:#14181f;--soft:#5b6472;--line:#e3e6eb;--up:#0b7a75;--down:#c2410c;--accent:#3b5bdb;--mark:#3b5bdb;--plain:#b9c4ee;--shadow:0 1px 2px rgb(20 24 31/.05),0 6px 20px rgb(20 24 31/.05)}
@media (prefers-color-scheme:dark){:root{--page:#0e1116;--card:#161b22;--ink:#e8ecf2;--soft:#97a1b0;--line:#2a313c;--up:#3fc8b4;--down:#ff9a5c;--accent:#8ea6ff;--mark:#8ea6ff;--plain:#3a4778;--shadow:none}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums}
header,main,footer{max-width:1180px;margin:0 auto;padding:0 20px}
header{padding-top:36px}
.brand{margin:0;font-weight:700;letter-spacing:.02em;color:var(--accent)}
.brand span{color:var(--soft);font-weight:400}
.badge{margin-left:10px;padding:2px 9px;border:1px solid var(--down);border-radius:99px;color:var(--down);font-size:12px;font-weight:600}
h1{margin:2px 0 10px;font-size:34px;line-height:1.15;letter-spacing:-.02em}
.check{margin:0;color:var(--soft)}
.check b{color:var(--ink)}
.check .warn{color:var(--down)}
.tick-mark{display:inline-grid;place-items:center;width:20px;height:20px;margin-right:8px;border-radius:50%;background:var(--up);color:var(--card);font-size:13px;font-weight:700}
.note{margin:8px 0 0;color:var(--down)}
main{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:18px;margin-top:26px}
.wide{grid-column:1/-1}
.card,.tile{background:var(--card);border:1px solid var(--line);border-radius:14px;box-shadow:var(--shadow)}
.card{padding:20px 22px}
h2{margin:0;font-size:18px;letter-spacing:-.01em}
.about{margin:3px 0 14px;color:var(--soft);font-size:13.5px}
.tiles{display:grid;grid-template-columns:repeat(6,minmax(0,1fr));gap:12px}
.tile{padding:14px 16px;display:flex;flex-direction:column;min-width:0}
.tile span,.tile i{color:var(--soft);font-size:13px;font-style:normal;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.tile b{font-size:24px;line-height:1.3;letter-spacing:-.01em}
.chart{display:block;width:100%;height:auto}
svg text{fill:var(--ink);font-size:12.5px}
svg .tick,svg .value{fill:var(--soft)}
svg .axis{stroke:var(--soft);stroke-width:1}
svg .grid{stroke:var(--line)}
svg rect.up{fill:var(--up)}svg rect.down{fill:var(--down)}
svg rect.marked{fill:var(--mark)}svg rect.plain{fill:var(--plain)}
svg rect.positive{fill:var(--accent)}svg rect.negative{fill:var(--down)}
svg rect.none{fill:var(--line);fill-opacity:.45}
svg .cell{font-size:11.5px}svg .strong{fill:var(--card)}
.spark{display:block;width:120px;height:28px}
.spark polyline{fill:none;stroke-width:1.6;stroke-linejoin:round}
.spark.up polyline{stroke:var(--up)}.spark.down polyline{stroke:var(--down)}
.spark .base{stroke:var(--line);stroke-dasharray:2 3}
.scroll{overflow-x:auto;max-height:560px}
table{width:100%;border-collapse:collapse;font-size:13px}
th,td{padding:6px 7px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
thead th{position:sticky;top:0;background:var(--card);color:var(--soft);font-weight:500}
tbody th,thead th:first-child{text-align:left}
tbody th{font-weight:600}
tbody tr:last-child>*{border-bottom:0}
td.up{color:var(--up)}td.down{color:var(--down)}
td.path{padding:3px 7px}
footer{padding:24px 20px 40px;color:var(--soft);font-size:13px}
@media (max-width:860px){main{grid-template-columns:minmax(0,1fr)}.tiles{grid-template-columns:repeat(2,minmax(0,1fr))}h1{font-size:26px}}
@media print{body{background:#fff}.card,.tile{break-inside:avoid;box-shadow:none}.scroll{max-height:none}}
`
