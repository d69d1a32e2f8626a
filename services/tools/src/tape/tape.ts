import { openReplay, openStream, type ReplaySpeed, type StreamBatch } from '@tapedeck/client'
import { commandLine } from '@tapedeck/core'
import { symbolProblems, TIMEFRAME_FORMS, timeframeProblem } from '@tapedeck/domain'
import { boundsOf, readRangeEnd } from '../command/arguments.ts'
import { screenLines } from './screen.ts'
import { TapeState } from './tape-state.ts'

interface TapeArguments {
  readonly symbols: readonly string[]
  readonly timeframe: string
  /** Undefined: on this machine. */
  readonly api: string | undefined
  /** Undefined: live. */
  readonly replay?: TapeReplay | undefined
}

/** The past that is shown instead of the present. */
interface TapeReplay {
  /** Half-open, epoch ms; without `toMs` until now. */
  readonly fromMs: number
  readonly toMs: number | undefined
  readonly speed: ReplaySpeed
}

/** The command line of `npm run tape`. */
export const tapeCommand = commandLine({
  name: 'tape',
  purpose:
    'Shows the tape of symbols as it moves, their bars and the forecast, in this terminal: live, or as it was.',
  forms: [
    '-- SYMBOL[,SYMBOL..] [--timeframe 1m] [--api URL]',
    '-- SYMBOL[,SYMBOL..] --replay WHEN [--to WHEN] [--speed 1] [--timeframe 1m] [--api URL]'
  ],
  takesOperands: true,
  options: {
    timeframe: ['text', 'NAME', 'of the bars and the forecast (1m)'],
    replay: ['text', 'WHEN', 'play what is stored from then on: 2026-03-10 or 2026-03-10T14:00Z'],
    to: ['text', 'WHEN', 'end of the replay; a date is played whole (until now)'],
    speed: ['text', 'NUMBER', 'how many times as fast as the market, 0.1 to 1000, or max (1)'],
    api: ['text', 'URL', 'address of the api (http://127.0.0.1:API_PORT)']
  },
  settings: {
    API_PORT: 'the port of the api on this machine (8080)',
    API_TOKEN: 'a token of the api, where reading needs one'
  },
  exits: [
    'ended by Ctrl-C, or the replay is over',
    'the api refused the subscription',
    'wrong arguments'
  ],
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
    const replayText = given.text('replay')
    const [toText, speedText] = [given.text('to'), given.text('speed')]
    if (replayText === undefined) {
      if (toText !== undefined) given.mistake('--to found, expected --replay with it')
      if (speedText !== undefined) given.mistake('--speed found, expected --replay with it')
      return { symbols, timeframe, api }
    }
    const from = readRangeEnd(given, '--replay', replayText) ?? { ms: 0 }
    const to = toText === undefined ? undefined : readRangeEnd(given, '--to', toText)
    const speed = speedOf(speedText ?? '1')
    if (speed === undefined)
      given.mistake(`--speed ${speedText} found, expected a number from 0.1 to 1000, or max`)
    const { fromMs, toMs } = boundsOf(symbols[0] ?? '', from, to ?? from)
    const isOpen = to === undefined
    if (!isOpen && fromMs >= toMs)
      given.mistake(`--to ${toText} found, expected after --replay ${replayText}`)
    const replay = { fromMs, toMs: isOpen ? undefined : toMs, speed: speed ?? 1 }
    return { symbols, timeframe, api, replay }
  }
})

function speedOf(text: string): ReplaySpeed | undefined {
  if (text === 'max') return text
  const speed = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN
  return speed >= 0.1 && speed <= 1000 ? speed : undefined
}

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

/** Shows the tape until the signal aborts or the replay is over. Where there is no terminal, each trade is a line of JSON. */
export async function showTape(
  args: TapeArguments,
  api: string,
  display: Display,
  signal: AbortSignal,
  token?: string
): Promise<void> {
  const { symbols, timeframe } = args
  const state = new TapeState(symbols)
  const shown: Shown = { trouble: `connecting to ${api}`, calm: 'live', nowMs: () => Date.now() }
  const draw = (): void => {
    const { columns, rows } = display
    const { trouble, calm, nowMs } = shown
    const options = { columns, rows, timeframe, trouble, calm, hasColours: true, nowMs: nowMs() }
    const lines = screenLines(state, options).map((line) => `${line}${CLEAR_LINE}`)
    display.write(`${HOME}${lines.join('\n')}${CLEAR_BELOW}`)
  }
  const at = { url: api, token }
  const batches =
    args.replay === undefined
      ? liveTape(args, at, display.isTerminal, shown, signal)
      : replayedTape(args, args.replay, at, shown, signal)
  const timer = display.isTerminal ? setInterval(draw, REDRAW_MS) : undefined
  if (display.isTerminal) display.write(HIDE_CURSOR)
  try {
    for await (const batch of batches) {
      state.take(batch)
      if (display.isTerminal) continue
      for (const trade of batch.trades ?? []) display.write(`${JSON.stringify(trade)}\n`)
    }
    if (display.isTerminal) draw()
  } finally {
    clearInterval(timer)
    if (display.isTerminal) display.write(`${SHOW_CURSOR}\n`)
  }
}

/** What the first line says beside the rows. */
interface Shown {
  /** Empty while all is well. */
  trouble: string
  /** What it says while all is well. */
  calm: string
  nowMs: () => number
}

/** Where the tape comes from. */
interface Api {
  readonly url: string
  readonly token: string | undefined
}

function liveTape(
  { symbols, timeframe }: TapeArguments,
  { url, token }: Api,
  hasPast: boolean,
  shown: Shown,
  signal: AbortSignal
): AsyncIterable<StreamBatch> {
  return openStream(url, {
    channels: ['trades', 'bars', 'forecasts', 'feed'],
    symbols,
    timeframes: [timeframe],
    token,
    ...(hasPast && { since: Date.now() - PAST_MS }),
    signal,
    onStatus(isConnected, reason) {
      shown.trouble = isConnected ? '' : reason
    }
  })
}

async function* replayedTape(
  { symbols, timeframe }: TapeArguments,
  { fromMs, toMs, speed }: TapeReplay,
  { url, token }: Api,
  shown: Shown,
  signal: AbortSignal
): AsyncGenerator<Partial<StreamBatch>> {
  let timeMs = fromMs
  shown.nowMs = () => timeMs
  const times = speed === 'max' ? 'as fast as it can be read' : `${speed} times as fast`
  shown.calm = `replay, ${times}`
  const replay = openReplay(url, {
    channels: ['bars', 'forecasts', 'trades'],
    symbols,
    timeframes: [timeframe],
    token,
    from: fromMs,
    ...(toMs !== undefined && { to: toMs }),
    speed,
    signal,
    onProgress({ time, reason }) {
      timeMs = time
      shown.trouble = reason
    }
  })
  for await (const batch of replay) {
    timeMs = batch.time
    shown.trouble = ''
    yield batch
  }
}
