export {
  createClient,
  deadTopicOf,
  ensureTopics,
  partitionEnds,
  pingBroker,
  type ClientLog,
  type TopicOptions
} from './client.ts'
export { brokersVariable, KAFKA_VARIABLES, kafkaConfig, type KafkaConfig } from './config.ts'
export {
  readDeadTopic,
  type DeadReadOptions,
  type DeadRecord,
  type DeadVisitor
} from './dead-letter-reader.ts'
export { openDeadLetters, type DeadLetter, type DeadLetters } from './dead-letters.ts'
export {
  MAX_SEND_RECORDS,
  Publisher,
  type OutgoingRecord,
  type PublisherOptions
} from './publisher.ts'
export { evictMembers } from './evict-members.ts'
export { reachBroker } from './reach-broker.ts'
export { forgetGroup } from './forget-group.ts'
export { openSerialPublisher, type SerialPublisher } from './serial-publisher.ts'
export {
  openTradeSource,
  type IncomingRecord,
  type PartitionReader,
  type RecordBatch,
  type TradeSource,
  type TradeSourceOptions
} from './trade-source.ts'
