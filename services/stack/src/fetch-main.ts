import { argumentReader, runCommand, stopSignal } from '@tapedeck/core'
import { createProgress, fetchAll, readConfig } from './app.ts'

const USAGE = `Fetches what npm start would fetch, and starts nothing; afterwards npm start works offline.

  npm run stack:fetch

Exit codes: 0 fetched, 1 failed, 2 a mistake in the command or the configuration, or nothing to fetch from.
`

const signal = stopSignal()
await runCommand({
  usage: USAGE,
  read: argumentReader({ name: 'stack:fetch', options: {}, read: () => ({}) }),
  async run(_args, terminal) {
    const progress = createProgress((text) => terminal.write(text))
    await fetchAll(readConfig(process.env), { progress, signal })
    return 0
  }
})
