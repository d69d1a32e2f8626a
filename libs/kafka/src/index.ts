export { createClient, deadTopicOf, ensureTopics, pingBroker, type ClientLog } from './client.ts'
export { brokersVariable, KAFKA_VARIABLES, kafkaConfig, type KafkaConfig } from './config.ts'
