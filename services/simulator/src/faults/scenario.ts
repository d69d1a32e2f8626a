import { readFile } from 'node:fs/promises'
import { messageOf, TapedeckError } from '@tapedeck/core'
import { CONTENT_NAMES } from './content.ts'
import { faultProblems, shown, type Fault } from './fault.ts'

/**
 * What a step waits for once the step before it is done; exactly one of these.
 * `frames`: this many frames of the source were sent. `ms`: this much time passed. `connection`: the
 * k-th connection of the scenario is open. `subscribed`: the newest connection has this many symbols.
 * `signal`: the control endpoint received this name.
 */
export interface Trigger {
  readonly frames?: number
  readonly ms?: number
  readonly connection?: number
  readonly subscribed?: number
  readonly signal?: string
}

/** A fault and its trigger; without `when` it is performed at once. */
type ScenarioStep = Fault & { readonly when?: Trigger }

/** Steps performed in order, each once its trigger holds. */
export interface Scenario {
  readonly name: string
  /** The fault in one sentence. */
  readonly about: string
  readonly steps: readonly ScenarioStep[]
}

const MAX_STEPS = 10_000
const MAX_WAIT_MS = 86_400_000

const TRIGGERS: Readonly<Record<keyof Trigger, (value: unknown) => string | undefined>> = {
  frames: (value) => numberProblem(value, 1, Number.MAX_SAFE_INTEGER),
  ms: (value) => numberProblem(value, 0, MAX_WAIT_MS),
  connection: (value) => numberProblem(value, 1, 1_000_000),
  subscribed: (value) => numberProblem(value, 0, 10_000),
  signal: (value) =>
    typeof value === 'string' && value !== '' ? undefined : 'expected the name of a signal'
}

/**
 * A scenario from parsed JSON: `{"name":…,"about":…,"steps":[{"when":{"frames":20},"do":"close"}]}`.
 * @throws CONFIG_INVALID that names every mistake with its step.
 */
