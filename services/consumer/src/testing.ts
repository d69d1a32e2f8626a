export { CONSUMER_VARIABLES, readConfig, type ConsumerConfig } from './config.ts'
export { RecordIntake } from './intake.ts'
export { consumerMetrics } from './metrics.ts'
export { barRecordsOf } from './publish.ts'
