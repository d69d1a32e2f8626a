import { hasCode } from '@tapedeck/core'
import {
  createRun,
  findRunRequests,
  fulfilRunRequest,
  refuseRunRequest,
  type Database
} from '@tapedeck/mongo'
import type { Job } from './jobs.ts'
import { newRun } from './new-run.ts'

/** Requests that one look answers. */
const MOST = 100

/**
 * Makes the runs that were asked for over HTTP. Two beats that do so at the same time make the same one.
 * @param jobOf the job of a name; its errors are those of `findJob`
 * @returns how many were made
 * @throws DATABASE_UNREACHABLE
 */
export async function makeRequestedRuns(
  database: Database,
  jobOf: (name: string) => Promise<Job>
): Promise<number> {
  let made = 0
  for (const { _id, job, parameters, requestedAt, error } of await findRunRequests(
    database,
    MOST
  )) {
    if (error !== null) continue
    try {
      const run = newRun(await jobOf(job), { cause: 'http', parameters }, requestedAt.getTime())
      if (await createRun(database, { ...run, _id })) made += 1
      await fulfilRunRequest(database, _id)
    } catch (refusal) {
      if (!hasCode(refusal, 'CONFIG_INVALID') && !hasCode(refusal, 'REQUEST_INVALID')) throw refusal
      await refuseRunRequest(database, _id, refusal.message)
    }
  }
  return made
}
