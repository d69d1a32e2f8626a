import type { RunDocument } from '@tapedeck/mongo'

/** Definitions of runs that a worker remembers. */
const MOST = 20

type Key = Pick<RunDocument, '_id' | 'round'>

const keyOf = ({ _id, round }: Key): string => `${_id}#${round}`

/**
 * The runs whose tasks a worker had last. Within a round a run changes its state only, so each of its tasks needs no
 * look of its own; the state is as it was when it was read.
 */
export class KnownRuns {
  readonly #runs = new Map<string, RunDocument>()

  get(key: Key): RunDocument | undefined {
    return this.#runs.get(keyOf(key))
  }

  /** Forgets the one that was learned first when there are too many. */
  learn(run: RunDocument): void {
    this.#runs.delete(keyOf(run))
    this.#runs.set(keyOf(run), run)
    const [oldest] = this.#runs.keys()
    if (this.#runs.size > MOST && oldest !== undefined) this.#runs.delete(oldest)
  }
}
