import { commandLine, runCommand, TapedeckError } from '@tapedeck/core'
import { drawGraph, type TaskState } from '@tapedeck/domain'
import { findRun, findRuns, findTaskRuns, type Database, type RunDocument } from '@tapedeck/mongo'
import { readConfig } from '../config.ts'
import { runText } from '../follow-run.ts'
import { DATABASE_SETTINGS, withDatabase } from '../database.ts'
import type { SubCommand } from '../sub-command.ts'

const line = commandLine({
  name: 'batch',
  purpose:
    'Shows a run: its graph, its tasks with their attempts, and the end of what failed tasks printed.',
  forms: ['-- show RUN'],
  options: {
    tails: ['flag', 'what every task printed at the end']
  },
  settings: DATABASE_SETTINGS,
  notes: 'RUN is the id of a run, or the name of a job for its newest run.',
  exits: ['done', 'the database went away', 'wrong arguments, no such run, or no database'],
  example: '-- show nightly',
  takesOperands: true,
  read(given) {
    const [id = '', ...rest] = given.operands
    if (id === '' || rest.length > 0)
      given.mistake(`${given.operands.length} runs found, expected one`)
    return { id, isWithTails: given.flag('tails') }
  }
})

/** `npm run batch -- show RUN`. */
export const show: SubCommand = {
  about: 'show a run: graph, tasks, attempts and output',
  run: (env) =>
    runCommand({
      ...line,
      run: ({ id, isWithTails }, { write }) =>
        withDatabase(readConfig(env), async (database): Promise<0> => {
          const run = await foundRun(database, id)
          const tasks = await findTaskRuns(database, [run._id])
          const states = new Map<string, TaskState>(tasks.map(({ task, state }) => [task, state]))
          write(drawGraph({ name: run.job, kind: run.kind, tasks: run.tasks }, states))
          write(runText(run, tasks))
          for (const { task, attempts, tail } of tasks) {
            for (const { attempt, startedAt, error, owner } of attempts.filter(
              (one) => one.error !== null
            )) {
              write(
                `\n${task}, attempt ${attempt} at ${startedAt.toISOString()} by ${owner}: ${error}`
              )
            }
            if (isWithTails && tail !== '')
              write(`\n${task} printed at the end:\n${tail.trimEnd()}\n`)
          }
          write('\n')
          return 0
        })
    })
}

/**
 * The run that a user means: by its id, or the newest run of a job.
 * @throws REQUEST_INVALID when there is none; DATABASE_UNREACHABLE
 */
export async function foundRun(database: Database, named: string): Promise<RunDocument> {
  const run = await findRun(database, named)
  if (run !== undefined) return run
  const [newest] = await findRuns(database, { job: named, limit: 1 })
  if (newest !== undefined) return newest
  throw new TapedeckError(
    'REQUEST_INVALID',
    `Cannot find run ${named}, expected an id of npm run batch -- runs, or the name of a job that has run`
  )
}
