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
  return readSchedules((await textOfFile(batchDir)) ?? '{}', nowMs)
}

/** Undefined when there is no schedules.json. @throws CONFIG_INVALID */
async function textOfFile(batchDir: string): Promise<string | undefined> {
  const file = path.join(batchDir, 'schedules.json')
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new TapedeckError('CONFIG_INVALID', `Cannot read ${file}: ${error.message}`)
  })
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
  /** Folder of schedules.json. */
  readonly batchDir: string
  /** Names of optional schedules that run too. */
  readonly asked: readonly string[]
  /** The job of a name; its errors are those of `findJob`. */
  readonly jobOf: (name: string) => Promise<Job>
  readonly log: Pick<Logger, 'info' | 'warn'>
}

/**
 * Stores the schedules of a file as those that run, and again whenever the file has changed. While it cannot be read,
 * or says what is refused, the schedules from before go on.
 * @returns the function that makes the runs that are due and says how many; a beat calls it at every tick
 * @throws CONFIG_INVALID, DATABASE_UNREACHABLE
 */
export async function openSchedules({
  database,
  batchDir,
  asked,
  jobOf,
  log
}: ScheduleOptions): Promise<() => Promise<number>> {
  const register = async (text: string): Promise<ReadonlyMap<string, Schedule>> => {
    const schedules = runningSchedules(readSchedules(text, Date.now()), asked)
    const found = schedules.map(({ name, definition }) => ({ _id: name, definition }))
    await registerSchedules(database, found)
    return new Map(schedules.map((schedule) => [schedule.name, schedule]))
  }
  let text = await textOfFile(batchDir)
  let known = await register(text ?? '{}')
  let trouble: string | undefined
  const lookAtFile = async (): Promise<void> => {
    try {
      const found = await textOfFile(batchDir)
      if (found === text) {
        trouble = undefined
        return
      }
      // An editor may remove a file before it writes the new one.
      if (found === undefined) {
        throw new TapedeckError(
          'CONFIG_INVALID',
          'schedules.json is gone, expected a file, at least of {}'
        )
      }
      known = await register(found)
      text = found
      trouble = undefined
      log.info({ schedules: known.size }, 'schedules.json has changed and is used')
    } catch (error) {
      if (!hasCode(error, 'CONFIG_INVALID')) throw error
      if (trouble !== error.message) {
        log.warn({ reason: error.message }, 'schedules.json has changed and is not used')
      }
      trouble = error.message
    }
  }
  return async () => {
    await lookAtFile()
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
