import { TapedeckError } from '@tapedeck/core'
import { findRun, findRuns, type Database, type RunDocument } from '@tapedeck/mongo'

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
