import { didYouMean, printable } from '@tapedeck/core'

/** One task of a job. Times are in ms. */
export interface TaskSpec {
  /** Unique in the job; see `BATCH_NAME`. */
  readonly name: string
  /** Upstream tasks, with or without data. */
  readonly after: readonly string[]
  /** Tries after the first; 0: none. */
  readonly retries: number
  readonly retryDelayMs: number
  /** Exponential: the delay doubles with each try, up to one hour. */
  readonly backoff: 'fixed' | 'exponential'
  /** Of one attempt. */
  readonly timeoutMs: number
}

/** A named thing to run: a flow of tasks in TypeScript, or a sequence, which is a chain. */
export interface JobSpec {
  readonly name: string
  readonly kind: 'flow' | 'sequence'
  readonly tasks: readonly TaskSpec[]
}

/**
 * `waiting` for upstream tasks, `ready` to be claimed by a worker, `running`; the others are ends. `skipped`: an
 * upstream task did not succeed.
 */
export type TaskState =
  'waiting' | 'ready' | 'running' | 'succeeded' | 'failed' | 'skipped' | 'cancelled'

export type RunState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'

/** The state of each task by name; a task without one is `waiting`. */
export type TaskStates = ReadonlyMap<string, TaskState>

/** The name of a job, a task, a module or a schedule. */
export const BATCH_NAME = /^[a-z0-9][a-z0-9_-]{0,99}$/
export const BATCH_NAME_RULE =
  'a name of 1 to 100 letters a to z, digits, _ and -, with a letter or digit first'

/** A run's document holds the specs of its tasks. */
const MAX_TASKS = 1000
const MAX_RETRIES = 1000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const ENDS: readonly TaskState[] = ['succeeded', 'failed', 'skipped', 'cancelled']

/** Every mistake of a job: names, numbers, upstream tasks that do not exist, cycles. Empty when it is good. */
export function checkGraph(job: JobSpec): string[] {
  const mistakes: string[] = []
  if (!BATCH_NAME.test(job.name)) {
    mistakes.push(`job ${quoted(job.name)} found, expected ${BATCH_NAME_RULE}`)
  }
  if (job.tasks.length === 0 || job.tasks.length > MAX_TASKS) {
    mistakes.push(`${job.tasks.length} tasks found, expected 1 to ${MAX_TASKS}`)
  }
  const names = job.tasks.map(({ name }) => name)
  for (const name of new Set(names.filter((one, at) => names.indexOf(one) !== at))) {
    mistakes.push(`task ${quoted(name)} found twice, expected names that differ`)
  }
  for (const task of job.tasks) mistakes.push(...taskMistakes(task, names))
  for (const cycle of cyclesOf(job)) {
    mistakes.push(`tasks wait for one another: ${cycle.map(printable).join(' -> ')}`)
  }
  if (job.kind === 'sequence' && mistakes.length === 0) mistakes.push(...chainMistakes(job))
  return mistakes
}

function taskMistakes(task: TaskSpec, names: readonly string[]): string[] {
  const mistakes: string[] = []
  const of = `task ${quoted(task.name)}:`
  if (!BATCH_NAME.test(task.name)) mistakes.push(`${of} expected ${BATCH_NAME_RULE}`)
  for (const upstream of new Set(task.after)) {
    if (names.includes(upstream)) continue
    mistakes.push(
      `${of} after ${quoted(upstream)} found, expected a task of the job${didYouMean(upstream, names)}`
    )
  }
  if (new Set(task.after).size < task.after.length) {
    mistakes.push(`${of} after ${task.after.map(quoted).join(', ')} found, expected each once`)
  }
  const number = (field: 'retries' | 'retryDelayMs' | 'timeoutMs', min: number, max: number) => {
    const value = task[field]
    if (Number.isSafeInteger(value) && value >= min && value <= max) return
    mistakes.push(`${of} ${field} ${value} found, expected a whole number from ${min} to ${max}`)
  }
  number('retries', 0, MAX_RETRIES)
  number('retryDelayMs', 0, DAY_MS)
  number('timeoutMs', 1, 7 * DAY_MS)
  if (!['fixed', 'exponential'].includes(task.backoff)) {
    mistakes.push(`${of} backoff ${quoted(task.backoff)} found, expected fixed or exponential`)
  }
  return mistakes
}

/** What makes a sequence something else than a chain in the order of its tasks. */
function chainMistakes({ tasks }: JobSpec): string[] {
  return tasks.flatMap(({ name, after }, at) => {
    const expected = at === 0 ? [] : [tasks[at - 1]?.name ?? '']
    return after.join() === expected.join()
      ? []
      : [
          `task ${quoted(name)}: after ${listed(after)} found, expected ${listed(expected)} in a sequence`
        ]
  })
}

/** Each cycle once, its first task repeated at the end. */
function cyclesOf(job: JobSpec): string[][] {
  const cycles: string[][] = []
  const tasks = new Map(job.tasks.map((task) => [task.name, task]))
  for (;;) {
    const left = new Set(tasks.keys())
    for (const name of inOrder([...tasks.values()])) left.delete(name)
    let name = [...left][0]
    if (name === undefined) return cycles
    const path: string[] = []
    // What is left waits for something that is left, so the way upstream comes back to itself.
    while (name !== undefined && !path.includes(name)) {
      path.unshift(name)
      name = tasks.get(name)?.after.find((upstream) => left.has(upstream))
    }
    const cycle = path.slice(0, path.indexOf(name ?? '') + 1)
    for (const one of cycle) tasks.delete(one)
    cycles.push([...cycle.slice(-1), ...cycle])
  }
}

