import { runService } from '@tapedeck/service'
import { checkFiles, startSimulator } from './app.ts'
import { readConfig, readFlags, SIMULATOR_VARIABLES, USAGE } from './config.ts'

await runService({
  name: 'simulator',
  purpose: "Speaks Finnhub's WebSocket protocol.",
  variables: SIMULATOR_VARIABLES,
  readConfig,
  checkConfig: checkFiles,
  usage: USAGE,
  readFlags,
  async start(config, context) {
    const { url } = await startSimulator(config, context)
    // To paste at a terminal; a parent process reads the log instead.
    if (process.send === undefined) process.stdout.write(`FINNHUB_URL=${url}\n`)
  }
})
