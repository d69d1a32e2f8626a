import { hasCode, table, type Terminal } from '@tapedeck/core'
import {
  ACTIVE_RUN_STATES,
  findRun,
  findTaskRuns,
  type Database,
  type RunDocument,
  type TaskRunDocument
} from '@tapedeck/mongo'

/** How often the terminal is brought up to date, ms. */
const LOOK_EVERY_MS = 300

/**
 * Prints what changes in a run until it is over, then its tasks, and the tail of what failed. It waits for a database
 * that is away.
 * @returns the run as it ended; undefined when there is none
 */
export async function followRun(
  database: Database,
  id: string,
  terminal: Terminal,
  delay: (ms: number) => Promise<void>
): Promise<RunDocument | undefined> {
  const seen = new Map<string, string>()
  for (;;) {
    const found = await look(database, id).catch((error: unknown) => {
      if (!hasCode(error, 'DATABASE_UNREACHABLE')) throw error
      // The worker waits as well.
      terminal.progress(error.message)
    })
    if (found === undefined) {
      await delay(LOOK_EVERY_MS)
      continue
    }
    const { run, tasks } = found
    for (const task of tasks) {
      const standing = `${task.state} ${task.attempt} ${task.failures} ${task.losses}`
      const isNews = task.state !== 'waiting' && seen.get(task.task) !== standing
      seen.set(task.task, standing)
      if (isNews) terminal.note(lineOf(task))
    }
    if (run === undefined || !ACTIVE_RUN_STATES.includes(run.state)) {
      if (run !== undefined) terminal.write(runText(run, tasks))
      return run
    }
    await delay(LOOK_EVERY_MS)
  }
}

async function look(
  database: Database,
  id: string
): Promise<{ readonly run: RunDocument | undefined; readonly tasks: readonly Task[] }> {
  return { run: await findRun(database, id), tasks: await findTaskRuns(database, [id]) }
}

type Task = Omit<TaskRunDocument, 'output'>

function lineOf({ task, state, attempt, error, notBefore, endedAt, startedAt }: Task): string {
  const time = (endedAt ?? startedAt ?? notBefore ?? new Date()).toISOString().slice(11, 19)
  const tried = attempt > 1 ? `, attempt ${attempt}` : ''
  const isRetried = state === 'ready' && error !== null
  const until = isRetried && notBefore !== null ? `, again at ${timeOf(notBefore)}` : ''
  const why = (state === 'failed' || isRetried) && error !== null ? `: ${error}` : ''
  return `${time}  ${task}  ${isRetried ? 'failed' : state}${tried}${why}${until}`
}

const timeOf = (date: Date): string => date.toISOString().slice(11, 19)

/** A run with its tasks in a table, and the end of the output of those that failed. */
export function runText(run: RunDocument, tasks: readonly Task[]): string {
  const rows = tasks.map((task) => [
    task.task,
    task.state,
    task.attempt,
    lengthOf(task),
    task.exitCode ?? '',
    task.error ?? ''
  ])
  const tails = tasks
    .filter(({ state, tail }) => state === 'failed' && tail !== '')
    .map(({ task, tail }) => `\n${task} printed at the end:\n${tail.trimEnd()}\n`)
  const parameters = Object.entries(run.parameters).map(([name, value]) => `${name}=${value}`)
  const why = run.error === null ? '' : `: ${run.error}`
  return (
    `\n${run._id}  ${run.state}${why}\n${parameters.join(' ')}\n\n` +
    table([['task', 'state', 'attempts', 'seconds', 'exit', 'error'], ...rows]) +
    tails.join('')
  )
}

function lengthOf({ startedAt, endedAt }: Task): string {
  if (startedAt === null || endedAt === null || endedAt < startedAt) return ''
  return ((endedAt.getTime() - startedAt.getTime()) / 1000).toFixed(1)
}
