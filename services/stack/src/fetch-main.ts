import { argumentReader, runCommand, stopSignal } from '@tapedeck/core'
import { readConfig } from './config.ts'
import { firstFound, searchOf } from './find.ts'
import { KAFKA } from './kafka-broker.ts'
import { MONGOD } from './mongod.ts'
import { createProgress } from './screen.ts'
import type { Program, ServerKind } from './servers.ts'

const USAGE = `Fetches what npm start would fetch, and starts nothing; afterwards npm start works offline.

  npm run stack:fetch

Exit codes: 0 fetched, 1 failed, 2 a mistake in the command or the configuration, or nothing to fetch from.
`

const signal = stopSignal()
await runCommand({
  usage: USAGE,
  read: argumentReader({ name: 'stack:fetch', options: {}, read: () => ({}) }),
  async run(_args, terminal) {
    const config = readConfig(process.env)
    const progress = createProgress((text) => terminal.write(text))
    const search = searchOf(config, progress)
    const fetchServer = async <P extends Program, N extends string>(
      kind: ServerKind<P, N>
    ): Promise<void> => {
      const { name, what, remedy, external, steps, describe } = kind
      if (external(config) !== undefined) return progress.say(`${name}: yours`)
      const { value, from } = await firstFound(what, steps(search), { signal, progress, remedy })
      progress.say(`${describe(value)} (${from})`)
    }
    const results = await Promise.allSettled([fetchServer(KAFKA), fetchServer(MONGOD)])
    for (const result of results) if (result.status === 'rejected') throw result.reason
    return 0
  }
})
