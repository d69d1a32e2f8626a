import { backfill } from './commands/backfill.ts'
import { graph } from './commands/graph.ts'
import { resume } from './commands/resume.ts'
import { run } from './commands/run.ts'
import { runs } from './commands/runs.ts'
import { schedules } from './commands/schedules.ts'
import { beat, worker } from './commands/service.ts'
import { show } from './commands/show.ts'
import { DATABASE_SETTINGS } from './database.ts'
import { subCommand, type SubCommand } from './sub-command.ts'

/** The commands of `npm run batch`, in the order of the help. */
const COMMANDS: Readonly<Record<string, SubCommand>> = {
  run,
  runs,
  show,
  resume,
  graph,
  schedules,
  backfill,
  worker,
  beat
}

const abouts = new Map(Object.entries(COMMANDS).map(([name, { about }]) => [name, about]))
const name = await subCommand(process.argv, abouts, {
  name: 'batch',
  purpose: 'Runs flows and sequences, and shows their runs.',
  forms: ['-- COMMAND [--help]'],
  settings: DATABASE_SETTINGS,
  exits: ['done', 'it failed', 'it cannot begin'],
  example: '-- run watchlist-csv'
})
const command = name === undefined ? undefined : COMMANDS[name]
if (command !== undefined) {
  await command.run(process.env)
  // Agenda keeps a timer of half of BATCH_LEASE for a job that has ended, and with it the process of a run that is over.
  if (command === run || command === resume || command === backfill) process.exit()
}
