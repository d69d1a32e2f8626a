export {
  createClient,
  deadTopicOf,
  ensureTopics,
  pingBroker,
  reachBroker,
  readPlacement
} from './client.ts'
export {
  brokersVariable,
  KAFKA_VARIABLES,
  kafkaConfig,
  RESULT_TOPIC_VARIABLES,
  resultTopics,
  topicSettings,
  type KafkaConfig,
  type TopicSettings
} from './config.ts'
export {
  openDeadLetters,
  readDeadTopic,
  type DeadLetter,
  type DeadLetters,
  type DeadRecord
} from './dead-letters.ts'
export { followTopics, type FollowedBatch } from './follow.ts'
export { evictMembers, forgetGroup, leaveGroup } from './group.ts'
export { openLogEnds, partitionEnds, type LogEnds } from './log-ends.ts'
export { readTail } from './log-tail.ts'
export { partitionOf, placementTopicOf } from './placement.ts'
export {
  MAX_SEND_RECORDS,
  openSerialPublisher,
  Publisher,
  type OutgoingRecord,
  type SerialPublisher
} from './publisher.ts'
export { openRecordHashes, recordHash } from './record-hash.ts'
export {
  openTradeSource,
  type PartitionReader,
  type RecordBatch,
  type TradeSource
} from './trade-source.ts'
export { openTopicIds } from './topic-id.ts'
export type { UnreadableBatch } from './unreadable-batch.ts'
