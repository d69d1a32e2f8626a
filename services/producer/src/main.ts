import { runService } from '@tapedeck/service'
import { startProducer } from './app.ts'
import { readConfig } from './config.ts'

await runService('producer', (context) => startProducer(readConfig(process.env), context))
