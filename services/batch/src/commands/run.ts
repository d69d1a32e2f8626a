import { commandLine, runCommand, stopSignal, type Terminal } from '@tapedeck/core'
import { drawGraph } from '@tapedeck/domain'
import { createRun } from '@tapedeck/mongo'
import { readBatchDir, readConfig, type BatchConfig } from '../config.ts'
import { findJob, type Job } from '../jobs.ts'
import { isDate } from '../lake/config.ts'
import { newRun } from '../new-run.ts'
import { runLocally } from '../run-locally.ts'
import { DATABASE_SETTINGS, withDatabase } from '../database.ts'
import type { SubCommand } from '../sub-command.ts'

interface RunArguments {
  readonly name: string
  readonly parameters: Readonly<Record<string, string>>
  readonly isQueued: boolean
  readonly isDryRun: boolean
}

const line = commandLine({
  name: 'batch',
  purpose: 'Runs a flow or a sequence to its end in this process, and prints its progress.',
  forms: ['-- run NAME [--date D] [--symbol A,B] [--param NAME=VALUE]… [--queue | --dry-run]'],
  options: {
    date: ['text', 'YYYY-MM-DD', 'trading date of the run; that of now unless given'],
    symbol: ['text', 'A,B', 'the parameter symbol, for jobs that take it'],
    param: ['texts', 'NAME=VALUE', 'a parameter; may be given several times'],
    queue: ['flag', 'leave it to the workers, and do not wait for its end'],
    'dry-run': ['flag', 'check it and print what would be run, and store nothing']
  },
  settings: DATABASE_SETTINGS,
  notes:
    'A module gets BATCH_RUN, BATCH_JOB, BATCH_ATTEMPT, BATCH_DATE and a BATCH_PARAM_NAME for each parameter.',
  exits: ['it succeeded, or was queued', 'it failed or was cancelled', 'it cannot begin'],
  example: '-- run watchlist-csv --param out=/tmp/prices',
  takesOperands: true,
  read(given): RunArguments {
    const [name = '', ...rest] = given.operands
    if (name === '') given.mistake('no name found, expected that of a flow or a sequence')
    if (rest.length > 0) given.mistake(`'${rest.join(' ')}' found, expected one name`)
    const date = given.text('date')
    if (date !== undefined && !isDate(date)) {
      given.mistake(`--date ${date} found, expected a date such as 2026-03-10`)
    }
    const pairs = given.texts('param').map((text) => {
      const [, key = '', value = ''] = /^([A-Za-z][\w-]*)=([\s\S]*)$/.exec(text) ?? []
      if (key === '') given.mistake(`--param ${text} found, expected NAME=VALUE`)
      return [key, value] as const
    })
    const symbol = given.text('symbol')
    const isQueued = given.flag('queue')
    const isDryRun = given.flag('dry-run')
    if (isQueued && isDryRun) given.mistake('--queue and --dry-run found, expected one of them')
    const parameters = {
      ...Object.fromEntries(pairs),
      ...(date !== undefined && { date }),
      ...(symbol !== undefined && { symbol })
    }
    return { name, parameters, isQueued, isDryRun }
  }
})

/** `npm run batch -- run NAME`: the exit code is the result of the run. */
export const run: SubCommand = {
  about: 'run a flow or a sequence to its end',
  run: (env) =>
    runCommand({
      ...line,
      async run(args, terminal) {
        const batchDir = readBatchDir(env)
        if (args.isDryRun) {
          return printPlan(await findJob(args.name, batchDir), args.parameters, terminal)
        }
        const config = readConfig(env)
        return runJob(args, config, terminal)
      }
    })
}

async function runJob(args: RunArguments, config: BatchConfig, terminal: Terminal): Promise<0 | 1> {
  const job = await findJob(args.name, config.batchDir)
  const stopped = stopSignal()
  return withDatabase(config, async (database) => {
    const { parameters, isQueued } = args
    const made = newRun(job, { cause: 'command', parameters, isLocal: !isQueued })
    const make = (): Promise<boolean> => createRun(database, made)
    if (isQueued) {
      await make()
      terminal.write(`${made._id}\n`)
      return 0
    }
    terminal.note(made._id)
    return (await runLocally(database, made._id, make, config, terminal, stopped)) ? 0 : 1
  })
}

function printPlan(
  job: Job,
  parameters: RunArguments['parameters'],
  { write }: Pick<Terminal, 'write'>
): 0 {
  const { spec, errorHandler } = job
  const { commands } = newRun(job, { cause: 'command', parameters })
  write(drawGraph(spec))
  for (const { name } of [...spec.tasks, ...(errorHandler === null ? [] : [errorHandler])]) {
    const command = commands.get(name)
    if (command !== undefined) write(`${name}: ${command.join(' ')}\n`)
  }
  return 0
}
