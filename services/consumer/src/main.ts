import { runService } from '@tapedeck/service'
import { startConsumer } from './app.ts'
import { readConfig } from './config.ts'

await runService('consumer', (context) => startConsumer(readConfig(process.env), context))
