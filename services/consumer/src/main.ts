import { runService } from '@tapedeck/service'
import { readConfig, startConsumer } from './app.ts'

await runService('consumer', (context) => startConsumer(readConfig(process.env), context))
