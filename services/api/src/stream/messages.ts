import { didYouMean, printable } from '@tapedeck/core'
import { symbolProblems, TIMEFRAME_FORMS, timeframeProblem } from '@tapedeck/domain'
import { parseTime, type RequestProblem } from '../query.ts'
import { CHANNELS, FEED_KEY, seriesKey, tradesKey, type Channel } from './events.ts'
import { readResumeToken, type ResumePoint } from './positions.ts'

/** What a client asks for, as JSON over the WebSocket. */
type Request = Subscribe | Unsubscribe | Ping

/** Returned in the answers, so that a client knows which request they belong to. */
type RequestId = string | number | undefined

interface Ping {
  readonly type: 'ping'
  readonly id: RequestId
}

export interface Unsubscribe {
  readonly type: 'unsubscribe'
  readonly id: RequestId
  /** Undefined: everything. */
  readonly selection: Selection | undefined
}

export interface Subscribe {
  readonly type: 'subscribe'
  readonly id: RequestId
  readonly selection: Selection
  /** Send what was stored since then first, epoch ms. */
  readonly sinceMs: number | undefined
  /** Send what came after this point first. */
  readonly resume: ResumePoint | undefined
}

export interface Selection {
  readonly channels: readonly Channel[]
  /** `['*']`: every symbol. */
  readonly symbols: readonly string[]
  readonly timeframes: readonly string[]
}

export type RequestReading =
  | { readonly request: Request; readonly problems?: undefined }
  | { readonly id: RequestId; readonly problems: readonly RequestProblem[] }

/** Symbols in one request at most, as for a read; `*` has no limit. */
const MAX_NAMED_SYMBOLS = 500
const MAX_TIMEFRAMES = 20
const TYPES = ['subscribe', 'unsubscribe', 'ping'] as const
const FIELDS: Readonly<Record<(typeof TYPES)[number], readonly string[]>> = {
  subscribe: ['type', 'id', 'channels', 'symbols', 'timeframes', 'since', 'resume'],
  unsubscribe: ['type', 'id', 'channels', 'symbols', 'timeframes'],
  ping: ['type', 'id']
}

/** The keys of a selection. */
export function keysOf({ channels, symbols, timeframes }: Selection): Set<string> {
  const keys = channels.flatMap((channel) => {
    if (channel === 'feed') return [FEED_KEY]
    if (channel === 'trades') return symbols.map(tradesKey)
    return symbols.flatMap((symbol) =>
      timeframes.map((timeframe) => seriesKey(channel, symbol, timeframe))
    )
  })
  return new Set(keys)
}

/** Reads a message of a client; reports every mistake at once. */
export function readRequest(text: string): RequestReading {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return refused(undefined, 'message', `message is '${shortened(text)}', expected JSON`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refused(undefined, 'message', `message is ${typeof value}, expected a JSON object`)
  }
  const fields = value as Readonly<Record<string, unknown>>
  const id =
    typeof fields['id'] === 'string' || typeof fields['id'] === 'number' ? fields['id'] : undefined
  const type = TYPES.find((one) => one === fields['type'])
  if (type === undefined) {
    const found = printable(shortened(JSON.stringify(fields['type'] ?? null)))
    return refused(id, 'type', `type is ${found}, expected one of ${TYPES.join(', ')}`)
  }
  const problems: RequestProblem[] = []
  for (const name of Object.keys(fields)) {
    if (FIELDS[type].includes(name)) continue
    const hint = didYouMean(name, FIELDS[type])
    const message = `${shortened(name)} is no field of ${type}, expected one of ${FIELDS[type].join(', ')}${hint}`
    problems.push({ field: name, message })
  }
  if (type === 'ping') return problems.length > 0 ? { id, problems } : { request: { type, id } }
  const isAll = type === 'unsubscribe' && fields['channels'] === undefined
  const selection = isAll ? undefined : readSelection(fields, problems)
  if (type === 'unsubscribe') {
    return problems.length > 0 ? { id, problems } : { request: { type, id, selection } }
  }
  const sinceMs = readSince(fields['since'], problems)
  const resume = readResume(fields['resume'], problems)
  if (sinceMs !== undefined && resume !== undefined) {
    problems.push({ field: 'since', message: 'since and resume are given, expected one of them' })
  }
  if (problems.length > 0 || selection === undefined) return { id, problems }
  return { request: { type, id, selection, sinceMs, resume } }
}

