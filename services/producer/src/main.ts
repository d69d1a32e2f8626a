import { runService } from '@tapedeck/service'
import { readConfig, startProducer } from './app.ts'

await runService('producer', (context) => startProducer(readConfig(process.env), context))
