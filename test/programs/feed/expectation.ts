import type { Observation } from './observation.ts'

/** What must hold at the end of a scenario; a field that is not given must be as without a fault. */
export interface Expectation {
  /** Connections that the simulator accepted: exactly so many, or at least. */
  readonly connections?: number | { readonly atLeast: number }
  /** Handshakes that it refused. */
  readonly refusals?: number | { readonly atLeast: number }
  /** Matches the cause of every lost connection. */
  readonly cause?: RegExp
  /** Frames were in flight when the connection was cut: fewer may arrive than were sent. */
  readonly mayLoseInFlight?: boolean
  /** Valid trades that the fault adds to those of the source. */
  readonly added?: number
  /** Trades and frames that the producer sent to the dead-letter topic, by reason. */
  readonly refused?: Readonly<Record<string, number>>
  /** Trades that the consumer kept out of every bar, by reason. */
  readonly excluded?: Readonly<Record<string, number>>
  readonly unknownCodes?: Readonly<Record<string, number>>
  /** Frames of a kind without trades. */
  readonly frames?: Readonly<Record<string, number | { readonly atLeast: number }>>
  /** Frames that the producer recognised as copies, by what it did with them. */
  readonly copies?: Readonly<Record<string, number>>
  readonly feedError?: RegExp
  /** The producer ends with this code. */
  readonly failure?: string
  /** Gaps recorded: exactly so many, or at least. */
  readonly gaps?: number | { readonly atLeast: number }
  /** Each of them lasts so long, ms. */
  readonly gapsLast?: number
  /** Symbols that the feed refuses to send. */
  readonly overTheLimit?: readonly string[]
}

type Count = number | { readonly atLeast: number }

/** The expectations that do not hold, in words; empty when all do. */
export function unmet(expected: Expectation, seen: Observation): string[] {
  const { simulator } = seen
  const sent = simulator.tradesSent + (expected.added ?? 0)
  const checks: readonly (string | undefined)[] = [
    count('connections', expected.connections ?? 1, simulator.connections),
    count('refused handshakes', expected.refusals ?? 0, simulator.refusals),
    expected.mayLoseInFlight === true
      ? within('trades received', 0, sent, seen.received)
      : count('trades received', sent, seen.received),
    count('trades stored', seen.received - seen.dropped, seen.stored),
    counts('copied frames', expected.copies ?? {}, seen.copies),
    counts('refused', expected.refused ?? {}, seen.refused),
    counts('excluded', expected.excluded ?? {}, seen.excluded),
    counts('unknown condition codes', expected.unknownCodes ?? {}, seen.unknownCodes),
    ...Object.entries(expected.frames ?? {}).map(([kind, wanted]) =>
      count(`${kind} frames`, wanted, seen.frames[kind] ?? 0)
    ),
    expected.cause === undefined
      ? undefined
      : texts('causes', expected.cause, seen.causes, 'every'),
    expected.feedError === undefined
      ? undefined
      : texts('errors of the feed', expected.feedError, seen.feedErrors, 'some'),
    expected.failure === seen.failure
      ? undefined
      : `failure is ${seen.failure ?? 'none'}, expected ${expected.failure ?? 'none'}`,
    count('bars with a bad price', 0, seen.badBars),
    overTheLimit(expected.overTheLimit ?? [], seen.standings['over the limit'] ?? []),
    ...gapProblems(expected, seen)
  ]
  return checks.filter((problem) => problem !== undefined)
}

/** A gap stays open only while the feed is down. */
function gapProblems(
  { gaps = 0, gapsLast = 0, failure }: Expectation,
  seen: Observation
): readonly (string | undefined)[] {
  const open = seen.gaps.filter(({ to }) => to === null).length
  return [
    count('gaps', gaps, seen.gaps.length),
    failure === undefined ? count('open gaps', 0, open) : undefined,
    ...seen.gaps.map(({ from, to }) => {
      const lastedMs = Number(to ?? Infinity) - Number(from ?? 0)
      return lastedMs >= gapsLast ? undefined : `a gap of ${lastedMs} ms, expected ${gapsLast}`
    })
  ]
}

/** The observed reaction as the table shows it: only what a reader cannot take for granted. */
export function reactionSeen(seen: Observation): string {
  const { simulator, causes } = seen
  const times = (label: string, values: Readonly<Record<string, number>>): string[] =>
    Object.entries(values).map(([name, value]) => `${value} ${label} '${name}'`)
  const parts = [
    plural(simulator.connections, 'connection'),
    ...(simulator.refusals > 0 ? [`${simulator.refusals} refused`] : []),
    ...new Set(causes.map(shortened)),
    ...times('refused', seen.refused),
    ...times('in no bar', seen.excluded),
    ...times('unknown code', seen.unknownCodes),
    ...(seen.standings['over the limit'] ?? []).map((symbol) => `${symbol} over the limit`),
    ...seen.feedErrors.map((text) => `feed says '${text}'`),
    ...(seen.failure === undefined ? [] : [`ends with ${seen.failure}`])
  ]
  return parts.join('; ')
}

function overTheLimit(wanted: readonly string[], found: readonly string[]): string | undefined {
  const [left, right] = [wanted, found].map((symbols) => symbols.toSorted().join(', '))
  return left === right
    ? undefined
    : `over the limit: ${right || 'none'}, expected ${left || 'none'}`
}

function shortened(cause: string): string {
  return cause.length > 60 ? `${cause.slice(0, 57)}...` : cause
}

function plural(value: number, noun: string): string {
  return `${value} ${noun}${value === 1 ? '' : 's'}`
}

function count(what: string, wanted: Count, found: number): string | undefined {
  const holds = typeof wanted === 'number' ? found === wanted : found >= wanted.atLeast
  if (holds) return undefined
  return `${found} ${what}, expected ${typeof wanted === 'number' ? wanted : `at least ${wanted.atLeast}`}`
}

function within(what: string, min: number, max: number, found: number): string | undefined {
  return found >= min && found <= max ? undefined : `${found} ${what}, expected ${min} to ${max}`
}

function counts(
  what: string,
  wanted: Readonly<Record<string, number>>,
  found: Readonly<Record<string, number>>
): string | undefined {
  const [left, right] = [wanted, found].map((values) =>
    JSON.stringify(Object.entries(values).toSorted(([a], [b]) => a.localeCompare(b)))
  )
  return left === right ? undefined : `${what}: ${right}, expected ${left}`
}

function texts(
  what: string,
  wanted: RegExp,
  found: readonly string[],
  how: 'every' | 'some'
): string | undefined {
  const holds = found.length > 0 && found[how]((text) => wanted.test(text))
  return holds ? undefined : `${what}: ${found.join('; ') || 'none'}, expected ${wanted.source}`
}
