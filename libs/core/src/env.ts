import { hasCode, TapedeckError } from './errors.ts'
import { redactUrl, Secret } from './secret.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** How one environment variable is read: a value, or a problem in words. */
export interface Variable<T> {
  readonly fallback: T | undefined
  /** A required variable that is not set and has no fallback is a mistake. */
  readonly required: boolean
  /** Its value is never shown, not even when it is wrong. */
  readonly secret: boolean
  /** Says what is expected; completes "…, expected ". */
  readonly expected: string
  /** The default as a person writes it; undefined where there is none. */
  readonly shown?: string | undefined
  /** One line for docs/configuration.md and .env.example. */
  readonly about?: string
  /** The value, or undefined when the text does not fit. May throw Problems for several mistakes. */
  parse(text: string): T | undefined
}

/** Several mistakes in one variable, each a sentence. */
export class Problems extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('; '))
    this.problems = problems
  }
}

export type Shape = Readonly<Record<string, Variable<unknown>>>
export type Values<S extends Shape> = {
  readonly [K in keyof S]: S[K] extends Variable<infer T> ? T : never
}

/**
 * Reads the variables of `shape` from `env`. An empty value counts as not set.
 *
 * @param together finds the mistakes that lie between variables; a variable that is wrong by itself is undefined
 * @throws CONFIG_INVALID that names every mistake at once, each with what was found and expected.
 */
export function readEnv<S extends Shape>(
  env: Env,
  shape: S,
  together: (values: Partial<Values<S>>) => readonly string[] = () => []
): Values<S> {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, one] of Object.entries(shape)) {
    const found = env[name]?.trim()
    if (found === undefined || found === '') {
      values[name] = one.fallback
      if (one.fallback === undefined && one.required) {
        problems.push(`${name} is not set, expected ${one.expected}`)
      }
      continue
    }
    try {
      const value = one.parse(found)
      if (value !== undefined) values[name] = value
      else
        problems.push(
          `${name} is ${one.secret ? 'refused' : `'${redactUrl(found)}'`}, expected ${one.expected}`
        )
    } catch (error) {
      if (!(error instanceof Problems)) throw error
      problems.push(...error.problems.map((problem) => `${name}: ${problem}`))
    }
  }
  problems.push(...together(values as Partial<Values<S>>))
  if (problems.length > 0) throw configInvalid(problems)
  return Object.freeze(values) as Values<S>
}

/** The error of a configuration with these mistakes, each a sentence. */
export function configInvalid(problems: readonly string[]): TapedeckError {
  return new TapedeckError('CONFIG_INVALID', `Cannot start: ${problems.join('\n  ')}`)
}

/**
 * The mistakes that `read` finds in a configuration, as `configInvalid` was given them; none when it is good.
 * @throws what is no mistake in the configuration
 */
export async function configProblems(read: () => unknown): Promise<readonly string[]> {
  try {
    await read()
    return []
  } catch (error) {
    if (!hasCode(error, 'CONFIG_INVALID')) throw error
    return error.message.replace(/^Cannot start: /, '').split('\n  ')
  }
}

/** What a program says of its settings: the variables that it reads, and the mistakes in them. */
export interface SettingsCheck {
  readonly names: readonly string[]
  readonly problems: readonly string[]
}

/** One line a variable: its name, what it is for and its default. */
export function describeVariables(shape: Shape): string {
  const width = Math.max(...Object.keys(shape).map((name) => name.length))
  return Object.entries(shape)
    .map(([name, { about: line = '', shown }]) => {
      const fallback = shown === undefined ? '' : ` (${shown})`
      return `  ${name.padEnd(width)}  ${line}${fallback}\n`
    })
    .join('')
}

function variable<T>(
  fallback: T | undefined,
  expected: string,
  parse: (found: string) => T | undefined,
  shown = fallback === undefined ? undefined : String(fallback)
): Variable<T> {
  return { fallback, required: true, secret: false, expected, parse, shown }
}

/**
 * Adds the line that the documents print for a variable.
 * @param shown the default as a person writes it, where the reader cannot tell, such as `Finnhub's own`
 */
