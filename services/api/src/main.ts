import { runService } from '@tapedeck/service'
import { startApi } from './app.ts'
import { API_VARIABLES, readConfig } from './config.ts'

await runService({
  name: 'api',
  purpose: 'Serves what MongoDB stores over REST, and the live page.',
  variables: API_VARIABLES,
  readConfig,
  start: startApi
})
