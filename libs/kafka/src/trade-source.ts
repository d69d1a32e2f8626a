import { hasCode, messageOf, TapedeckError, whileWaiting } from '@tapedeck/core'
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs'
import { createClient, type ClientLog } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { leaveGroup } from './group.ts'
import { unreadableOf, type UnreadableBatch } from './unreadable-batch.ts'

interface IncomingRecord {
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /**
   * Rises with every leader of the partition, and says under which one the record was appended. What stands in the
   * place of records that the log lost has a higher one than they had.
   */
  readonly leaderEpoch: number
  /** Set when this stands for a batch that cannot be decoded, at the first and the last of its offsets. */
  readonly unreadable?: UnreadableBatch | undefined
}

/** Consecutive records of one partition, ascending by offset. */
export interface RecordBatch {
  readonly partition: number
  readonly records: readonly IncomingRecord[]
  /** Offset after the last one of the batch, including records that were left out. */
  readonly nextOffset: number
  /** Offset after the partition's last record, when this batch was fetched. */
  readonly endOffset: number
  /** Keeps the group membership alive; call it while waiting. Throws when the group rebalances. */
  heartbeat(): Promise<void>
  /** True once the partition may belong to another member: stop working on the batch. */
  isStale(): boolean
}

/** Reads the partitions of the last call of `assigned`; that call revokes all earlier ones. */
export interface PartitionReader {
  /** The group assigned these partitions to this member. They replace all earlier ones. */
  assigned(partitions: readonly number[], memberId: string): void
  /** Next offset to read; resolves once the partition's state is loaded. */
  nextOffset(partition: number): Promise<number>
  read(batch: RecordBatch): Promise<void>
  /** The source ended with an error. */
  failed(error: TapedeckError): void
}

export interface TradeSource {
  /** Commits the offset below which results are stored; only for displays of the lag. */
  commit(partition: number, nextOffset: number): Promise<void>
  /** Reads on where the reader says, which has changed. */
  reseek(partition: number): void
  close(): Promise<void>
}

export interface TradeSourceOptions {
  readonly groupId: string
  readonly clientId: string
  readonly log?: ClientLog
  /** Bytes of one partition in one fetch at most. */
  readonly fetchBytes?: number
}

/**
 * Reads the topic as a member of the group and hands batches to `reader`, partition by partition.
 *
 * The reader's checkpoint says where to start, never the offset committed in Kafka.
 * @throws BROKER_UNREACHABLE when no broker answers
 */
export async function openTradeSource(
  config: KafkaConfig,
  options: TradeSourceOptions,
  reader: PartitionReader
): Promise<TradeSource> {
  const consumer = createClient(config, options.clientId, options.log).consumer({
    groupId: options.groupId,
    // The least that a broker allows by default, because a killed member keeps its partitions for this
    // long. A slow member loses them early; the epoch in the checkpoint makes that harmless.
    sessionTimeout: 6000,
    heartbeatInterval: 1500,
    rebalanceTimeout: 15_000,
    maxWaitTimeInMs: 100,
    minBytes: 1,
    maxBytesPerPartition: options.fetchBytes ?? 1_048_576,
    allowAutoTopicCreation: false,
    // New partitions are noticed within this time, and then assigned.
    metadataMaxAge: 3000,
    retry: { initialRetryTime: 100, maxRetryTime: 2000, retries: 10 }
  })
  /** The offset that each partition was last sought to: repeating a seek changes nothing. */
  let sought = new Map<number, number>()
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    sought = new Map()
    const partitions = payload.memberAssignment[config.topic] ?? []
    reader.assigned(partitions, payload.memberId)
    for (const partition of partitions) void start(partition)
  })
  // Also when no record is new: records that Kafka counts as read may be missing in the results.
  const start = async (partition: number): Promise<void> => {
    try {
      const offset = await reader.nextOffset(partition)
      consumer.seek({ topic: config.topic, partition, offset: String(offset) })
    } catch (error) {
      // The reader reports why it cannot start; eachBatch seeks again in any case.
      options.log?.('debug', 'seek failed', { partition, error: messageOf(error) })
    }
  }
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (payload.restart) return
    reader.failed(readingFailure(payload.error))
  })
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [config.topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 1,
      eachBatch: (payload) => eachBatch(payload, config.topic, consumer, sought, reader)
    })
  } catch (cause) {
    await leaveGroup(consumer).catch(() => undefined)
    throw new TapedeckError(
      'BROKER_UNREACHABLE',
      `Cannot read ${config.topic}: ${messageOf(cause)}, expected a broker with that topic`,
      { cause }
    )
  }
  return {
    async commit(partition, nextOffset) {
      await consumer.commitOffsets([{ topic: config.topic, partition, offset: String(nextOffset) }])
    },
    reseek: (partition) => void start(partition),
    close: () => leaveGroup(consumer)
  }
}

