import { didYouMean, duration, isObject, printable, TapedeckError, type Json } from '@tapedeck/core'
import { Cron } from 'croner'
import { getTimes } from 'suncalc'
import { tradingDateAt, US_STOCK, type TradingDate } from '../sessions.ts'
import { BATCH_NAME, BATCH_NAME_RULE } from './graph.ts'
import { jsonOf, shown, unknownFields } from './json-file.ts'

/**
 * What to do about occurrences that no beat was there to make: nothing, make the last of them, or make all of them.
 */
type Misfire = 'skip' | 'last' | 'all'

/** When a job runs. `text` says the rule to people. */
export interface Schedule {
  readonly name: string
  readonly job: string
  readonly parameters: Readonly<Record<string, string>>
  readonly misfire: Misfire
  /** Runs only where BATCH_SCHEDULES names it. */
  readonly isOptional: boolean
  /** How long its runs are remembered, ms; null: permanently. */
  readonly keepMs: number | null
  /** The IANA zone of its times. */
  readonly zone: string
  readonly text: string
  readonly rule: Rule
  /** Its entry in the file, as JSON. */
  readonly definition: string
}

type Rule =
  | { readonly everyMs: number }
  | { readonly cron: string; readonly zone: string }
  | {
      readonly sun: keyof typeof SUN_EVENTS
      readonly lat: number
      readonly lon: number
      readonly offsetMs: number
    }
  | { readonly market: keyof typeof MARKET_EVENTS; readonly offsetMs: number }

const SUN_EVENTS = {
  dawn: 'dawn',
  sunrise: 'sunrise',
  noon: 'solarNoon',
  sunset: 'sunset',
  dusk: 'dusk',
  midnight: 'nadir'
} as const

const MARKET_EVENTS = {
  pre: 'preMs',
  open: 'openMs',
  close: 'closeMs',
  post_end: 'postEndMs'
} as const satisfies Readonly<Record<string, keyof TradingDate>>

const SCHEDULES_FILE = 'schedules.json'
const KINDS = ['every', 'cron', 'sun', 'market'] as const
const MISFIRES = ['last', 'skip', 'all'] as const
/** The fields that each kind has beside those of every schedule. */
const FIELDS: Readonly<Record<(typeof KINDS)[number], readonly string[]>> = {
  every: [],
  cron: [],
  sun: ['lat', 'lon', 'offset'],
  market: ['offset']
}
const COMMON_FIELDS = ['job', 'parameters', 'misfire', 'tz', 'optional', 'keep']
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
/** Longer than any polar night. */
const SUN_HORIZON_DAYS = 800

/**
 * Reads schedules.json: an object of schedules by name. The form: docs/batch.md.
 * @param nowMs epoch ms; a schedule that never fires after it is a mistake
 * @throws CONFIG_INVALID with every mistake and its place
 */
export function readSchedules(text: string, nowMs: number): Schedule[] {
  const mistakes: string[] = []
  const found = jsonOf(SCHEDULES_FILE, text, mistakes)
  if (found !== undefined && !isObject(found)) {
    mistakes.push(
      `${SCHEDULES_FILE}: ${shown(found)} found, expected an object of schedules by name`
    )
  }
  const schedules = Object.entries(isObject(found) ? found : {}).map(([name, value]) =>
    readSchedule(name, value, nowMs, mistakes)
  )
  if (mistakes.length > 0) {
    throw new TapedeckError('CONFIG_INVALID', `Cannot read the schedules: ${mistakes.join('\n  ')}`)
  }
  return schedules.filter((schedule) => schedule !== undefined)
}

