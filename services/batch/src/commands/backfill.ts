import { commandLine, runCommand, stopSignal } from '@tapedeck/core'
import { addDays, isoDate, type CalendarDate } from '@tapedeck/domain'
import { createRun } from '@tapedeck/mongo'
import { readConfig } from '../config.ts'
import { findJob } from '../jobs.ts'
import { isDate } from '../lake/config.ts'
import { newRun } from '../new-run.ts'
import { runLocally } from '../run-locally.ts'
import { DATABASE_SETTINGS, withDatabase } from '../database.ts'
import type { SubCommand } from '../sub-command.ts'

interface BackfillArguments {
  readonly job: string
  readonly dates: readonly string[]
}

/** Dates of one backfill at most. */
const MOST_DATES = 3700

const line = commandLine({
  name: 'batch',
  purpose:
    'Runs a job for each date of a range, one after the other, and goes on after a date that fails.',
  forms: ['-- backfill --from DATE --to DATE [--job NAME]'],
  options: {
    from: ['text', 'YYYY-MM-DD', 'the first date'],
    to: ['text', 'YYYY-MM-DD', 'the last date, inclusive'],
    job: ['text', 'NAME', 'the job (nightly)']
  },
  settings: DATABASE_SETTINGS,
  notes:
    'A date that is run again is replaced. Weekends are run too: some symbols trade round the clock.',
  exits: ['every date succeeded', 'some failed, or it was stopped', 'it cannot begin'],
  example: '-- backfill --from 2026-03-09 --to 2026-03-13',
  read(given): BackfillArguments {
    const [from, to] = (['from', 'to'] as const).map((name) => {
      const text = given.text(name) ?? ''
      if (!isDate(text)) {
        const found = text === '' ? 'is missing' : `${text} found`
        given.mistake(`--${name} ${found}, expected a date such as 2026-03-10`)
      }
      return text
    })
    const dates = datesBetween(from ?? '', to ?? '')
    if (isDate(from ?? '') && isDate(to ?? '') && dates.length === 0) {
      given.mistake(`--to ${to} found, expected not before --from and ${MOST_DATES} dates at most`)
    }
    return { job: given.text('job') ?? 'nightly', dates }
  }
})

/** Every date of a range, both ends included; none for a range that is empty, too long or no range. */
function datesBetween(from: string, to: string): string[] {
  const dates: string[] = []
  if (!isDate(from) || !isDate(to)) return dates
  const [year = 0, month = 0, day = 0] = from.split('-').map(Number)
  let date: CalendarDate = { year, month, day }
  while (isoDate(date) <= to) {
    if (dates.length === MOST_DATES) return []
    dates.push(isoDate(date))
    date = addDays(date, 1)
  }
  return dates
}

/** `npm run batch -- backfill`: a run a date. */
export const backfill: SubCommand = {
  about: 'run a job for each date of a range',
  run: (env) =>
    runCommand({
      ...line,
      async run({ job: name, dates }, terminal) {
        const config = readConfig(env)
        const job = await findJob(name, config.batchDir)
        const stopped = stopSignal()
        const failed: string[] = []
        let done = 0
        await withDatabase(config, async (database) => {
          for (const date of dates) {
            if (stopped.aborted) break
            const made = newRun(job, { cause: 'backfill', parameters: { date }, isLocal: true })
            terminal.note(`${date}, ${done + 1} of ${dates.length}: ${made._id}`)
            const make = (): Promise<boolean> => createRun(database, made)
            const succeeded = await runLocally(database, made._id, make, config, terminal, stopped)
            if (!succeeded) failed.push(date)
            done++
          }
        })
        const rest = dates.length - done
        terminal.write(
          `${done - failed.length} of ${dates.length} dates succeeded` +
            (failed.length > 0 ? `; failed: ${failed.join(', ')}` : '') +
            `${rest > 0 ? `; ${rest} not run` : ''}\n`
        )
        return failed.length === 0 && rest === 0 ? 0 : 1
      }
    })
}
