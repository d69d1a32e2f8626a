import { openStream } from '@tapedeck/client'
import { commandLine } from '@tapedeck/core'
import { symbolProblems, TIMEFRAME_FORMS, timeframeProblem } from '@tapedeck/domain'
import { screenLines } from './screen.ts'
import { TapeState } from './tape-state.ts'

interface TapeArguments {
  readonly symbols: readonly string[]
  readonly timeframe: string
  /** Undefined: on this machine. */
  readonly api: string | undefined
}

/** The command line of `npm run tape`. */
export const tapeCommand = commandLine({
  name: 'tape',
  purpose: 'Shows the tape of symbols as it moves, their bars and the forecast, in this terminal.',
  forms: ['-- SYMBOL[,SYMBOL..] [--timeframe 1m] [--api URL]'],
  takesOperands: true,
  options: {
    timeframe: ['text', 'NAME', 'of the bars and the forecast (1m)'],
    api: ['text', 'URL', 'address of the api (http://127.0.0.1:API_PORT)']
  },
  settings: { API_PORT: 'the port of the api on this machine (8080)' },
  exits: ['ended by Ctrl-C', 'the api refused the subscription', 'wrong arguments'],
  example: '-- AAPL,MSFT',
  read(given): TapeArguments {
    const symbols = given.operands.flatMap((one) => one.split(','))
    if (symbols.length === 0) given.mistake('no symbol found, expected some such as AAPL,MSFT')
    given.mistake(...symbolProblems(symbols, Number.MAX_SAFE_INTEGER))
    const timeframe = given.text('timeframe') ?? '1m'
    if (timeframeProblem(timeframe) !== undefined) {
      given.mistake(`--timeframe ${timeframe} found, expected ${TIMEFRAME_FORMS}`)
    }
    const api = given.text('api')
    if (api !== undefined && !URL.canParse(api))
      given.mistake(`--api ${api} found, expected an address such as http://127.0.0.1:8080`)
    return { symbols, timeframe, api }
  }
})

/** What the tape is shown on. */
export interface Display {
  readonly columns: number
  readonly rows: number
  /** Lines that are drawn over one another; otherwise each trade is a line. */
  readonly isTerminal: boolean
  write(text: string): void
}

const REDRAW_MS = 200
/** Bars before now that the sparklines begin with. */
const PAST_MS = 3_600_000
const [HIDE_CURSOR, SHOW_CURSOR, HOME, CLEAR_LINE, CLEAR_BELOW] = [
  '\u001b[?25l',
  '\u001b[?25h',
  '\u001b[H',
  '\u001b[K',
  '\u001b[J'
]

/** Shows the tape until the signal aborts. Where there is no terminal, each trade is a line of JSON. */
export async function showTape(
  { symbols, timeframe }: TapeArguments,
  api: string,
  display: Display,
  signal: AbortSignal
): Promise<void> {
  const state = new TapeState(symbols)
  let trouble = `connecting to ${api}`
  const draw = (): void => {
    const { columns, rows } = display
    const options = { columns, rows, timeframe, trouble, hasColours: true, nowMs: Date.now() }
    const lines = screenLines(state, options).map((line) => `${line}${CLEAR_LINE}`)
    display.write(`${HOME}${lines.join('\n')}${CLEAR_BELOW}`)
  }
  const stream = openStream(api, {
    channels: ['trades', 'bars', 'forecasts', 'feed'],
    symbols,
    timeframes: [timeframe],
    ...(display.isTerminal && { since: Date.now() - PAST_MS }),
    signal,
    onStatus(isConnected, reason) {
      trouble = isConnected ? '' : reason
    }
  })
  const timer = display.isTerminal ? setInterval(draw, REDRAW_MS) : undefined
  if (display.isTerminal) display.write(HIDE_CURSOR)
  try {
    for await (const batch of stream) {
      state.take(batch)
      if (display.isTerminal) continue
      for (const trade of batch.trades ?? []) display.write(`${JSON.stringify(trade)}\n`)
    }
  } finally {
    clearInterval(timer)
    if (display.isTerminal) display.write(`${SHOW_CURSOR}\n`)
  }
}