function readSchedule(
  name: string,
  value: unknown,
  nowMs: number,
  mistakes: string[]
): Schedule | undefined {
  const place = `${SCHEDULES_FILE}, schedule '${printable(name)}'`
  const problem = (text: string): void => void mistakes.push(`${place}: ${text}`)
  const before = mistakes.length
  if (!BATCH_NAME.test(name)) problem(`expected ${BATCH_NAME_RULE}`)
  if (!isObject(value)) {
    problem(`${shown(value)} found, expected an object such as {"job": "load", "every": "15s"}`)
    return undefined
  }
  const kinds = KINDS.filter((kind) => value[kind] !== undefined)
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) {
    problem(`${kinds.join(' and ') || 'no rule'} found, expected one of ${KINDS.join(', ')}`)
  }
  const known = [...KINDS, ...COMMON_FIELDS, ...kinds.flatMap((one) => FIELDS[one])]
  unknownFields(place, value, known, mistakes)
  const { job, parameters = {}, misfire = MISFIRES[0], optional = false } = value
  if (typeof job !== 'string' || !BATCH_NAME.test(job)) {
    problem(`job ${shown(job)} found, expected the name of a flow or a sequence`)
  }
  const isTexts =
    isObject(parameters) && Object.values(parameters).every((one) => typeof one === 'string')
  if (!isTexts) problem(`parameters ${shown(parameters)} found, expected texts by name`)
  const policy = MISFIRES.find((one) => one === misfire)
  if (policy === undefined) problem(`misfire ${shown(misfire)} found, expected skip, last or all`)
  if (typeof optional !== 'boolean') {
    problem(`optional ${shown(optional)} found, expected true or false`)
  }
  const keepMs = keepOf(value['keep'], problem)
  const zone = value['tz'] ?? (kind === 'market' ? 'America/New_York' : 'UTC')
  if (!isZone(zone)) problem(`tz ${shown(zone)} found, expected a time zone such as Europe/London`)
  if (mistakes.length > before || kind === undefined) return undefined

  const rule = ruleOf(kind, value, zone as string, problem)
  if (rule === undefined || mistakes.length > before) return undefined
  const schedule: Schedule = {
    name,
    job: job as string,
    parameters: parameters as Schedule['parameters'],
    misfire: policy ?? MISFIRES[0],
    isOptional: optional === true,
    keepMs,
    zone: zone as string,
    text: textOf(kind, value),
    rule,
    definition: JSON.stringify(value)
  }
  if (nextOccurrences(schedule, nowMs, 1).length > 0) return schedule
  problem(`${schedule.text} never fires, expected a time that comes`)
  return undefined
}

/** A run may last as long as its tasks may, so an hour is the least. */
function keepOf(found: unknown, problem: (text: string) => void): number | null {
  if (found === undefined) return null
  const { parse, expected } = duration(undefined, HOUR_MS)
  const keepMs = typeof found === 'string' ? parse(found) : undefined
  if (keepMs === undefined) problem(`keep ${shown(found)} found, expected ${expected}`)
  return keepMs ?? null
}

function ruleOf(
  kind: (typeof KINDS)[number],
  value: Json,
  zone: string,
  problem: (text: string) => void
): Rule | undefined {
  const found = value[kind]
  switch (kind) {
    case 'every': {
      const { parse, expected } = duration(undefined, 1000)
      const everyMs = typeof found === 'string' ? parse(found) : undefined
      if (everyMs !== undefined && everyMs <= 366 * DAY_MS) return { everyMs }
      problem(`every ${shown(found)} found, expected ${expected}, at most 366d`)
      return undefined
    }
    case 'cron': {
      const mistake = cronMistake(found, zone)
      if (mistake === undefined) return { cron: found as string, zone }
      problem(`cron ${shown(found)} found, ${mistake}`)
      return undefined
    }
    case 'sun': {
      const sun = choiceOf(kind, found, SUN_EVENTS, problem)
      const lat = degreesOf('lat', value['lat'], 90, problem)
      const lon = degreesOf('lon', value['lon'], 180, problem)
      const offsetMs = offsetOf(value['offset'], problem)
      if (sun === undefined || lat === undefined || lon === undefined) return undefined
      return offsetMs === undefined ? undefined : { sun, lat, lon, offsetMs }
    }
    default: {
      const market = choiceOf(kind, found, MARKET_EVENTS, problem)
      const offsetMs = offsetOf(value['offset'], problem)
      return market === undefined || offsetMs === undefined ? undefined : { market, offsetMs }
    }
  }
}

