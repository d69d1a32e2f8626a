import { argumentReader, helpText, runCommand } from '@tapedeck/core'
import { backfill } from './commands/backfill.ts'
import { graph } from './commands/graph.ts'
import { resume } from './commands/resume.ts'
import { run } from './commands/run.ts'
import { runs } from './commands/runs.ts'
import { schedules } from './commands/schedules.ts'
import { beat, worker } from './commands/service.ts'
import { show } from './commands/show.ts'
import { DATABASE_SETTINGS, type SubCommand } from './commands/sub-command.ts'

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

const [, , name = ''] = process.argv
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
if (command !== undefined) {
  process.argv.splice(2, 1)
  await command.run(process.env)
  // Agenda keeps a timer of half of BATCH_LEASE for a job that has ended, and with it the process of a run that is over.
  if (command === run || command === resume || command === backfill) process.exit()
} else {
  const names = Object.keys(COMMANDS)
  await runCommand({
    usage: helpText(
      {
        name: 'batch',
        purpose: 'Runs flows and sequences, and shows their runs.',
        forms: ['-- COMMAND [--help]'],
        settings: DATABASE_SETTINGS,
        exits: ['done', 'it failed', 'it cannot begin'],
        example: '-- run watchlist-csv'
      },
      Object.entries(COMMANDS).map(([one, { about }]) => [one, about] as const)
    ),
    read: argumentReader({
      name: 'batch',
      options: {},
      takesOperands: true,
      read(given) {
        const found = given.operands[0]
        if (found === undefined) given.mistake(`no command found, expected ${names.join(', ')}`)
        else given.choiceOf('command', found, names)
      }
    }),
    run: () => Promise.resolve(1)
  })
}
