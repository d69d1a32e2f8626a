import { didYouMean, printable } from '@tapedeck/core'
import {
  BATCH_NAME,
  BATCH_NAME_RULE,
  symbolProblems,
  TIMEFRAME_FORMS,
  timeframeProblem
} from '@tapedeck/domain'
import { parseTime, type RequestProblem } from '../query.ts'
import { REPLAYED } from '../replay/merged-rows.ts'
import { SPEEDS, type Speed } from '../replay/replay-clock.ts'
import type { ReplayCommand, ReplayId, ReplayRequest } from '../replay/replay.ts'
import { CHANNELS, FEED_KEY, runsKey, seriesKey, tradesKey, type Channel } from './events.ts'
import { readResumeToken, type ResumePoint } from './positions.ts'

/** What a client asks for, as JSON over the WebSocket. */
export type Request = Subscribe | Unsubscribe | Ping | ReplayRequest | ReplayCommand

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
  /** Of runs; `['*']`: every job. */
  readonly jobs?: readonly string[]
}

export type RequestReading =
  | { readonly request: Request; readonly problems?: undefined }
  | { readonly id: RequestId; readonly problems: readonly RequestProblem[] }

/** Symbols in one request at most, as for a read; `*` has no limit. */
const MAX_NAMED_SYMBOLS = 500
const MAX_TIMEFRAMES = 20
const MAX_JOBS = 20
/** Characters of an id: it is in every message of its replay. */
const MAX_ID_LENGTH = 100
const TYPES = [
  'subscribe',
  'unsubscribe',
  'ping',
  'replay',
  'pause',
  'play',
  'seek',
  'speed',
  'stop'
] as const
const FIELDS: Readonly<Record<(typeof TYPES)[number], readonly string[]>> = {
  subscribe: ['type', 'id', 'channels', 'symbols', 'timeframes', 'jobs', 'since', 'resume'],
  unsubscribe: ['type', 'id', 'channels', 'symbols', 'timeframes', 'jobs'],
  ping: ['type', 'id'],
  replay: ['type', 'id', 'channels', 'symbols', 'timeframes', 'from', 'to', 'speed'],
  pause: ['type', 'id'],
  play: ['type', 'id'],
  seek: ['type', 'id', 'time'],
  speed: ['type', 'id', 'speed'],
  stop: ['type', 'id']
}

/** The keys of a selection. */
export function keysOf({ channels, symbols, timeframes, jobs = ['*'] }: Selection): Set<string> {
  const keys = channels.flatMap((channel) => {
    if (channel === 'feed') return [FEED_KEY]
    if (channel === 'runs') return jobs.map(runsKey)
    if (channel === 'trades') return symbols.map(tradesKey)
    return symbols.flatMap((symbol) =>
      timeframes.map((timeframe) => seriesKey(channel, symbol, timeframe))
    )
  })
  return new Set(keys)
}

/** Reads a message of a client; reports every mistake at once. A replay ends at `nowMs` at the latest. */
export function readRequest(text: string, nowMs: number): RequestReading {
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
  if (type === 'replay') return readReplay(fields, id, problems, nowMs)
  if (type !== 'subscribe' && type !== 'unsubscribe') return readCommand(type, fields, id, problems)
  const isAll = type === 'unsubscribe' && fields['channels'] === undefined
  const selection = isAll ? undefined : readSelection(fields, CHANNELS, problems)
  if (type === 'unsubscribe') {
    return problems.length > 0 ? { id, problems } : { request: { type, id, selection } }
  }
  const sinceMs = readInstant(fields, 'since', problems)
  const resume = readResume(fields['resume'], problems)
  if (sinceMs !== undefined && resume !== undefined) {
    problems.push({ field: 'since', message: 'since and resume are given, expected one of them' })
  }
  const start = sinceMs !== undefined ? 'since' : resume !== undefined ? 'resume' : undefined
  if (start !== undefined && selection?.channels.join() === 'runs') {
    const message = `${start} is given for runs alone, which begin with the newest ones, expected it with another channel`
    problems.push({ field: start, message })
  }
  if (problems.length > 0 || selection === undefined) return { id, problems }
  return { request: { type, id, selection, sinceMs, resume } }
}

function refused(id: RequestId, field: string, message: string): RequestReading {
  return { id, problems: [{ field, message }] }
}

function readReplay(
  fields: Fields,
  id: RequestId,
  problems: RequestProblem[],
  nowMs: number
): RequestReading {
  const replayId = readReplayId(fields['id'], problems)
  const selection = readSelection(fields, REPLAYED, problems)
  const fromMs = readInstant(fields, 'from', problems, true)
  const toMs = Math.min(readInstant(fields, 'to', problems) ?? nowMs, nowMs)
  if (fromMs !== undefined && fromMs >= toMs) {
    const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString())
    problems.push({ field: 'from', message: `from is ${from}, expected a time before ${to}` })
  }
  const speed = fields['speed'] === undefined ? 1 : readSpeed(fields['speed'], problems)
  if (problems.length > 0 || replayId === undefined || fromMs === undefined || !speed)
    return { id, problems }
  const timeframes = [...new Set(selection.timeframes)]
  const own = { channels: selection.channels, symbols: selection.symbols, timeframes }
  return { request: { type: 'replay', id: replayId, selection: own, fromMs, toMs, speed } }
}

