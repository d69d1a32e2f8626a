import { commandLine, runCommand, table } from '@tapedeck/core'
import { findRuns, type RunDocument } from '@tapedeck/mongo'
import { readConfig } from '../config.ts'
import { DATABASE_SETTINGS, withDatabase } from '../database.ts'
import type { SubCommand } from '../sub-command.ts'

const STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const
const SHOWN = 20
const MOST_SHOWN = 1000

const line = commandLine({
  name: 'batch',
  purpose: 'Lists runs, the newest first.',
  forms: ['-- runs [--job NAME] [--state STATE] [--limit N]'],
  options: {
    job: ['text', 'NAME', 'runs of this job'],
    state: ['text', 'STATE', `runs in this state: ${STATES.join(', ')}`],
    limit: ['text', 'N', `at most N runs (${SHOWN})`]
  },
  settings: DATABASE_SETTINGS,
  exits: ['done', 'the database went away', 'wrong arguments, or no database'],
  example: '-- runs --state failed',
  read: (given) => {
    const state = given.choice('state', STATES)
    return {
      job: given.text('job'),
      states: state === undefined ? undefined : [state],
      limit: given.whole('limit', 1, MOST_SHOWN) ?? SHOWN
    }
  }
})

/** `npm run batch -- runs`. */
export const runs: SubCommand = {
  about: 'list runs, the newest first',
  run: (env) =>
    runCommand({
      ...line,
      async run(query, { write }) {
        const found = await withDatabase(readConfig(env), (database) => findRuns(database, query))
        write(
          found.length === 0
            ? 'no runs\n'
            : table([['run', 'state', 'cause', 'seconds', 'error'], ...found.map(rowOf)])
        )
        return 0
      }
    })
}

function rowOf({ _id, state, cause, startedAt, endedAt, error }: RunDocument): string[] {
  const isOver = startedAt !== null && endedAt !== null
  const seconds = isOver ? ((endedAt.getTime() - startedAt.getTime()) / 1000).toFixed(1) : ''
  return [_id, state, cause, seconds, error ?? '']
}
