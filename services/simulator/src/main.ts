import { messageOf } from '@tapedeck/core'
import { EXIT, runService } from '@tapedeck/service'
import { readCommandLine, readConfig, startSimulator, USAGE } from './app.ts'

let asked: ReturnType<typeof readCommandLine>
try {
  asked = readCommandLine(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exit(EXIT.invalid)
}
if (asked === 'help') {
  process.stdout.write(USAGE)
  process.exit(EXIT.stopped)
}

const env = { ...process.env, ...asked }
await runService(
  'simulator',
  async (context) => {
    const { url } = await startSimulator(readConfig(env), context)
    // Somebody at a terminal wants to paste this; under a parent the log says it.
    if (process.send === undefined) process.stdout.write(`FINNHUB_URL=${url}\n`)
  },
  env
)
