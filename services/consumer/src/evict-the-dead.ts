import { isSame } from '@tapedeck/core'
import { evictMembers } from '@tapedeck/kafka'
import { partitionOwners, type Database } from '@tapedeck/mongo'
import type { Logger } from '@tapedeck/service'
import type { ConsumerConfig } from './config.ts'

/**
 * Takes members of the group out of it whose process on this machine is dead, so that a consumer that
 * was killed and started again need not wait for its former session to end. Failing is no harm: then
 * the group waits.
 */
export async function evictTheDead(
  { kafka, groupId }: ConsumerConfig,
  database: Database,
  host: string,
  log: Logger
): Promise<void> {
  const dead = new Set<string>()
  for (const owner of await partitionOwners(database, kafka.topic)) {
    if (owner?.host !== host || owner.memberId === '') continue
    if (!(await isSame(owner))) dead.add(owner.memberId)
  }
  try {
    const gone = await evictMembers(kafka, groupId, [...dead])
    if (gone > 0) log.info({ members: gone }, 'members whose process is dead left the group')
  } catch (error) {
    log.warn({ err: error }, 'the group waits for dead members')
  }
}
