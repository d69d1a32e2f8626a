import { runService } from '@tapedeck/service'
import { startProducer } from './app.ts'
import { PRODUCER_VARIABLES, readConfig } from './config.ts'

await runService({
  name: 'producer',
  purpose: 'Follows the feed and publishes its trades on Kafka.',
  variables: PRODUCER_VARIABLES,
  readConfig,
  start: startProducer
})
