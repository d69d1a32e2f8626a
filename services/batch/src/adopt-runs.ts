import { findActiveRuns, holdLease, removeLease, shareRun, type Database } from '@tapedeck/mongo'
import { sharedQueueOf } from './new-run.ts'

/** The lease of the process that runs a run by itself. */
export function leaseOfRun(run: string): string {
  return `run/${run}`
}

/**
 * Gives the runs whose process is gone to the workers.
 * @returns their ids
 * @throws DATABASE_UNREACHABLE
 */
export async function adoptRuns(database: Database): Promise<string[]> {
  const locals = (await findActiveRuns(database)).filter(({ isLocal }) => isLocal)
  const adopted: string[] = []
  for (const run of locals) {
    const { isMine } = await holdLease(database, leaseOfRun(run._id), 'beat', ADOPTION_MS)
    if (!isMine) continue
    await shareRun(database, run._id, sharedQueueOf(run))
    await removeLease(database, leaseOfRun(run._id), 'beat')
    adopted.push(run._id)
  }
  return adopted
}

/** Two beats that adopt at the same time do the same. */
const ADOPTION_MS = 1000
