import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { hasCode, TapedeckError } from '@tapedeck/core'
import { dueOccurrences, readSchedules, type Schedule } from '@tapedeck/domain'
import {
  advanceSchedule,
  createRun,
  failSchedule,
  findSchedules,
  registerSchedules,
  type Database
} from '@tapedeck/mongo'
import type { Logger } from '@tapedeck/service'
import type { Job } from './jobs.ts'
import { newRun } from './new-run.ts'

/**
 * The schedules of a folder; one without schedules.json has none.
 * @throws CONFIG_INVALID with every mistake of the file
 */
export async function loadSchedules(batchDir: string, nowMs = Date.now()): Promise<Schedule[]> {
  const file = path.join(batchDir, 'schedules.json')
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    throw new TapedeckError('CONFIG_INVALID', `Cannot read ${file}: ${error.message}`)
  })
  return readSchedules(text, nowMs)
}

/**
 * Those that run: all but the optional ones that are not asked for.
 * @param asked names of optional schedules, of BATCH_SCHEDULES
 * @throws CONFIG_INVALID for a name that no schedule has
 */
export function runningSchedules(
  schedules: readonly Schedule[],
  asked: readonly string[]
): Schedule[] {
  const unknown = asked.filter((name) => !schedules.some((one) => one.name === name))
  if (unknown.length > 0) {
    const optional = schedules.filter(({ isOptional }) => isOptional).map(({ name }) => name)
    throw new TapedeckError(
      'CONFIG_INVALID',
      `BATCH_SCHEDULES: '${unknown.join(', ')}' found, expected names of schedules.json such as ` +
        (optional.join(', ') || 'none, because none is optional')
    )
  }
  return schedules.filter(({ name, isOptional }) => !isOptional || asked.includes(name))
}

interface ScheduleOptions {
  readonly database: Database
  readonly schedules: readonly Schedule[]
  /** The job of a name; its errors are those of `findJob`. */
  readonly jobOf: (name: string) => Promise<Job>
  readonly log: Pick<Logger, 'warn'>
}

/**
 * Stores the schedules of a file as those that run.
 * @returns the function that makes the runs that are due and says how many; a beat calls it at every tick
 * @throws DATABASE_UNREACHABLE
 */
export async function openSchedules({
  database,
  schedules,
  jobOf,
  log
}: ScheduleOptions): Promise<() => Promise<number>> {
  await registerSchedules(
    database,
    schedules.map(({ name, definition }) => ({ _id: name, definition }))
  )
  const known = new Map(schedules.map((schedule) => [schedule.name, schedule]))
  return async () => {
    let made = 0
    for (const stored of await findSchedules(database)) {
      const schedule = known.get(stored._id)
      // Another beat has another file.
      if (schedule?.definition !== stored.definition) continue
      const { occurrencesMs, untilMs } = dueOccurrences(
        schedule,
        stored.until.getTime(),
        stored.now.getTime()
      )
      const last = occurrencesMs.at(-1)
      if (last === undefined) continue
      try {
        made += await makeRuns(database, await jobOf(schedule.job), schedule, occurrencesMs)
      } catch (error) {
        if (!hasCode(error, 'CONFIG_INVALID') && !hasCode(error, 'REQUEST_INVALID')) throw error
        // The others go on. Its runs are made when the job can be read, as its misfire policy says.
        if (stored.error !== error.message) log.warn({ schedule: schedule.name }, error.message)
        await failSchedule(database, stored, error.message)
        continue
      }
      // After the runs: a beat that is killed between makes them again, under the same ids.
      await advanceSchedule(database, stored, new Date(untilMs), new Date(last))
    }
    return made
  }
}

async function makeRuns(
  database: Database,
  job: Job,
  { name, parameters, keepMs }: Schedule,
  occurrencesMs: readonly number[]
): Promise<number> {
  let made = 0
  for (const occurrenceMs of occurrencesMs) {
    const scheduled = { schedule: name, occurrenceMs }
    const isNew = await createRun(database, {
      ...newRun(job, { cause: 'schedule', parameters, scheduled }),
      keepMs
    })
    if (isNew) made += 1
  }
  return made
}