export function scenarioOf(value: unknown, origin: string): Scenario {
  const problems = scenarioProblems(value)
  if (problems.length > 0) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot play scenario '${origin}': ${problems.join('\n  ')}`
    )
  }
  const { name = origin, about = '', steps } = value as Partial<Scenario>
  return { name, about, steps: steps ?? [] }
}

/** Every mistake, one sentence each; empty for a valid scenario. */
function scenarioProblems(value: unknown): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [`found ${shown(value)}, expected an object with a list of steps`]
  }
  const { name, about, steps, ...rest } = value as Readonly<Record<string, unknown>>
  const problems = Object.keys(rest).map(
    (field) => `'${field}' is no field of a scenario, expected name, about, steps`
  )
  for (const [field, found] of Object.entries({ name, about })) {
    if (found !== undefined && typeof found !== 'string') {
      problems.push(`${field} is ${shown(found)}, expected a text`)
    }
  }
  if (!Array.isArray(steps) || steps.length === 0 || steps.length > MAX_STEPS) {
    problems.push(`steps is ${shown(steps)}, expected a list of 1 to ${MAX_STEPS} steps`)
    return problems
  }
  steps.forEach((step: unknown, index) => {
    const found = [...faultProblems(step, ['when']), ...triggerProblems(step)]
    problems.push(...found.map((problem) => `step ${index + 1}: ${problem}`))
  })
  return problems
}

function triggerProblems(step: unknown): string[] {
  const when = (step as { when?: unknown } | null)?.when
  if (when === undefined) return []
  const expected = `expected one of ${Object.keys(TRIGGERS).join(', ')}`
  if (typeof when !== 'object' || when === null || Array.isArray(when)) {
    return [`when is ${shown(when)}, ${expected}`]
  }
  const entries = Object.entries(when)
  if (entries.length !== 1) return [`when has ${entries.length} fields, ${expected}`]
  return entries.flatMap(([name, value]) => {
    if (!(name in TRIGGERS)) return [`'${name}' is no trigger, ${expected}`]
    const problem = TRIGGERS[name as keyof Trigger](value)
    return problem === undefined ? [] : [`when.${name} is ${shown(value)}, ${problem}`]
  })
}

function numberProblem(value: unknown, min: number, max: number): string | undefined {
  const fits = Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max
  return fits ? undefined : `expected a whole number from ${min} to ${max}`
}

const scenario = (name: string, about: string, ...steps: readonly ScenarioStep[]): Scenario => ({
  name,
  about,
  steps
})

/** Ten good frames come first, so that the state before the fault can be seen. */
const AFTER = { when: { frames: 10 } } as const
/** At the first connection and at a later one. */
const refusals = (status: number, times: number): readonly ScenarioStep[] => [
  { do: 'refuse', status, times },
  { ...AFTER, do: 'refuse', status, times },
  { do: 'cut' }
]

const CONNECTION_FAULTS: readonly Scenario[] = [
  scenario(
    'refused-401',
    'the key is refused after it was good',
    { ...AFTER, do: 'refuse', status: 401 },
    { do: 'cut' }
  ),
  scenario('busy-429', 'the server still has an old session, twice', ...refusals(429, 1)),
  scenario(
    'answer-200',
    'a proxy answers 200 instead of a WebSocket, three times',
    ...refusals(200, 3)
  ),
  scenario('answer-524', 'the origin times out behind its proxy, three times', ...refusals(524, 3)),
  scenario('one-key-two-clients', 'a second connection on one key ends both', {
    do: 'key',
    rule: 'kill'
  }),
  scenario('key-held', 'a second connection on one key gets 429 while the first is open', {
    do: 'key',
    rule: 'refuse'
  }),
  scenario('close-1000', 'the server closes the connection in good order', {
    ...AFTER,
    do: 'close',
    code: 1000,
    reason: 'bye'
  }),
  scenario('close-1001', 'the server goes away for a deployment', {
    ...AFTER,
    do: 'close',
    code: 1001
  }),
  scenario('close-1006', 'the connection is cut without a closing handshake', {
    ...AFTER,
    do: 'cut'
  }),
  scenario(
    'close-after-2s',
    'the server closes the connection two seconds after it opened',
    { when: { connection: 1 }, do: 'wait' },
    { when: { ms: 2000 }, do: 'close', code: 1011 }
  ),
  scenario(
    'close-at-once',
    'the connection is cut, and the next three are cut as soon as they are open',
    { ...AFTER, do: 'cut' },
    { when: { connection: 2 }, do: 'cut' },
    { when: { connection: 3 }, do: 'cut' },
    { when: { connection: 4 }, do: 'cut' }
  ),
  scenario('pings-only', 'trades stop, pings continue', { ...AFTER, do: 'mute', pings: true }),
  scenario('silence', 'nothing is sent any more, but the connection stays up', {
    ...AFTER,
    do: 'mute',
    pings: false
  }),
  scenario('half-open', 'the server neither reads nor answers, but the connection stays up', {
    ...AFTER,
    do: 'freeze'
  }),
  scenario(
    'half-open-key-held',
    'like half-open, and the dead session still holds the key',
    { do: 'key', rule: 'refuse' },
    { ...AFTER, do: 'freeze' },
    { when: { ms: 3000 }, do: 'key', rule: 'share' }
  ),
  scenario('too-many-symbols', 'only two symbols are allowed', { do: 'limit', symbols: 2 }),
  scenario(
    'thrice',
    'twenty frames come three times each',
    { ...AFTER, do: 'repeat', times: 3, frames: 20 },
    { when: { frames: 20 }, do: 'wait' }
  )
]

/** One for each fault of the connection and one for each content. */
export const BUILT_IN: readonly Scenario[] = [
  ...CONNECTION_FAULTS,
  ...CONTENT_NAMES.map((content) =>
    scenario(content, `a frame: ${content.replaceAll('-', ' ')}`, {
      ...AFTER,
      do: 'content',
      content
    })
  )
]

/**
 * A scenario by its built-in name or from a JSON file.
 * @throws CONFIG_INVALID when neither exists, or with every mistake in the file.
 */
export async function readScenario(nameOrPath: string): Promise<Scenario> {
  const known = BUILT_IN.find(({ name }) => name === nameOrPath)
  if (known !== undefined) return known
  let value: unknown
  try {
    value = JSON.parse(await readFile(nameOrPath, 'utf8'))
  } catch (cause) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot start: SIMULATOR_SCENARIO is '${nameOrPath}' (${messageOf(cause)}), expected a JSON ` +
        `file or one of ${BUILT_IN.map(({ name }) => name).join(', ')}`,
      { cause }
    )
  }
  return scenarioOf(value, nameOrPath)
}
