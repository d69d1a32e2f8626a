import { runService } from '@tapedeck/service'
import { startApi } from './app.ts'
import { readConfig } from './config.ts'

await runService('api', (context) => startApi(readConfig(process.env), context))