/** What is wrong with a cron text, completing "found, …"; undefined when it is good. */
function cronMistake(found: unknown, zone: string): string | undefined {
  const form = 'expected 5 fields such as "0 2 * * WED#2", or 6 with seconds first'
  if (typeof found !== 'string' || ![5, 6].includes(found.trim().split(/\s+/).length)) return form
  // croner puts the present time in its place.
  if (found.includes('?')) return '? has no fixed meaning, expected *'
  try {
    cronOf(found, zone)
    return undefined
  } catch (error) {
    return `${printable((error as Error).message.replace(/^CronPattern: /, ''))}; ${form}`
  }
}

function choiceOf<T extends string>(
  field: string,
  found: unknown,
  choices: Readonly<Record<T, string>>,
  problem: (text: string) => void
): T | undefined {
  const names = Object.keys(choices) as T[]
  const choice = names.find((one) => one === found)
  if (choice === undefined) {
    const near = typeof found === 'string' ? didYouMean(found, names) : ''
    problem(`${field} ${shown(found)} found, expected one of ${names.join(', ')}${near}`)
  }
  return choice
}

function degreesOf(
  field: string,
  found: unknown,
  most: number,
  problem: (text: string) => void
): number | undefined {
  if (typeof found === 'number' && Math.abs(found) <= most) return found
  problem(`${field} ${shown(found)} found, expected degrees from ${-most} to ${most}`)
  return undefined
}

function offsetOf(found: unknown, problem: (text: string) => void): number | undefined {
  if (found === undefined) return 0
  const [, sign, text = ''] = (typeof found === 'string' && /^([+-]?)(.*)$/.exec(found)) || []
  const ms = duration(undefined).parse(text)
  if (ms !== undefined && ms <= DAY_MS) return sign === '-' ? -ms : ms
  problem(`offset ${shown(found)} found, expected a duration up to 24h such as 30m or -15m`)
  return undefined
}

function isZone(found: unknown): found is string {
  try {
    return typeof found === 'string' && Boolean(new Intl.DateTimeFormat('en', { timeZone: found }))
  } catch {
    return false
  }
}

function textOf(kind: (typeof KINDS)[number], value: Json): string {
  const offset = value['offset']
  const shift = typeof offset === 'string' ? ` ${offset.replace(/^(?![+-])/, '+')}` : ''
  const place = kind === 'sun' ? ` at ${String(value['lat'])}, ${String(value['lon'])}` : ''
  const event = `${kind === 'sun' ? '' : `${kind} `}${String(value[kind])}`
  return `${event}${shift}${place}`
}

/**
 * The next moments at which a schedule fires, epoch ms, ascending, each later than `afterMs`. A function of its
 * arguments, so that every beat finds the same ones. Fewer than `count` only where a schedule ends, or where the
 * sun does not rise or set for two years.
 */
export function nextOccurrences(
  schedule: Pick<Schedule, 'rule'>,
  afterMs: number,
  count: number
): number[] {
  const found: number[] = []
  for (const atMs of occurrencesAfter(schedule, afterMs)) {
    if (found.push(atMs) >= count) break
  }
  return found
}

