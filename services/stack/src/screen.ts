import { redactUrl, table } from '@tapedeck/core'

/** Progress for the terminal: short lines, each with the time since the start. */
export interface Progress {
  say(text: string): void
  /** Something failed, but the stack continues. */
  warn(text: string): void
}

/**
 * Lines such as ` 3.2 s  mongod answers`, written through `write`.
 * @param startedMs when the start began, by `performance.now()`; 0 is that of the process
 */
export function createProgress(
  write: (text: string) => void,
  startedMs = performance.now()
): Progress {
  const line = (text: string): void => {
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)
    write(`${seconds} s  ${text}\n`)
  }
  return { say: line, warn: (text) => line(`! ${text}`) }
}

export const silentProgress: Progress = { say: () => undefined, warn: () => undefined }

/** 46 100 000 as `46.1 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

interface ScreenRow {
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
  /** Its address, or how to get one; undefined: the user wants none. */
  readonly grafana?: string | undefined
  /** With the name of the database in it. */
  readonly mongoUri: string
  readonly logDir: string
  /** Undefined: no bar is stored yet. */
  readonly firstBarMs: number | undefined
  /** What the producer says of its feed; shown while no bar is stored. */
  readonly feedText?: string | undefined
}

const LABEL_WIDTH = 14
const LINE_SYMBOLS = 8

/** What is printed after a start: what runs where, what to open, how to query, how to stop. */
export function renderScreen(screen: Screen): string {
  const { feed, symbols, rows, pageUrl, grafana, mongoUri, logDir, firstBarMs, feedText } = screen
  const [symbol = 'AAPL'] = symbols
  const query = `db.bars.find({symbol:"${symbol}",timeframe:"1m"}).sort({start:-1}).limit(5)`
  const api = `${pageUrl}api/v1/bars?symbol=${encodeURIComponent(symbol)}&timeframe=1m&limit=5`
  const bar =
    firstBarMs === undefined
      ? `no bar stored yet: ${feedText ?? 'the producer has not reported yet'}`
      : `first bar stored after ${(firstBarMs / 1000).toFixed(1)} s`
  const running = table(
    rows.map(({ name, pid, address, note = '' }) => [
      name,
      pid ?? '-',
      withoutPassword(address),
      note
    ])
  )
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
    ...(grafana === undefined ? [] : [item('Grafana', grafana)]),
    '',
    running.replaceAll(/^(?=.)/gm, '  '),
    item('Ask MongoDB', `mongosh '${withoutPassword(mongoUri)}' --eval \\`),
    item('', `  '${query}'`),
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

/** An address that may be shown; options such as directConnection stay in it. */
export function withoutPassword(address: string): string {
  return address.includes('@') ? redactUrl(address) : address
}

function wrapped(symbols: readonly string[]): string {
  const lines: string[] = []
  for (let index = 0; index < symbols.length; index += LINE_SYMBOLS) {
    lines.push(symbols.slice(index, index + LINE_SYMBOLS).join(', '))
  }
  return lines.join(`,\n${' '.repeat(LABEL_WIDTH + 2)}`)
}

/**
 * The URI with the database's name as its path. A name that stood there and is another one also said where the
 * user is kept, so it becomes `authSource`.
 */
export function withDatabase(uri: string, database: string): string {
  const match = /^(mongodb(?:\+srv)?:\/\/[^/?]+)\/?([^?]*)(\?.*)?$/.exec(uri)
  if (match === null) return uri
  const [, server = '', before = '', options = ''] = match
  const keepsUsers = before !== '' && before !== database && server.includes('@')
  const isSaid = /[?&]authSource=/i.test(options)
  const users = keepsUsers && !isSaid ? `${options === '' ? '?' : '&'}authSource=${before}` : ''
  return `${server}/${database}${options}${users}`
}
