import { hasCode } from '@tapedeck/core'
import { isActivity, type AnyWindow, type BarFields, type Timeframe } from '@tapedeck/domain'
import {
  BAR_COLUMNS,
  barRow,
  FILLED_BAR_COLUMNS,
  filledBarRow,
  type HistoryQuery
} from '@tapedeck/mongo'
import { rowWith } from '@tapedeck/table'
import type { Static } from 'typebox'
import { invalidRequest } from '../http.ts'
import {
  anyOf,
  DEFAULT_WINDOWS,
  query,
  SYMBOLS,
  TIME,
  TIMEFRAME_OR_WINDOW,
  timeRange,
  WINDOW,
  windowRange,
  type TimeRange
} from '../query.ts'
import type { Reader } from '../reader.ts'
import { HISTORY, type History } from './history.ts'

/** The parameters of /api/v1/bars. */
export const BARS_QUERY = query({
  symbol: SYMBOLS,
  timeframe: TIMEFRAME_OR_WINDOW,
  window: WINDOW,
  origin: anyOf('utc or session', ['utc', 'session']),
  fill: anyOf('none, null or carry', ['none', 'null', 'carry']),
  as_of: TIME,
  from: TIME,
  to: TIME,
  ...HISTORY
})
type Asked = Static<typeof BARS_QUERY>

/** The default range of windows that are merged from seconds, at most: they are all read. */
const MOST_DEFAULT_MS = 7 * 86_400_000

export const startOf = ({ start }: BarFields): Date => start

/** Whether the answer has bars as they are stored now. */
export function isStored({ window, origin, fill = 'none', as_of: asOfMs }: Asked): boolean {
  return [window, origin, asOfMs].every((one) => one === undefined) && fill === 'none'
}

/** The range of a request for stored bars. */
export function storedRange(
  { symbol: symbols, timeframe = '1m', from, to }: Asked,
  nowMs: number
): Omit<HistoryQuery, 'order' | 'after'> & { readonly timeframe: Timeframe } {
  return { symbols, timeframe, ...windowRange({ timeframe, from, to }, nowMs) }
}

type HistoryReader = Pick<
  Reader,
  'barHistory' | 'barsAsOf' | 'composedBars' | 'filledBars' | 'secondsFrom'
>

/**
 * The bars that a request asks for, as a history.
 * @throws what sendFailure answers with 400 when parameters do not fit each other or what is stored
 */
export async function barHistory(
  reader: HistoryReader,
  asked: Asked,
  nowMs: number
): Promise<History<BarFields>> {
  const { symbol: symbols, timeframe = '1m', fill = 'none', as_of: asOfMs } = asked
  if (asOfMs !== undefined) return barsAsOf(reader, asked, asOfMs, nowMs)
  const window = windowAsked(asked)
  const range =
    window === undefined
      ? storedRange(asked, nowMs)
      : { symbols, ...(await composedRange(reader, asked, window, nowMs)) }
  const cost = window === undefined ? {} : { documentsPerRow: window.lengthMs / 1000 }
  if (fill !== 'none') {
    if (window === undefined && isActivity(timeframe)) {
      throw refusal(
        'fill',
        `fill is '${fill}' for ${timeframe}, expected windows in time such as 1m`
      )
    }
    const windows = window ?? timeframe
    return {
      ...ofBars((part) =>
        refusing('fill', reader.filledBars({ ...range, ...part, windows, fill }))
      ),
      ...cost,
      columns: FILLED_BAR_COLUMNS,
      rows: (names) => (bar) => rowWith(filledBarRow(bar), names)
    }
  }
  return window === undefined
    ? ofBars((part) => reader.barHistory({ ...range, ...part, timeframe }))
    : { ...ofBars((part) => reader.composedBars({ ...range, ...part, window })), ...cost }
}

/** The bars as they were stored at a time. What is not known of them is counted, and left out. */
function barsAsOf(
  reader: Pick<Reader, 'barsAsOf'>,
  asked: Asked,
  asOfMs: number,
  nowMs: number
): History<BarFields> {
  const other = (['window', 'origin', 'fill'] as const).find((name) => asked[name] !== undefined)
  if (other !== undefined && asked[other] !== 'none') {
    throw refusal('as_of', `as_of is given beside ${other}, expected it for stored bars alone`)
  }
  const range = storedRange(asked, nowMs)
  let unknown = 0
  const note = (): void => void unknown++
  return {
    ...ofBars((part) => reader.barsAsOf({ ...range, ...part, asOfMs, unknown: note })),
    unknown: () => unknown
  }
}

function ofBars(read: History<BarFields>['read']): History<BarFields> {
  return {
    name: 'bars',
    columns: BAR_COLUMNS,
    read,
    rows: (names) => (bar) => rowWith(barRow(bar), names),
    timeOf: startOf
  }
}

/** The windows of a request that are no timeframe; undefined when it asks for one. */
function windowAsked({ timeframe, window, origin }: Asked): AnyWindow | undefined {
  if (window === undefined) {
    if (origin === undefined) return undefined
    throw refusal('origin', 'origin is given without window, expected both')
  }
  if (timeframe === undefined) return { lengthMs: window, origin: origin ?? 'utc' }
  throw refusal('timeframe', `timeframe is '${timeframe}' beside window, expected one of both`)
}

async function composedRange(
  reader: Pick<Reader, 'secondsFrom'>,
  { symbol: symbols, from, to }: Asked,
  { lengthMs }: AnyWindow,
  nowMs: number
): Promise<TimeRange> {
  const spanMs = Math.min(DEFAULT_WINDOWS * lengthMs, MOST_DEFAULT_MS)
  const { fromMs, toMs } = timeRange({ from, to }, nowMs, { spanMs })
  const start = reader.secondsFrom(
    { symbols, fromMs, toMs },
    { nowMs, isAsked: from !== undefined }
  )
  return { fromMs: await start.catch((error: unknown) => fail('window', error)), toMs }
}

/** The same, where a read refuses a request with what can only be known by reading. */
async function* refusing<T>(field: string, batches: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    yield* batches
  } catch (error) {
    fail(field, error)
  }
}

function fail(field: string, error: unknown): never {
  throw hasCode(error, 'REQUEST_INVALID') ? refusal(field, error.message) : error
}

function refusal(field: string, message: string): Error {
  return invalidRequest([{ field, message }])
}
