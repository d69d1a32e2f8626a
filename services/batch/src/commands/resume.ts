import { commandLine, runCommand, stopSignal, TapedeckError } from '@tapedeck/core'
import { resumeRun } from '@tapedeck/mongo'
import { readConfig } from '../config.ts'
import { sharedQueueOf } from '../new-run.ts'
import { runLocally } from '../run-locally.ts'
import { foundRun } from './show.ts'
import { DATABASE_SETTINGS, withDatabase } from '../database.ts'
import type { SubCommand } from '../sub-command.ts'

const line = commandLine({
  name: 'batch',
  purpose: 'Resumes a run that failed or was cancelled. What has succeeded is not run again.',
  forms: ['-- resume RUN [--queue]'],
  options: {
    queue: ['flag', 'leave it to the workers, and do not wait for its end']
  },
  settings: DATABASE_SETTINGS,
  notes:
    'RUN is the id of a run, or the name of a job for its newest run. Modules run by the command lines of the first start.',
  exits: ['it succeeded, or was queued', 'it failed or was cancelled', 'it cannot be resumed'],
  example: '-- resume nightly',
  takesOperands: true,
  read(given) {
    const [id = '', ...rest] = given.operands
    if (id === '' || rest.length > 0)
      given.mistake(`${given.operands.length} runs found, expected one`)
    return { id, isQueued: given.flag('queue') }
  }
})

/** `npm run batch -- resume RUN`. */
export const resume: SubCommand = {
  about: 'resume a run that failed, from the failed task on',
  run: (env) =>
    runCommand({
      ...line,
      run({ id, isQueued }, terminal) {
        const config = readConfig(env)
        const stopped = stopSignal()
        return withDatabase(config, async (database) => {
          const run = await foundRun(database, id)
          const queue = isQueued ? sharedQueueOf(run) : run._id
          const make = async (): Promise<void> => {
            if (await resumeRun(database, run._id, { queue, isLocal: !isQueued })) return
            throw new TapedeckError(
              'REQUEST_INVALID',
              `Cannot resume ${run._id}: it is ${run.state}, expected one that failed or was cancelled`
            )
          }
          if (isQueued) {
            await make()
            terminal.write(`${run._id}\n`)
            return 0
          }
          terminal.note(run._id)
          return (await runLocally(database, run._id, make, config, terminal, stopped)) ? 0 : 1
        })
      }
    })
}
