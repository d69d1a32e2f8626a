import type { RunRow } from '@tapedeck/client'
import { hasCode, messageOf, type Clock } from '@tapedeck/core'
import type { RunStanding, TaskStates } from '@tapedeck/mongo'
import type { ServiceContext } from '@tapedeck/service'
import { DATABASE_AWAY } from '../http.ts'
import type { Reader } from '../reader.ts'
import type { runRows } from '../routes/batch.ts'
import { runEvent, type StreamEvent } from './events.ts'

/** Runs in a snapshot at most: the newest ones. */
export const MOST_RUNS = 100
/** Runs in one message at most: it is short enough for a client that reads slowly. */
export const RUNS_A_MESSAGE = 20
/** Tasks of a run in one row at most: the first ones. */
const MOST_TASKS = 200
/** Characters of an error in a row at most. */
const MOST_ERROR = 500

/** How often the database is asked, while somebody is subscribed. */
const LOOK_MS = 1000
/**
 * Each look goes so much further back than the one before: a write may take as long as its majority may (MAJORITY_LIMIT_MS
 * of libs/mongo) from the time that it notes to where a read finds it.
 */
const OVERLAP_MS = 30_000
/** Runs whose last state is remembered; a forgotten one that is found again is sent once more. */
const MOST_REMEMBERED = 2000

interface RunListener {
  /** Whether any client is subscribed. */
  isWanted(): boolean
  events(events: readonly StreamEvent[]): void
}

/** What was last told of each run; it says which ones differ from that. */
export class ToldRuns {
  /** The least recently found first. */
  readonly #told = new Map<string, string>()

  /** The runs that are not as they were last told. From now on they are. */
  differing(found: readonly RunStanding[], tasks: TaskStates): readonly RunStanding[] {
    const differing = found.filter((run) => {
      const { _id, state, round, startedAt, endedAt, error } = run
      const text = JSON.stringify([state, round, startedAt, endedAt, error, tasks.get(_id) ?? []])
      const isOther = this.#told.get(_id) !== text
      this.#told.delete(_id)
      this.#told.set(_id, text)
      return isOther
    })
    for (const id of this.#told.keys()) {
      if (this.#told.size <= MOST_REMEMBERED) break
      this.#told.delete(id)
    }
    return differing
  }
}

/**
 * Looks once a second for runs that have changed, for all clients of the stream, while there are any that want runs. A single
 * mongod has no change streams, so the database is asked; the question is answered by indexes whatever is stored.
 */
export class RunWatch {
  readonly #reader: Pick<Reader, 'runs' | 'runsInMotion' | 'taskStates'>
  readonly #rowsOf: ReturnType<typeof runRows>
  readonly #context: Pick<ServiceContext, 'log' | 'signal' | 'fail'>
  readonly #clock: Clock
  #listener: RunListener | undefined
  /** Undefined while nobody wants runs. */
  #told: ToldRuns | undefined
  /** When the last look that succeeded began, of performance.now(). */
  #lookedAtMs = 0
  #trouble: string | undefined
  /** Looks and snapshots come one after the other: a snapshot is never older than a change that was sent before it. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(
    reader: Pick<Reader, 'runs' | 'runsInMotion' | 'taskStates'>,
    rowsOf: ReturnType<typeof runRows>,
    context: Pick<ServiceContext, 'log' | 'signal' | 'fail'>,
    clock: Clock
  ) {
    this.#reader = reader
    this.#rowsOf = rowsOf
    this.#context = context
    this.#clock = clock
  }

  /** Why changes are not seen at present; undefined while they are. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  listen(listener: RunListener): () => void {
    this.#listener = listener
    return () => {
      this.#listener = undefined
    }
  }

  /**
   * Hands over the newest runs of these jobs (`*`: of all); every later change is an event. The client must be
   * subscribed, for `isWanted`, when `take` returns.
   * @throws DATABASE_UNREACHABLE
   */
  join(jobs: readonly string[], take: (rows: readonly RunRow[]) => void): Promise<void> {
    return this.#inTurn(async () => {
      const begins = this.#told === undefined
      // Before the snapshot is read, so that no change falls between them.
      if (begins) {
        await this.#look()
        void this.#follow()
      }
      const queries = jobs.map((job) => (job === '*' ? undefined : job))
      const found = await Promise.all(
        queries.map((job) => this.#reader.runs({ job, limit: MOST_RUNS }))
      )
      const runs = found.flat().toSorted((a, b) => b.queuedAt.getTime() - a.queuedAt.getTime())
      take(await this.#rows(runs, await this.#reader.taskStates(runs.map(({ _id }) => _id))))
    })
  }

  async #follow(): Promise<void> {
    const { signal, fail } = this.#context
    try {
      do await this.#clock.delay(LOOK_MS, signal)
      while (await this.#inTurn(() => this.#lookAgain()))
    } catch (error) {
      if (!hasCode(error, 'ABORTED')) fail(error)
    }
  }

  /** Returns false when nobody wants runs any more. */
  async #lookAgain(): Promise<boolean> {
    if (this.#listener?.isWanted() !== true) {
      this.#told = undefined
      this.#trouble = undefined
      return false
    }
    try {
      await this.#look()
      this.#trouble = undefined
    } catch (error) {
      if (this.#trouble === undefined) {
        this.#context.log.warn({ err: error }, 'the stream does not see changes of runs')
      }
      this.#trouble = hasCode(error, 'DATABASE_UNREACHABLE') ? DATABASE_AWAY : messageOf(error)
    }
    return true
  }

  /** Tells what has changed since the last look; the first one only notes what is there. */
  async #look(): Promise<void> {
    const beganMs = performance.now()
    const sinceMs = this.#told === undefined ? 0 : beganMs - this.#lookedAtMs
    const found = await this.#reader.runsInMotion(Math.ceil(sinceMs) + OVERLAP_MS)
    const tasks = await this.#reader.taskStates(found.map(({ _id }) => _id))
    const told = this.#told ?? new ToldRuns()
    const differing = told.differing(found, tasks)
    const isFirst = this.#told === undefined
    this.#told = told
    this.#lookedAtMs = beganMs
    if (isFirst || differing.length === 0) return
    const rows = await this.#rows(differing, tasks)
    this.#listener?.events(rows.map(runEvent))
  }

  async #rows(runs: readonly RunStanding[], tasks: TaskStates): Promise<RunRow[]> {
    if (runs.length === 0) return []
    const rowOf = await this.#rowsOf()
    return runs.map((run) => {
      const row = rowOf(run)
      const own = tasks.get(run._id) ?? []
      return {
        ...row,
        error: row.error === null ? null : row.error.slice(0, MOST_ERROR),
        taskCount: own.length,
        tasks: own.slice(0, MOST_TASKS).map(({ task, state, attempt, startedAt, endedAt }) => ({
          task,
          state,
          attempt,
          startedAt: startedAt?.getTime() ?? null,
          endedAt: endedAt?.getTime() ?? null
        }))
      }
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }
}