/** kafkajs keeps it to itself; 0 in records of the formats before Kafka 0.11. */
function leaderEpochOf(message: KafkaMessage): number {
  const { batchContext } = message as {
    readonly batchContext?: { readonly partitionLeaderEpoch: number }
  }
  return batchContext?.partitionLeaderEpoch ?? 0
}

/** Errors of kafkajs that mean that no broker answers, or not in time. */
const UNREACHABLE =
  /^KafkaJS(Connection(Closed)?Error|RequestTimeoutError|NoBrokerAvailableError|BrokerNotFound|GroupCoordinatorNotFound|MetadataNotLoaded|LockTimeout|Timeout)$/

/** Why kafkajs stopped reading, under the code of its cause. */
function readingFailure(error: unknown): TapedeckError {
  const causes = causesOf(error)
  const ours = causes.find((cause) => cause instanceof TapedeckError)
  const isUnreachable = causes.some(({ name }) => UNREACHABLE.test(name))
  const code = ours?.code ?? (isUnreachable ? 'BROKER_UNREACHABLE' : 'READING_FAILED')
  return new TapedeckError(code, `Reading stopped: ${messageOf(error)}`, { cause: error })
}

/** An error and its causes, outermost first. */
function causesOf(error: unknown): Error[] {
  const causes: Error[] = []
  let next = error
  while (next instanceof Error && !causes.includes(next)) {
    causes.push(next)
    next = next.cause
  }
  return causes
}

async function eachBatch(
  { batch, resolveOffset, heartbeat, isRunning, isStale }: EachBatchPayload,
  topic: string,
  consumer: Consumer,
  sought: Map<number, number>,
  reader: PartitionReader
): Promise<void> {
  const isGone = (): boolean => !isRunning() || isStale()
  if (isGone()) return
  const { partition } = batch
  const position = await whileWaiting(reader.nextOffset(partition), heartbeat)
  if (Number(batch.firstOffset()) !== position && sought.get(partition) !== position) {
    // Kafka reads elsewhere than the checkpoint says. A record that the seek does not find is gone.
    sought.set(partition, position)
    consumer.seek({ topic, partition, offset: String(position) })
    return
  }
  const last = batch.lastOffset()
  const records = batch.messages
    .map((message) => ({
      offset: Number(message.offset),
      key: message.key,
      value: message.value,
      leaderEpoch: leaderEpochOf(message),
      unreadable: unreadableOf(message)
    }))
    .filter(({ offset }) => offset >= position)
  try {
    await reader.read({
      partition,
      records,
      nextOffset: Number(last) + 1,
      endOffset: Number(batch.highWatermark),
      heartbeat,
      isStale: isGone
    })
  } catch (error) {
    // The reader begins again at its checkpoint; unresolved records are fetched again.
    if (hasCode(error, 'PARTITION_FENCED')) return
    throw error
  }
  if (isGone()) return
  sought.delete(partition)
  resolveOffset(last)
  await heartbeat()
}
