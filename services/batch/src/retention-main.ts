import { commandLine, runCommand } from '@tapedeck/core'
import { openLake } from '@tapedeck/lake'
import { removeOldRuns } from '@tapedeck/mongo'
import { DATABASE_SETTINGS, withDatabase } from './database.ts'
import { readConfig } from './config.ts'
import { removeOldDates } from './lake/retention.ts'

const DAY_MS = 86_400_000

/** The module `retention`: removes what is older than its setting, and says how much it was. */
await runCommand({
  ...commandLine({
    name: 'retention',
    program: 'services/batch/src/retention-main.ts',
    purpose:
      'Removes runs that ended long ago, with their tasks, and old dates of the lake. A run that is not over stays.',
    forms: [''],
    options: {},
    settings: {
      ...DATABASE_SETTINGS,
      RUNS_TTL: 'how long runs are kept after their end',
      LAKE_TTL: 'how long dates of the lake are kept, by zone or table'
    },
    exits: ['done', 'it failed', 'wrong settings, or no database'],
    example: '',
    read: () => undefined
  }),
  async run(_args, { write }) {
    const config = readConfig(process.env)
    const { runs, tasks } = await withDatabase(config, (database) =>
      removeOldRuns(database, config.runsTtlMs)
    )
    const days = Math.round((config.runsTtlMs / DAY_MS) * 100) / 100
    write(
      `${runs} runs with ${tasks} tasks removed, which ended more than ${days} days ago (RUNS_TTL)\n`
    )
    const removed = await removeOldDates(openLake(config.lake), config.lakeTtlMs, Date.now())
    for (const { name, dates, before } of removed) {
      write(`${dates} dates of ${name} removed, which lie before ${before} (LAKE_TTL)\n`)
    }
    return 0
  }
})
