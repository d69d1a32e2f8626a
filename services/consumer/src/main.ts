import { runService } from '@tapedeck/service'
import { startConsumer } from './app.ts'
import { CONSUMER_VARIABLES, readConfig } from './config.ts'

await runService({
  name: 'consumer',
  purpose: 'Makes bars and forecasts of the trades on Kafka and stores them in MongoDB.',
  variables: CONSUMER_VARIABLES,
  readConfig,
  start: startConsumer
})
