import { randomBytes } from 'node:crypto'
import { tradingDateAt } from '@tapedeck/domain'
import type { NewRun, RunDocument } from '@tapedeck/mongo'
import type { Flow } from './flow.ts'
import type { Job } from './jobs.ts'

/** Why a run is made, and for what. */
interface RunRequest extends Pick<RunDocument, 'cause'> {
  /** With `date` unless it is the trading date of the occurrence, or of now. */
  readonly parameters: Readonly<Record<string, string>>
  /** The schedule and the moment, epoch ms, for which it runs. */
  readonly scheduled?: { readonly schedule: string; readonly occurrenceMs: number }
  /** The process that asks runs it itself. */
  readonly isLocal?: boolean
}

/** A symbol that trades in New York: its trading date is that of the market. */
const MARKET = 'SPY'

/** The run of a job to make. One of a schedule has an id that every beat gives it. */
export function newRun(
  { spec, errorHandler, commands }: Job,
  { cause, parameters, scheduled, isLocal = false }: RunRequest,
  nowMs = Date.now()
): NewRun {
  const id =
    scheduled === undefined
      ? `${spec.name}@${new Date(nowMs).toISOString()}-${randomBytes(3).toString('hex')}`
      : `${scheduled.schedule}@${new Date(scheduled.occurrenceMs).toISOString()}`
  const { tradeDate } = tradingDateAt(MARKET, scheduled?.occurrenceMs ?? nowMs)
  return {
    _id: id,
    job: spec.name,
    kind: spec.kind,
    cause,
    schedule: scheduled?.schedule ?? null,
    occurrence: scheduled === undefined ? null : new Date(scheduled.occurrenceMs),
    parameters: { date: tradeDate, ...parameters },
    tasks: spec.tasks,
    errorHandler,
    isLocal,
    queue: isLocal ? id : sharedQueueOf({ job: spec.name, kind: spec.kind }),
    commands
  }
}

/** The name under which the tasks of a run are queued for all workers: those of a flow for workers that know it. */
export function sharedQueueOf({ job, kind }: Pick<RunDocument, 'job' | 'kind'>): string {
  return kind === 'flow' ? `flow:${job}` : SEQUENCES
}

/** A module needs no worker that knows it. */
const SEQUENCES = 'sequence'

/** The names under which the tasks are queued that a worker with these flows can run. */
export function sharedQueues(flows: ReadonlyMap<string, Flow>): string[] {
  return [SEQUENCES, ...[...flows.keys()].map((job) => sharedQueueOf({ job, kind: 'flow' }))]
}