/** Names with upstream tasks first, else in the order given, without those in or behind a cycle. */
function inOrder(tasks: readonly TaskSpec[]): string[] {
  const names = new Set(tasks.map(({ name }) => name))
  const missing = new Map<string, number>()
  const downstream = new Map<string, string[]>()
  for (const { name, after } of tasks) {
    const upstream = [...new Set(after)].filter((one) => names.has(one))
    missing.set(name, upstream.length)
    for (const one of upstream) downstream.set(one, [...(downstream.get(one) ?? []), name])
  }
  const order = [...names].filter((name) => missing.get(name) === 0)
  // The list grows while it is read.
  for (const name of order) {
    for (const next of downstream.get(name) ?? []) {
      const count = (missing.get(next) ?? 0) - 1
      missing.set(next, count)
      if (count === 0) order.push(next)
    }
  }
  return order
}

/** The tasks to make `ready`: those that wait, with every upstream task succeeded. In the order of the job. */
export function readyTasks(job: JobSpec, states: TaskStates): string[] {
  return job.tasks
    .filter(
      ({ name, after }) =>
        stateOf(states, name) === 'waiting' &&
        after.every((upstream) => states.get(upstream) === 'succeeded')
    )
    .map(({ name }) => name)
}

/**
 * The tasks to make `skipped`: those that wait for a task, directly or not, that failed, was skipped or was
 * cancelled. In the order of the job.
 */
export function tasksToSkip(job: JobSpec, states: TaskStates): string[] {
  const after = new Map(job.tasks.map((task) => [task.name, task.after]))
  const skipped = new Set<string>()
  for (const name of inOrder(job.tasks)) {
    const isBlocked = (after.get(name) ?? []).some(
      (upstream) =>
        skipped.has(upstream) ||
        ['failed', 'skipped', 'cancelled'].includes(stateOf(states, upstream))
    )
    if (isBlocked && stateOf(states, name) === 'waiting') skipped.add(name)
  }
  return job.tasks.map(({ name }) => name).filter((name) => skipped.has(name))
}

/**
 * `queued` until a task is running or has ended; `running` until each has ended or can no longer run. Then `cancelled` if a task was
 * cancelled, `succeeded` if every task succeeded, else `failed`.
 */
export function runStateOf(job: JobSpec, states: TaskStates): RunState {
  const skipped = new Set(tasksToSkip(job, states))
  const found = job.tasks.map(({ name }) => (skipped.has(name) ? 'skipped' : stateOf(states, name)))
  if (found.every((state) => ENDS.includes(state))) {
    if (found.includes('cancelled')) return 'cancelled'
    return found.every((state) => state === 'succeeded') ? 'succeeded' : 'failed'
  }
  return found.every((state) => state === 'waiting' || state === 'ready') ? 'queued' : 'running'
}

/** How long to wait, in ms, before the next try of a task of which `failures` attempts failed, at least 1. */
export function retryDelayOf(
  { retryDelayMs, backoff }: Pick<TaskSpec, 'retryDelayMs' | 'backoff'>,
  failures: number
): number {
  if (backoff === 'fixed') return retryDelayMs
  return Math.max(retryDelayMs, Math.min(HOUR_MS, retryDelayMs * 2 ** (failures - 1)))
}

function stateOf(states: TaskStates, name: string): TaskState {
  return states.get(name) ?? 'waiting'
}

function quoted(text: string): string {
  return `'${printable(text)}'`
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.map(quoted).join(', ')
}

/**
 * The graph as text, one line a task, with its state if `states` is given. `↓` goes on from the line above; `├─` and
 * `└─` are branches. A task with several upstream tasks stands below the last one and names the others.
 * @param job one that `checkGraph` finds good
 */
export function drawGraph(job: JobSpec, states?: TaskStates): string {
  const order = inOrder(job.tasks)
  const after = new Map(job.tasks.map((task) => [task.name, task.after]))
  const below = new Map<string, string[]>()
  for (const name of order) {
    const upstream = (after.get(name) ?? []).toSorted((a, b) => order.indexOf(a) - order.indexOf(b))
    const last = upstream.at(-1) ?? ''
    below.set(last, [...(below.get(last) ?? []), name])
  }
  const rows: { readonly name: string; readonly text: string; readonly others: string[] }[] = []
  // A stack, since a sequence may be longer than the call stack is deep.
  const rootsFirst = (below.get('') ?? []).toReversed()
  const open = rootsFirst.map((name) => ({ name, parent: '', mark: '', indent: '' }))
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { name, parent, mark, indent } = next
    const others = (after.get(name) ?? []).filter((one) => one !== parent)
    rows.push({ name, text: `${indent}${mark}${name}`, others })
    const inside = indent + (mark === '├─ ' ? '│  ' : mark === '└─ ' ? '   ' : '')
    const children = below.get(name) ?? []
    const marked = children.map((child, at) => ({
      name: child,
      parent: name,
      mark: children.length === 1 ? '↓ ' : at === children.length - 1 ? '└─ ' : '├─ ',
      indent: inside
    }))
    open.push(...marked.toReversed())
  }
  const width = Math.max(...rows.map(({ text }) => text.length))
  return rows
    .map(({ name, text, others }) => {
      const state = states === undefined ? '' : `  ${stateOf(states, name).padEnd(9)}`
      const also = others.length === 0 ? '' : `  also after ${others.join(', ')}`
      return `${text.padEnd(width)}${state}${also}`.trimEnd() + '\n'
    })
    .join('')
}
