import { nextOccurrences, readSchedules } from '@tapedeck/domain'
import type { RunDocument, ScheduleRead } from '@tapedeck/mongo'

/** What may be wrong with runs and schedules. */
export interface BatchAlert {
  readonly alert: 'run failed' | 'run late' | 'queue stuck'
  /** A job, a schedule or a run. */
  readonly label: string
  readonly value: number
}

const MINUTE_MS = 60_000

/**
 * One row for each job, schedule and queued run, in the units of /api/v1/alerts: 1 for a job whose newest run that is
 * over failed; the minutes that a schedule is behind, which no beat makes the runs of, or whose job cannot be read; and
 * the minutes that a run has waited for a worker to begin it.
 * @param runs of each job the newest first
 * @param nowMs epoch ms
 */
export function batchAlerts(
  runs: readonly Pick<RunDocument, '_id' | 'job' | 'state' | 'queuedAt' | 'round'>[],
  schedules: readonly Pick<ScheduleRead, '_id' | 'definition' | 'until'>[],
  nowMs: number
): BatchAlert[] {
  const found: BatchAlert[] = []
  const judged = new Set<string>()
  for (const { job, state } of runs) {
    const isOver = state === 'succeeded' || state === 'failed'
    if (!isOver || judged.has(job)) continue
    judged.add(job)
    found.push({ alert: 'run failed', label: job, value: state === 'failed' ? 1 : 0 })
  }
  for (const { _id, definition, until } of schedules) {
    const dueMs = nextDueMs(_id, definition, until.getTime())
    const lateMs = dueMs === undefined ? 0 : Math.max(0, nowMs - dueMs)
    found.push({ alert: 'run late', label: _id, value: lateMs / MINUTE_MS })
  }
  for (const { _id, state, queuedAt, round } of runs) {
    // A run that was resumed was queued long ago.
    if (state !== 'queued' || round > 0) continue
    const value = Math.max(0, nowMs - queuedAt.getTime()) / MINUTE_MS
    found.push({ alert: 'queue stuck', label: _id, value })
  }
  return found
}

/** The first time whose run is not made, epoch ms. */
function nextDueMs(name: string, definition: string, untilMs: number): number | undefined {
  try {
    const file = JSON.stringify({ [name]: JSON.parse(definition) as unknown })
    const [schedule] = readSchedules(file, untilMs)
    return schedule === undefined ? undefined : nextOccurrences(schedule, untilMs, 1)[0]
  } catch {
    // A document of another hand; the beats judge their own.
    return undefined
  }
}
