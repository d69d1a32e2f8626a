import { runService } from '@tapedeck/service'
import { readAllTokens } from './access/token-file.ts'
import { startApi } from './app.ts'
import { API_VARIABLES, readConfig } from './config.ts'

await runService({
  name: 'api',
  purpose: 'Serves what MongoDB stores over REST, and the live page.',
  variables: API_VARIABLES,
  readConfig,
  checkConfig: ({ access }) => readAllTokens(access),
  start: startApi
})
