import { runCommand } from '@tapedeck/core'
import { runService } from '@tapedeck/service'
import { startSimulator } from './app.ts'
import { readConfig, readFlags, USAGE } from './config.ts'

await runCommand({
  usage: USAGE,
  read: readFlags,
  async run(flags) {
    const env = { ...process.env, ...flags }
    await runService(
      'simulator',
      async (context) => {
        const { url } = await startSimulator(readConfig(env), context)
        // For whoever runs it at a terminal and wants to paste it; under a parent the log says it.
        if (process.send === undefined) process.stdout.write(`FINNHUB_URL=${url}\n`)
      },
      env
    )
    return 0
  }
})
