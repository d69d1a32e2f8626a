import { redactUrl } from '@tapedeck/core'

export interface ScreenRow {
  readonly name: string
  readonly pid: number | undefined
  readonly address: string
  readonly note?: string
}

export interface Screen {
  readonly feed: 'simulated' | 'live'
  readonly symbols: readonly string[]
  readonly rows: readonly ScreenRow[]
  readonly pageUrl: string
  /** With the database's name in it. */
  readonly mongoUri: string
  readonly logDir: string
  /** Undefined: no bar is stored yet. */
  readonly firstBarMs: number | undefined
}

const LABEL_WIDTH = 14

/** The one screen after a start: what runs where, what to look at, what to ask, how to stop. */
export function renderScreen(screen: Screen): string {
  const { feed, symbols, rows, pageUrl, mongoUri, logDir, firstBarMs } = screen
  const [symbol = 'AAPL'] = symbols
  const names = rows.map(({ name }) => name.length)
  const pids = rows.map(({ pid }) => String(pid ?? '-').length)
  const addresses = rows.map(({ address }) => shown(address).length)
  const columns = [Math.max(...names), Math.max(...pids), Math.max(...addresses)] as const
  const table = rows.map(({ name, pid, address, note = '' }) =>
    [
      name.padEnd(columns[0]),
      String(pid ?? '-').padStart(columns[1]),
      shown(address).padEnd(columns[2]),
      note
    ]
      .join('  ')
      .trimEnd()
  )
  const query = `db.bars.find({symbol:"${symbol}",timeframe:"1m"}).sort({start:-1}).limit(5)`
  const api = `${pageUrl}api/v1/bars?symbol=${encodeURIComponent(symbol)}&timeframe=1m&limit=5`
  const bar =
    firstBarMs === undefined
      ? 'no bar stored yet: no trade has come (is the market closed?)'
      : `first bar stored after ${(firstBarMs / 1000).toFixed(1)} s`
  return [
    '',
    `tapedeck runs, ${bar}`,
    '',
    item(
      'Feed',
      feed === 'simulated' ? 'simulated trades (FINNHUB_TOKEN=… for live ones)' : 'live'
    ),
    item('Symbols', wrapped(symbols)),
    item('Page', pageUrl),
    '',
    ...table.map((line) => `  ${line}`),
    '',
    item('Ask MongoDB', `mongosh '${shown(mongoUri)}' --eval '${query}'`),
    item('without it', `curl '${api}'`),
    item('Logs', logDir),
    item('Stop', 'Ctrl-C'),
    '',
    ''
  ].join('\n')
}

function item(label: string, text: string): string {
  return `  ${label.padEnd(LABEL_WIDTH)}${text}`
}

/** Credentials stay off the screen; options such as directConnection are no secret. */
function shown(address: string): string {
  return address.includes('@') ? redactUrl(address) : address
}

const LINE_SYMBOLS = 8

function wrapped(symbols: readonly string[]): string {
  const lines: string[] = []
  for (let index = 0; index < symbols.length; index += LINE_SYMBOLS) {
    lines.push(symbols.slice(index, index + LINE_SYMBOLS).join(', '))
  }
  return lines.join(`,\n${' '.repeat(LABEL_WIDTH + 2)}`)
}
