import { messageOf, TapedeckError, withTimeout } from '@tapedeck/core'
import { createClient, type ClientLog } from './client.ts'
import type { KafkaConfig } from './config.ts'

/** As much of kafkajs's own cluster object as speaks to a group's coordinator. */
interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  findGroupCoordinator(group: { groupId: string }): Promise<{
    leaveGroup(member: { groupId: string; memberId: string }): Promise<unknown>
  }>
}

const LIMIT_MS = 5000

/**
 * Tells the group that members are gone, so that it need not wait for their sessions to end. Only for
 * members whose process is known to be dead. Answers how many left; one that the group has forgotten
 * already counts as none.
 *
 * kafkajs offers no such call, so its own cluster object is asked; the version is pinned, and
 * test/integration/kafka/evict-members.test.ts guards it.
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
    await withTimeout(cluster.connect(), LIMIT_MS, 'Connecting')
    const coordinator = await withTimeout(
      cluster.findGroupCoordinator({ groupId }),
      LIMIT_MS,
      'Finding the coordinator'
    )
    for (const memberId of memberIds) {
      const leaving = coordinator.leaveGroup({ groupId, memberId })
      gone += await withTimeout(leaving, LIMIT_MS, 'Leaving').then(
        () => 1,
        (error: unknown) => {
          log?.('debug', 'member not evicted', { memberId, error: messageOf(error) })
          return 0
        }
      )
    }
    return gone
  } finally {
    await withTimeout(cluster.disconnect(), LIMIT_MS, 'Disconnecting').catch(() => undefined)
  }
}

function clusterOf(client: object): Cluster {
  const symbol = Object.getOwnPropertySymbols(client).find(
    ({ description }) => description === 'private:Kafka:createCluster'
  )
  const create =
    symbol === undefined
      ? undefined
      : (client as Record<symbol, ((options: object) => Cluster) | undefined>)[symbol]
  if (create === undefined) {
    throw new TapedeckError('STATE_CORRUPT', 'This kafkajs has no createCluster, expected 2.2.4')
  }
  return create({ metadataMaxAge: 300_000, allowAutoTopicCreation: false })
}