function* occurrencesAfter({ rule }: Pick<Schedule, 'rule'>, afterMs: number): Generator<number> {
  if ('everyMs' in rule) {
    // Multiples since 1970, so that it does not matter when a beat began.
    for (let at = Math.floor(afterMs / rule.everyMs) + 1; ; at++) yield at * rule.everyMs
  } else if ('cron' in rule) {
    const cron = cronOf(rule.cron, rule.zone)
    let next = cron.nextRun(new Date(afterMs))
    for (; next !== null; next = cron.nextRun(next)) yield next.getTime()
  } else if ('sun' in rule) {
    yield* sunTimesAfter(rule, afterMs)
  } else {
    // An offset is at most a day, and the day of a moment may begin before the weekend.
    let date = tradingDateAt(US_STOCK, afterMs - rule.offsetMs)
    for (; ; date = tradingDateAt(US_STOCK, date.endMs)) {
      const atMs = date[MARKET_EVENTS[rule.market]] + rule.offsetMs
      if (atMs > afterMs) yield atMs
    }
  }
}

/**
 * A time in the hour that the clocks skip is the moment after it; one in the hour that comes twice is the first of
 * both, unless minutes or hours have a wildcard or a step.
 */
function cronOf(cron: string, timezone: string): Cron {
  return new Cron(cron, { timezone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard' })
}

function* sunTimesAfter(
  { sun, lat, lon, offsetMs }: Extract<Rule, { sun: unknown }>,
  afterMs: number
): Generator<number> {
  // Noon of each solar day by its longitude, so that each day is asked for once.
  const noonMs = DAY_MS / 2 - (lon / 360) * DAY_MS
  const first = Math.floor((afterMs - offsetMs - noonMs) / DAY_MS) - 1
  let lastDay = first + SUN_HORIZON_DAYS
  for (let day = first; day < lastDay; day++) {
    const time = getTimes(new Date(day * DAY_MS + noonMs), lat, lon)[SUN_EVENTS[sun]]
    if (time === null || time === undefined) continue
    // The formula is no better than that, and machines differ in the last bits.
    const atMs = Math.round((time.getTime() + offsetMs) / MINUTE_MS) * MINUTE_MS
    if (atMs <= afterMs) continue
    yield atMs
    lastDay = day + SUN_HORIZON_DAYS
  }
}

/** An occurrence that is this late was missed; ms. */
const ON_TIME_MS = MINUTE_MS
/** Runs that one look makes of a schedule. The next look goes on. */
const MAX_DUE = 100

/** What a look at a schedule finds. Times are epoch ms. */
interface Due {
  /** Ascending. */
  readonly occurrencesMs: readonly number[]
  /** Up to here nothing is left to make. */
  readonly untilMs: number
}

/**
 * The occurrences later than `untilMs` to make at `nowMs`: those of the last minute, and of the missed ones before
 * what the schedule's misfire policy says, at most 100 together.
 * @param untilMs up to where the schedule was looked at before
 */
export function dueOccurrences(schedule: Schedule, untilMs: number, nowMs: number): Due {
  if (nowMs <= untilMs) return { occurrencesMs: [], untilMs }
  const onTimeMs = Math.max(untilMs, nowMs - ON_TIME_MS)
  const missed = schedule.misfire === 'last' ? lastOccurrence(schedule, untilMs, onTimeMs) : []
  const fromMs = schedule.misfire === 'all' ? untilMs : onTimeMs
  const found: number[] = []
  for (const atMs of occurrencesAfter(schedule, fromMs)) {
    if (atMs > nowMs) break
    found.push(atMs)
    if (found.length === MAX_DUE) return { occurrencesMs: [...missed, ...found], untilMs: atMs }
  }
  return { occurrencesMs: [...missed, ...found], untilMs: nowMs }
}

/** The last occurrence later than `afterMs` and not later than `untilMs`, found by halving; empty when there is none. */
function lastOccurrence(schedule: Schedule, afterMs: number, untilMs: number): number[] {
  const nextOf = (ms: number): number => nextOccurrences(schedule, ms, 1)[0] ?? Infinity
  if (nextOf(afterMs) > untilMs) return []
  let [low, high] = [afterMs, untilMs]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (nextOf(middle) <= untilMs) low = middle
    else high = middle
  }
  return [nextOf(low)]
}
