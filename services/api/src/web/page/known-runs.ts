import type { RunRow } from '@tapedeck/client'
import type { BatchRun, RunAccount, RunList } from './rows.ts'

/** Which runs are on show; empty: all. */
export interface RunFilter {
  readonly job: string
  readonly state: string
}

/** Rows of the stream that are remembered. */
const MOST_RECEIVED = 500

/** The runs that the page knows: as the api answered, and what the stream has told since. */
export class KnownRuns {
  /** The newest first, those on show. */
  runs: readonly BatchRun[] = []
  /** Runs that were asked for and are not made. */
  requests: RunList['requests'] = []
  readonly #most: number
  /** The newest row of each run, with its number; the last that came is the last. */
  readonly #received = new Map<string, { readonly row: RunRow; readonly number: number }>()
  #count = 0
  #filter: RunFilter = { job: '', state: '' }

  /** @param most runs on show at most */
  constructor(most: number) {
    this.#most = most
  }

  /** Rows that have come so far. */
  get count(): number {
    return this.#count
  }

  /** Whether runs of one job or state are on show. */
  get isFiltered(): boolean {
    return this.#filter.job !== '' || this.#filter.state !== ''
  }

  /** Whether a run on show is not over. */
  get isActive(): boolean {
    return this.runs.some(({ endedAt }) => endedAt === null)
  }

  /** Whether a run was asked for that no beat has made or refused: the stream does not tell of a refusal. */
  get isWaiting(): boolean {
    return this.requests.some(({ error }) => error === null)
  }

  /** Takes an answer of the api, and what the stream told since it was asked, when `count` rows had come. */
  answered({ runs, requests }: RunList, filter: RunFilter, count: number): void {
    this.#filter = filter
    this.runs = runs
    this.requests = requests
    this.#merge(this.#since(count))
  }

  /** Takes rows of the stream. */
  told(rows: readonly RunRow[]): void {
    for (const row of rows) {
      this.#received.delete(row.run)
      this.#received.set(row.run, { row, number: this.#count++ })
    }
    for (const run of this.#received.keys()) {
      if (this.#received.size <= MOST_RECEIVED) break
      this.#received.delete(run)
    }
    this.#merge(rows)
  }

  /** The row of a run that came when `count` rows had come, or later. */
  newerRow(run: string, count: number): RunRow | undefined {
    return this.#since(count).find((row) => row.run === run)
  }

  #since(count: number): RunRow[] {
    return [...this.#received.values()]
      .filter(({ number }) => number >= count)
      .map(({ row }) => row)
  }

  #merge(rows: readonly RunRow[]): void {
    if (rows.length === 0) return
    const { job, state } = this.#filter
    const byId = new Map(this.runs.map((run) => [run.run, run]))
    for (const row of rows) {
      const isShown = (job === '' || row.job === job) && (state === '' || row.state === state)
      if (isShown) byId.set(row.run, row)
      else byId.delete(row.run)
    }
    this.runs = [...byId.values()].toSorted((a, b) => b.queuedAt - a.queuedAt).slice(0, this.#most)
    const made = new Set(rows.map(({ run }) => run))
    this.requests = this.requests.filter(({ run }) => !made.has(run))
  }
}

/** What is known of a run, with the states that a newer row has. Its output and attempts stay: they are asked for. */
export function withRow(account: RunAccount, row: RunRow): RunAccount {
  const { tasks, taskCount: _taskCount, ...run } = row
  const states = new Map(tasks.map((task) => [task.task, task]))
  return {
    ...account,
    run: { ...account.run, ...run },
    tasks: account.tasks.map((task) => ({ ...task, ...states.get(task.task) }))
  }
}
