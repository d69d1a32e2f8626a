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
        // To paste at a terminal; a parent process reads the log instead.
        if (process.send === undefined) process.stdout.write(`FINNHUB_URL=${url}\n`)
      },
      env
    )
    return 0
  }
})
