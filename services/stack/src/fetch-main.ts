import { commandLine, runCommand, stopSignal } from '@tapedeck/core'
import { readConfig, SERVER_SETTINGS } from './config.ts'
import { firstFound, searchOf } from './find.ts'
import { KAFKA } from './kafka-broker.ts'
import { MARIADB } from './mariadb.ts'
import { MONGOD } from './mongod.ts'
import { createProgress } from './screen.ts'
import type { Program, ServerKind } from './servers.ts'

const command = commandLine({
  name: 'stack:fetch',
  purpose:
    'Fetches what npm start would fetch, and starts nothing; afterwards npm start works offline.',
  options: {},
  settings: SERVER_SETTINGS,
  exits: [
    'fetched',
    'failed',
    'a mistake in the command or the configuration, or nothing to fetch from'
  ],
  example: '',
  read: () => ({})
})

const signal = stopSignal()
await runCommand({
  ...command,
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
    const results = await Promise.allSettled([
      fetchServer(KAFKA),
      fetchServer(MONGOD),
      ...(config.mariadb.isEmbedded ? [fetchServer(MARIADB)] : [])
    ])
    for (const result of results) if (result.status === 'rejected') throw result.reason
    return 0
  }
})