function readCommand(
  type: ReplayCommand['type'],
  fields: Fields,
  id: RequestId,
  problems: RequestProblem[]
): RequestReading {
  const replayId = readReplayId(fields['id'], problems)
  const timeMs = type === 'seek' ? readInstant(fields, 'time', problems, true) : 0
  const speed = type === 'speed' ? readSpeed(fields['speed'], problems) : 1
  if (problems.length > 0 || replayId === undefined || timeMs === undefined || !speed)
    return { id, problems }
  if (type === 'seek') return { request: { type, id: replayId, timeMs } }
  if (type === 'speed') return { request: { type, id: replayId, speed } }
  return { request: { type, id: replayId } }
}

function readReplayId(found: unknown, problems: RequestProblem[]): ReplayId | undefined {
  if (typeof found === 'number') return found
  if (typeof found === 'string' && found.length <= MAX_ID_LENGTH) return found
  const what = shortened(JSON.stringify(found ?? null))
  const message = `id is ${what}, expected a number or a text of ${MAX_ID_LENGTH} characters at most that names the replay`
  problems.push({ field: 'id', message })
  return undefined
}

function readSpeed(found: unknown, problems: RequestProblem[]): Speed | undefined {
  if (found === 'max') return found
  const isText = typeof found === 'string' && /^\d+(\.\d+)?$/.test(found)
  const speed = isText ? Number(found) : found
  if (typeof speed === 'number' && speed >= SPEEDS.least && speed <= SPEEDS.most) return speed
  const what = shortened(JSON.stringify(found ?? null))
  const message = `speed is ${what}, expected a number from ${SPEEDS.least} to ${SPEEDS.most}, or max`
  problems.push({ field: 'speed', message })
  return undefined
}

type Fields = Readonly<Record<string, unknown>>

function readSelection<T extends Channel>(
  fields: Fields,
  known: readonly T[],
  problems: RequestProblem[]
): Selection & { readonly channels: readonly T[] } {
  const channels = readTexts(fields, 'channels', problems)
  for (const channel of channels) {
    if ((known as readonly string[]).includes(channel)) continue
    const hint = didYouMean(channel, known)
    const message = `channels has '${printable(shortened(channel))}', expected ${known.join(', ')}${hint}`
    problems.push({ field: 'channels', message })
  }
  if (channels.length === 0) {
    problems.push({ field: 'channels', message: `channels is empty, expected ${known.join(', ')}` })
  }
  const needsSymbols = channels.some((channel) => channel !== 'feed' && channel !== 'runs')
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
    channels: known.filter((channel) => channels.includes(channel)),
    symbols: symbols.includes('*') ? ['*'] : symbols,
    timeframes,
    ...readJobs(fields, channels, problems)
  }
}

/** The jobs whose runs are asked for. */
function readJobs(
  fields: Fields,
  channels: readonly string[],
  problems: RequestProblem[]
): Pick<Selection, 'jobs'> {
  const named = fields['jobs'] === '*' ? ['*'] : readTexts(fields, 'jobs', problems)
  const problem = (message: string): void => void problems.push({ field: 'jobs', message })
  if (!channels.includes('runs')) {
    if (named.length > 0) problem('jobs is given without the channel runs, expected it in channels')
    return {}
  }
  if (named.length === 0 || named.includes('*')) return { jobs: ['*'] }
  if (named.length > MAX_JOBS) {
    problem(`jobs has ${named.length}, expected ${MAX_JOBS} at most, or *`)
  }
  for (const job of named.slice(0, MAX_JOBS)) {
    if (BATCH_NAME.test(job)) continue
    problem(`jobs has '${printable(shortened(job))}', expected ${BATCH_NAME_RULE}, or *`)
  }
  return { jobs: [...new Set(named)] }
}

/** A list of texts; one text counts as a list of one, or of several between commas. */
function readTexts(fields: Fields, name: string, problems: RequestProblem[]): string[] {
  const found = fields[name]
  if (found === undefined || found === null) return []
  if (typeof found === 'string') return found.split(',').map((one) => one.trim())
  if (Array.isArray(found) && found.every((one) => typeof one === 'string')) return found
  const message = `${name} is ${shortened(JSON.stringify(found))}, expected a list of texts`
  problems.push({ field: name, message })
  return []
}

function readInstant(
  fields: Fields,
  name: string,
  problems: RequestProblem[],
  isNeeded = false
): number | undefined {
  const found = fields[name] ?? undefined
  if (found === undefined && !isNeeded) return undefined
  const ms =
    typeof found === 'string' || typeof found === 'number' ? parseTime(String(found)) : undefined
  if (ms === undefined) {
    const what = found === undefined ? 'missing' : shortened(JSON.stringify(found))
    const message = `${name} is ${what}, expected epoch milliseconds or ISO 8601 with a zone`
    problems.push({ field: name, message })
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
