import { runService } from '@tapedeck/service'
import { readConfig, startApi } from './app.ts'

await runService('api', (context) => startApi(readConfig(process.env), context))
