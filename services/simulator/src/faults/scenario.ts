import { TapedeckError } from '@tapedeck/core'
import { faultProblems, shown, type Fault } from './fault.ts'

/**
 * What a step waits for, once the step before it is done. Exactly one of these.
 * `frames`: so many frames of the source went out. `ms`: time. `connection`: the k-th connection of
 * the scenario is there. `subscribed`: the newest connection has so many symbols. `signal`: its name
 * came through the control endpoint.
 */
export interface Trigger {
  readonly frames?: number
  readonly ms?: number
  readonly connection?: number
  readonly subscribed?: number
  readonly signal?: string
}

/** A fault, and when; without `when` at once. */
export type Step = Fault & { readonly when?: Trigger }

/** Steps that are done in order, each when its turn has come and its trigger holds. */
export interface Scenario {
  readonly name: string
  /** One sentence: what goes wrong. */
  readonly about: string
  readonly steps: readonly Step[]
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

/** Every mistake, each a sentence; empty for a good one. */
export function scenarioProblems(value: unknown): string[] {
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
