import { runService } from '@tapedeck/service'
import { startBatch } from './app.ts'
import { BATCH_VARIABLES, readConfig } from './config.ts'

await runService({
  name: 'batch',
  purpose: 'Makes the runs of schedules and runs their tasks: a beat and a worker in one process.',
  variables: BATCH_VARIABLES,
  readConfig,
  start: startBatch
})