export function about<T>(line: string, of: Variable<T>, shown = of.shown): Variable<T> {
  return { ...of, about: line, shown }
}

/** May be absent: then the value is undefined. */
export function optional<T>(of: Variable<T>): Variable<T | undefined> {
  return { ...of, fallback: undefined, required: false }
}

export function text(fallback?: string, expected = 'a text'): Variable<string> {
  return variable(fallback, expected, (found) => found)
}

export function secret(): Variable<Secret> {
  return { ...variable(undefined, 'a secret', (found) => new Secret(found)), secret: true }
}

export function whole(fallback: number | undefined, min: number, max: number): Variable<number> {
  return variable(fallback, `a whole number from ${min} to ${max}`, (found) => {
    const value = Number(found)
    return Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined
  })
}

export function decimal(fallback: number | undefined, min: number, max: number): Variable<number> {
  return variable(fallback, `a number from ${min} to ${max}`, (found) => {
    const value = Number(found)
    return Number.isFinite(value) && value >= min && value <= max ? value : undefined
  })
}

export function choice<const T extends string>(
  fallback: T | undefined,
  options: readonly T[]
): Variable<T> {
  return variable(fallback, `one of ${options.join(', ')}`, (found) =>
    options.find((option) => option === found.toLowerCase())
  )
}

const FLAGS: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  yes: true,
  false: false,
  '0': false,
  no: false
}

export function flag(fallback: boolean): Variable<boolean> {
  return variable(fallback, 'true or false', (found) => FLAGS[found.toLowerCase()])
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000
}

/** A length of time such as 250ms, 10s, 5m, 24h, 7d; the value is in milliseconds. */
export function duration(fallbackMs: number | undefined, minMs = 0): Variable<number> {
  const atLeast = minMs > 0 ? `, at least ${minMs}ms` : ''
  const expected = `a duration such as 250ms, 10s, 5m, 24h or 7d${atLeast}`
  const parse = (found: string): number | undefined => {
    const match = /^(\d+)\s*(ms|s|m|h|d)$/.exec(found)
    const unitMs = UNITS_MS[match?.[2] ?? '']
    if (match === null || unitMs === undefined) return undefined
    const ms = Number(match[1]) * unitMs
    return Number.isSafeInteger(ms) && ms >= minMs ? ms : undefined
  }
  return variable(fallbackMs, expected, parse, durationText(fallbackMs))
}

/**
 * Lengths of time by name, as `name=duration[,…]`; the values are in milliseconds.
 *
 * @param isName whether a name may stand there; none may stand twice
 */
export function durations(
  isName: (name: string) => boolean,
  expected: string,
  minMs: number
): Variable<ReadonlyMap<string, number>> {
  const of = duration(undefined, minMs)
  const parse = (found: string): ReadonlyMap<string, number> | undefined => {
    const lengths = new Map<string, number>()
    for (const entry of found.split(',')) {
      const [name = '', length = ''] = entry.split('=').map((part) => part.trim())
      const ms = of.parse(length)
      if (ms === undefined || lengths.has(name) || !isName(name)) return undefined
      lengths.set(name, ms)
    }
    return lengths
  }
  return variable(undefined, expected, parse)
}

/** 86400000 ms is 24h: the longest unit up to hours that divides it. */
function durationText(ms: number | undefined): string | undefined {
  const unit = (['h', 'm', 's', 'ms'] as const).find(
    (one) => (ms ?? 0) % (UNITS_MS[one] ?? 1) === 0
  )
  return ms === undefined || unit === undefined ? undefined : `${ms / (UNITS_MS[unit] ?? 1)}${unit}`
}

export function url(fallback: string | undefined, protocols: readonly string[]): Variable<string> {
  const begins = protocols.map((protocol) => `${protocol}//`).join(' or ')
  return variable(fallback, `a URL that begins with ${begins}`, (found) =>
    URL.canParse(found) && protocols.includes(new URL(found).protocol) ? found : undefined
  )
}
