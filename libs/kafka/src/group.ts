import { messageOf, withTimeout } from '@tapedeck/core'
import type { Consumer } from 'kafkajs'
import { createClient, type ClientLog } from './client.ts'
import { clusterOf } from './cluster.ts'
import type { KafkaConfig } from './config.ts'

const EVICT_LIMIT_MS = 5000
const FORGET_LIMIT_MS = 3500
const LEAVE_LIMIT_MS = 3500

/**
 * Ends a consumer: it leaves its group and disconnects.
 *
 * kafkajs does not know of a start that is under way, which may be one after a crash: it disconnects, and when the
 * group was joined it connects again and reads on. Such a start is ended at its first fetch.
 * @throws TIMED_OUT when a broker does not answer within 3.5 s
 */
export function leaveGroup(consumer: Consumer): Promise<void> {
  consumer.on(consumer.events.FETCH_START, () => consumer.disconnect())
  return withTimeout(consumer.disconnect(), LEAVE_LIMIT_MS, 'Leaving the group')
}

/**
 * Removes members from a group, so that it does not wait for their sessions to end. Only for members
 * whose process is known to be dead. Returns how many left; a member that the group no longer knows
 * does not count.
 *
 * kafkajs offers no such call, so this uses its internal cluster object.
 */
export async function evictMembers(
  config: KafkaConfig,
  groupId: string,
  memberIds: readonly string[],
  log?: ClientLog
): Promise<number> {
  if (memberIds.length === 0) return 0
  const cluster = clusterOf(createClient(config, 'tapedeck-evict', log))
  let gone = 0
  try {
    await withTimeout(cluster.connect(), EVICT_LIMIT_MS, 'Connecting')
    const coordinator = await withTimeout(
      cluster.findGroupCoordinator({ groupId }),
      EVICT_LIMIT_MS,
      'Finding the coordinator'
    )
    for (const memberId of memberIds) {
      const leaving = coordinator.leaveGroup({ groupId, memberId })
      gone += await withTimeout(leaving, EVICT_LIMIT_MS, 'Leaving').then(
        () => 1,
        (error: unknown) => {
          log?.('debug', 'member not evicted', { memberId, error: messageOf(error) })
          return 0
        }
      )
    }
    return gone
  } finally {
    await withTimeout(cluster.disconnect(), EVICT_LIMIT_MS, 'Disconnecting').catch(() => undefined)
  }
}

/**
 * Removes a group that served a single read. Never rejects: nothing depends on it, and a group that
 * cannot be removed expires by itself.
 */
export async function forgetGroup(config: KafkaConfig, groupId: string): Promise<void> {
  const admin = createClient(config, 'tapedeck-forget', undefined, 0).admin()
  const forget = async (): Promise<void> => {
    await admin.connect()
    await admin.deleteGroups([groupId])
  }
  try {
    await withTimeout(forget(), FORGET_LIMIT_MS, 'Forgetting the group')
  } catch {
    // See above.
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}
