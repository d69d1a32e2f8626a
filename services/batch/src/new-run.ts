import { randomBytes } from 'node:crypto'
import { didYouMean, printable, TapedeckError } from '@tapedeck/core'
import { commandFor, tradingDateAt } from '@tapedeck/domain'
import type { NewRun, RunDocument } from '@tapedeck/mongo'
import type { Flow } from './flow.ts'
import type { Job } from './jobs.ts'

/** Why a run is made, and for what. */
interface RunRequest extends Pick<RunDocument, 'cause'> {
  /** With `date` unless it is the trading date of the occurrence, or of now; `previous` is the one before that. */
  readonly parameters: Readonly<Record<string, string>>
  /** The schedule and the moment, epoch ms, for which it runs. */
  readonly scheduled?: { readonly schedule: string; readonly occurrenceMs: number }
  /** The process that asks runs it itself. */
  readonly isLocal?: boolean
}

/** A symbol that trades in New York: its trading date is that of the market. */
const MARKET = 'SPY'

/**
 * The run of a job to make. One of a schedule has an id that every beat gives it.
 * @throws REQUEST_INVALID for a parameter that no module of the job takes, where they say which they take
 */
export function newRun(
  job: Job,
  { cause, parameters: given, scheduled, isLocal = false }: RunRequest,
  nowMs = Date.now()
): NewRun {
  const { spec, errorHandler, commands } = job
  const id =
    scheduled === undefined
      ? `${spec.name}@${new Date(nowMs).toISOString()}-${randomBytes(3).toString('hex')}`
      : `${scheduled.schedule}@${new Date(scheduled.occurrenceMs).toISOString()}`
  const today = tradingDateAt(MARKET, scheduled?.occurrenceMs ?? nowMs)
  const { tradeDate } =
    given['date'] === PREVIOUS ? tradingDateAt(MARKET, today.startMs - 1) : today
  const parameters = { ...given, date: dateOf(given['date'], tradeDate) }
  checkParameters(job, parameters)
  return {
    _id: id,
    job: spec.name,
    kind: spec.kind,
    cause,
    schedule: scheduled?.schedule ?? null,
    occurrence: scheduled === undefined ? null : new Date(scheduled.occurrenceMs),
    parameters,
    tasks: spec.tasks,
    errorHandler,
    isLocal,
    queue: isLocal ? id : sharedQueueOf({ job: spec.name, kind: spec.kind }),
    commands: new Map(
      [...commands].map(([task, words]) => {
        const own = job.parameters?.get(task) ?? new Map<string, readonly string[]>()
        return [task, commandFor({ words, parameters: own }, parameters)]
      })
    )
  }
}

/** A value of `date` that is found out when the run is made. */
const PREVIOUS = 'previous'

function dateOf(given: string | undefined, tradeDate: string): string {
  return given === undefined || given === PREVIOUS ? tradeDate : given
}

/** A mistyped name would run the job on everything. */
function checkParameters({ spec, parameters }: Job, given: Readonly<Record<string, string>>): void {
  const known = new Set([...(parameters?.values() ?? [])].flatMap((own) => [...own.keys()]))
  if (known.size === 0) return
  const names = [...known.add('date')]
  for (const name of Object.keys(given)) {
    if (known.has(name)) continue
    throw new TapedeckError(
      'REQUEST_INVALID',
      `Cannot run ${spec.name}: parameter ${printable(name)} found, expected ${names.join(', ')}${didYouMean(name, names)}`
    )
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