function refused(id: RequestId, field: string, message: string): RequestReading {
  return { id, problems: [{ field, message }] }
}

function readSelection(
  fields: Readonly<Record<string, unknown>>,
  problems: RequestProblem[]
): Selection {
  const channels = readTexts(fields, 'channels', problems)
  for (const channel of channels) {
    if ((CHANNELS as readonly string[]).includes(channel)) continue
    const hint = didYouMean(channel, CHANNELS)
    const message = `channels has '${printable(shortened(channel))}', expected ${CHANNELS.join(', ')}${hint}`
    problems.push({ field: 'channels', message })
  }
  if (channels.length === 0) {
    problems.push({
      field: 'channels',
      message: `channels is empty, expected ${CHANNELS.join(', ')}`
    })
  }
  const needsSymbols = channels.some((channel) => channel !== 'feed')
  const symbols = fields['symbols'] === '*' ? ['*'] : readTexts(fields, 'symbols', problems)
  if (needsSymbols && symbols.length === 0) {
    problems.push({
      field: 'symbols',
      message: 'symbols is empty, expected a list of symbols, or *'
    })
  }
  if (!symbols.includes('*')) {
    for (const problem of symbolProblems(symbols, Number.MAX_SAFE_INTEGER)) {
      problems.push({ field: 'symbols', message: `symbols: ${problem}` })
    }
    if (symbols.length > MAX_NAMED_SYMBOLS) {
      const message = `symbols has ${symbols.length}, expected ${MAX_NAMED_SYMBOLS} at most, or *`
      problems.push({ field: 'symbols', message })
    }
  }
  const named = readTexts(fields, 'timeframes', problems)
  const timeframes = named.length === 0 ? ['1m'] : named
  if (timeframes.length > MAX_TIMEFRAMES) {
    const message = `timeframes has ${timeframes.length}, expected ${MAX_TIMEFRAMES} at most`
    problems.push({ field: 'timeframes', message })
  }
  for (const timeframe of timeframes) {
    if (timeframeProblem(timeframe) === undefined) continue
    const message = `timeframes has '${printable(shortened(timeframe))}', expected ${TIMEFRAME_FORMS}`
    problems.push({ field: 'timeframes', message })
  }
  return {
    channels: CHANNELS.filter((channel) => channels.includes(channel)),
    symbols: symbols.includes('*') ? ['*'] : symbols,
    timeframes
  }
}

/** A list of texts; one text counts as a list of one, or of several between commas. */
function readTexts(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  problems: RequestProblem[]
): string[] {
  const found = fields[name]
  if (found === undefined || found === null) return []
  if (typeof found === 'string') return found.split(',').map((one) => one.trim())
  if (Array.isArray(found) && found.every((one) => typeof one === 'string')) return found
  const message = `${name} is ${shortened(JSON.stringify(found))}, expected a list of texts`
  problems.push({ field: name, message })
  return []
}

function readSince(found: unknown, problems: RequestProblem[]): number | undefined {
  if (found === undefined || found === null) return undefined
  const ms =
    typeof found === 'string' || typeof found === 'number' ? parseTime(String(found)) : undefined
  if (ms === undefined) {
    const message = `since is ${shortened(JSON.stringify(found))}, expected epoch milliseconds or ISO 8601 with a zone`
    problems.push({ field: 'since', message })
  }
  return ms
}

function readResume(found: unknown, problems: RequestProblem[]): ResumePoint | undefined {
  if (found === undefined || found === null) return undefined
  const point = typeof found === 'string' ? readResumeToken(found) : undefined
  if (point === undefined) {
    const message = `resume is ${shortened(JSON.stringify(found))}, expected the resume of an earlier message`
    problems.push({ field: 'resume', message })
  }
  return point
}

function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
