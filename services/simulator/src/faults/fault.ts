import { KEY_RULES, type KeyRule } from '../feed/server.ts'
import { CONTENT_NAMES, type ContentName } from './content.ts'

/** A fault, or its end. A fault of connections applies to all that are open. */
export type Fault =
  /** Handshakes are answered with this status, `times` of them or until `accept`. */
  | { readonly do: 'refuse'; readonly status: number; readonly times?: number }
  | { readonly do: 'accept' }
  /** How a second connection with the token of an open one is handled. */
  | { readonly do: 'key'; readonly rule: KeyRule }
  /** How many symbols a connection may have from now on. */
  | { readonly do: 'limit'; readonly symbols: number }
  | { readonly do: 'close'; readonly code?: number; readonly reason?: string }
  /** Ends the connection without a closing handshake. */
  | { readonly do: 'cut' }
  /** Sends no trades; without `pings` no JSON pings and no answers either. Protocol pings are answered. */
  | { readonly do: 'mute'; readonly pings?: boolean }
  | { readonly do: 'unmute' }
  /** Half open: nothing is read, answered or sent, and the connection stays up. */
  | { readonly do: 'freeze' }
  | { readonly do: 'thaw' }
  /** A text of your own; `$now`, `$now-40m` and `$symbol` are filled in. */
  | { readonly do: 'send'; readonly text: string; readonly times?: number }
  /** A text with a mistake, by name. */
  | { readonly do: 'content'; readonly content: ContentName; readonly times?: number }
  /** Sends each of the next `frames` frames of the source this many times. */
  | { readonly do: 'repeat'; readonly times: number; readonly frames: number }
  /** Does nothing: a step that only waits. */
  | { readonly do: 'wait' }

export type FaultKind = Fault['do']

interface Field {
  readonly isRequired: boolean
  readonly expected: string
  fits(value: unknown): boolean
}

const whole = (min: number, max: number, isRequired = false): Field => ({
  isRequired,
  expected: `a whole number from ${min} to ${max}`,
  fits: (value) => Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max
})

const text = (most: number, isRequired = false): Field => ({
  isRequired,
  expected: `a text of at most ${most} characters`,
  fits: (value) => typeof value === 'string' && value.length <= most
})

const oneOf = (names: readonly string[]): Field => ({
  isRequired: true,
  expected: `one of ${names.join(', ')}`,
  fits: (value) => typeof value === 'string' && names.includes(value)
})

const yesOrNo: Field = {
  isRequired: false,
  expected: 'true or false',
  fits: (value) => typeof value === 'boolean'
}

/** Codes that an endpoint may send by RFC 6455 and its registry. */
const closeCode: Field = {
  isRequired: false,
  expected: '1000 to 1003, 1007 to 1014 or 3000 to 4999',
  fits: (value) =>
    [1000, 1001, 1002, 1003].includes(Number(value)) ||
    whole(1007, 1014).fits(value) ||
    whole(3000, 4999).fits(value)
}

const TIMES = whole(1, 1_000_000)

const FIELDS: Readonly<Record<FaultKind, Readonly<Record<string, Field>>>> = {
  refuse: { status: whole(200, 599, true), times: TIMES },
  accept: {},
  key: { rule: oneOf(KEY_RULES) },
  limit: { symbols: whole(0, 10_000, true) },
  close: { code: closeCode, reason: text(100) },
  cut: {},
  mute: { pings: yesOrNo },
  unmute: {},
  freeze: {},
  thaw: {},
  send: { text: text(1_000_000, true), times: TIMES },
  content: { content: oneOf(CONTENT_NAMES), times: TIMES },
  repeat: { times: whole(1, 100, true), frames: whole(1, 1_000_000, true) },
  wait: {}
}

export const FAULT_KINDS = Object.keys(FIELDS) as readonly FaultKind[]

/**
 * Every reason why a parsed JSON value is no Fault, each a sentence; empty when it is one.
 * @param others fields allowed besides those of the fault
 */
export function faultProblems(value: unknown, others: readonly string[] = []): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [`found ${shown(value)}, expected an object such as {"do":"close","code":1001}`]
  }
  const found = value as Readonly<Record<string, unknown>>
  const kind = FAULT_KINDS.find((name) => name === found['do'])
  if (kind === undefined) {
    return [`do is ${shown(found['do'])}, expected one of ${FAULT_KINDS.join(', ')}`]
  }
  const fields = FIELDS[kind]
  const problems = Object.keys(found)
    .filter((name) => name !== 'do' && !(name in fields) && !others.includes(name))
    .map((name) => `'${name}' is no field of ${kind}${expectedFields(fields)}`)
  for (const [name, field] of Object.entries(fields)) {
    if (found[name] === undefined ? field.isRequired : !field.fits(found[name])) {
      problems.push(`${name} is ${shown(found[name])}, expected ${field.expected}`)
    }
  }
  return problems
}

/** A value as a message shows it. */
export function shown(value: unknown): string {
  if (value === undefined) return 'not there'
  const json = JSON.stringify(value)
  return json.length > 60 ? `${json.slice(0, 60)}...` : json
}

function expectedFields(fields: Readonly<Record<string, Field>>): string {
  const names = Object.keys(fields)
  return names.length === 0 ? ', which has none' : `, expected ${names.join(', ')}`
}
