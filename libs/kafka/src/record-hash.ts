import { createHash } from 'node:crypto'
import { messageOf, TapedeckError } from '@tapedeck/core'
import type { KafkaMessage } from 'kafkajs'
import { createClient, type ClientLog } from './client.ts'
import { clusterOf, type Cluster } from './cluster.ts'
import type { KafkaConfig } from './config.ts'
import { openInquiry } from './inquiry.ts'
import { unreadableOf, type UnreadableBatch } from './unreadable-batch.ts'

/** The content of a record by which it is recognised. */
interface HashedRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly unreadable?: UnreadableBatch | undefined
}

/** A hash of a record's key and value, or of the batch that cannot be decoded: 32 hexadecimal digits. */
export function recordHash({ key, value, unreadable }: HashedRecord): string {
  const hash = createHash('sha256')
  for (const part of [key, value, unreadable?.bytes]) {
    hash.update(`${part?.length ?? -1}:`)
    if (part !== undefined && part !== null) hash.update(part)
  }
  return hash.digest('hex').slice(0, 32)
}

/** Asks what a partition holds at an offset. */
export interface RecordHashes {
  /**
   * The hash of the record at this offset; `none` when the log has others but none there; undefined when the log
   * does not reach from before it to behind it.
   * @throws BROKER_UNREACHABLE
   */
  at(partition: number, offset: number): Promise<string | undefined>
  close(): Promise<void>
}

const ASK_LIMIT_MS = 5000
const READ_UNCOMMITTED = 0

/** Opens the question over a connection of its own, which is made when it is first asked. */
export function openRecordHashes(
  config: KafkaConfig,
  { clientId, log }: { readonly clientId: string; readonly log?: ClientLog }
): RecordHashes {
  const { topic } = config
  const client = createClient(config, clientId, log, 1)
  const inquiry = openInquiry(
    () => clusterOf(client),
    ASK_LIMIT_MS,
    (cluster) => cluster.addTargetTopic(topic)
  )
  return {
    async at(partition, offset) {
      try {
        const records = await inquiry.ask((cluster) => fetchAt(cluster, topic, partition, offset))
        const next = records.find((record) => Number(record.offset) >= offset)
        if (next === undefined) return undefined
        if (Number(next.offset) !== offset) return 'none'
        return recordHash({ key: next.key, value: next.value, unreadable: unreadableOf(next) })
      } catch (cause) {
        // Its beginning was removed, or it ends before.
        if ((cause as Error).name === 'KafkaJSOffsetOutOfRange') return undefined
        throw new TapedeckError(
          'BROKER_UNREACHABLE',
          `Cannot read record ${offset} of ${topic}/${partition}: ${messageOf(cause)}`,
          { cause }
        )
      }
    },
    close: () => inquiry.close()
  }
}

/** The records of the batch that holds the offset, or of the next one. */
async function fetchAt(
  cluster: Cluster,
  topic: string,
  partition: number,
  offset: number
): Promise<readonly KafkaMessage[]> {
  // Its metadata are those of the connection: kafkajs loses a broker that several refresh at once. A leader that has
  // changed since is an error, after which the next question connects again.
  const [leader] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))
  if (leader === undefined) throw new Error(`no broker leads the partition`)
  const broker = await cluster.findBroker({ nodeId: leader })
  const { responses } = await broker.fetch({
    isolationLevel: READ_UNCOMMITTED,
    maxWaitTime: 0,
    minBytes: 0,
    // A broker sends the first batch whole, whatever the limit.
    maxBytes: 1,
    topics: [{ topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes: 1 }] }]
  })
  return responses.flatMap(({ partitions }) => partitions.flatMap(({ messages }) => messages))
}
