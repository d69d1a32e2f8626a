import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { translated } from './failure.ts'

/** A run that somebody asked for: only a process that knows the jobs can make it. */
export interface RunRequestDocument {
  /** The id that the run gets. */
  readonly _id: string
  readonly job: string
  readonly parameters: Readonly<Record<string, string>>
  readonly requestedAt: Date
  /** Why it cannot be made; null while it waits. */
  readonly error: string | null
}

const KEPT_S = 86_400

export const RUN_REQUESTS = new CollectionSpec<RunRequestDocument>('run_requests', {
  writeConcern: DURABLE,
  indexes: [[{ requestedAt: 1 }, { expireAfterSeconds: KEPT_S }]]
})

type HasRunRequests = Has<'runRequests', RunRequestDocument>

/** Asks for a run; asked again under the same id, it is one. @throws DATABASE_UNREACHABLE */
export async function requestRun(
  { runRequests }: HasRunRequests,
  { _id, job, parameters }: Pick<RunRequestDocument, '_id' | 'job' | 'parameters'>
): Promise<void> {
  await translated('Cannot store a request for a run', () =>
    runRequests.updateOne(
      { _id },
      [
        {
          $set: {
            job: { $literal: job },
            parameters: { $literal: parameters },
            requestedAt: { $ifNull: ['$requestedAt', '$$NOW'] },
            error: { $ifNull: ['$error', null] }
          }
        }
      ],
      { upsert: true }
    )
  )
}

/** The newest requests of the last day whose run is not made. @throws DATABASE_UNREACHABLE */
export async function findRunRequests(
  { runRequests }: HasRunRequests,
  limit: number
): Promise<RunRequestDocument[]> {
  return translated('Cannot read requests for runs', () =>
    runRequests.find().sort({ requestedAt: -1 }).limit(limit).toArray()
  )
}

/** Removes a request whose run is made. @throws DATABASE_UNREACHABLE */
export async function fulfilRunRequest({ runRequests }: HasRunRequests, id: string): Promise<void> {
  await translated('Cannot remove a request for a run', () => runRequests.deleteOne({ _id: id }))
}

/** Notes why a run cannot be made. @throws DATABASE_UNREACHABLE */
export async function refuseRunRequest(
  { runRequests }: HasRunRequests,
  id: string,
  error: string
): Promise<void> {
  await translated('Cannot store a request for a run', () =>
    runRequests.updateOne({ _id: id }, { $set: { error } })
  )
}
