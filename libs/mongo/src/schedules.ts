import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { translated } from './failure.ts'

/** A schedule as the beats know it, and how far its runs are made. */
export interface ScheduleDocument {
  /** Its name. */
  readonly _id: string
  /** Its entry in schedules.json, as JSON. */
  readonly definition: string
  /** Up to here no occurrence is left to make. */
  readonly until: Date
  /** The last occurrence of which a run was made; null before the first. */
  readonly lastOccurrence: Date | null
  /** Why its last run could not be made; null when it was. */
  readonly error: string | null
}

export const SCHEDULES = new CollectionSpec<ScheduleDocument>('schedules', {
  writeConcern: DURABLE
})

type HasSchedules = Has<'schedules', ScheduleDocument>

/**
 * Stores the schedules of a file, and removes the others. One that is new or has changed begins now, by the
 * database's clock; the rest stay as they are.
 * @throws DATABASE_UNREACHABLE
 */
export async function registerSchedules(
  { schedules }: HasSchedules,
  found: readonly Pick<ScheduleDocument, '_id' | 'definition'>[]
): Promise<void> {
  await translated('Cannot store the schedules', async () => {
    await schedules.deleteMany({ _id: { $nin: found.map(({ _id }) => _id) } })
    for (const { _id, definition } of found) {
      const isSame = { $eq: ['$definition', { $literal: definition }] }
      await schedules.updateOne(
        { _id },
        [
          {
            $set: {
              definition: { $literal: definition },
              until: { $cond: [isSame, '$until', '$$NOW'] },
              lastOccurrence: { $ifNull: ['$lastOccurrence', null] },
              error: { $cond: [isSame, '$error', null] }
            }
          }
        ],
        { upsert: true }
      )
    }
  })
}

/** A schedule, and the time of the database when it was read. */
export interface ScheduleRead extends ScheduleDocument {
  readonly now: Date
}

/** In the order of their names. @throws DATABASE_UNREACHABLE */
export async function findSchedules({ schedules }: HasSchedules): Promise<ScheduleRead[]> {
  return translated('Cannot read the schedules', () =>
    schedules.aggregate<ScheduleRead>([{ $sort: { _id: 1 } }, { $set: { now: '$$NOW' } }]).toArray()
  )
}

/**
 * Notes how far the runs of a schedule are made. It never goes back, and a schedule that was changed since stays.
 * @throws DATABASE_UNREACHABLE
 */
export async function advanceSchedule(
  { schedules }: HasSchedules,
  { _id, definition }: Pick<ScheduleDocument, '_id' | 'definition'>,
  until: Date,
  lastOccurrence: Date | null
): Promise<void> {
  await translated('Cannot store a schedule', () =>
    schedules.updateOne({ _id, definition }, [
      {
        $set: {
          until: { $max: ['$until', until] },
          lastOccurrence: { $max: ['$lastOccurrence', lastOccurrence] },
          error: null
        }
      }
    ])
  )
}

/** Notes why the runs of a schedule cannot be made. @throws DATABASE_UNREACHABLE */
export async function failSchedule(
  { schedules }: HasSchedules,
  { _id, definition }: Pick<ScheduleDocument, '_id' | 'definition'>,
  error: string
): Promise<void> {
  await translated('Cannot store a schedule', () =>
    schedules.updateOne({ _id, definition }, { $set: { error } })
  )
}
