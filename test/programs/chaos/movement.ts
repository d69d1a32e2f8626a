import type { Database } from '@tapedeck/mongo'

/** A partition as its checkpoint says. */
export interface PartitionMark {
  readonly nextOffset: number
  /** Pid of the consumer that has it. */
  readonly owner: number
}

/** A partition that was taken for the first time and not set up yet has no offset. */
interface Taken {
  readonly _id: string
  readonly nextOffset?: number
  readonly owner: { readonly pid: number }
}

const READ_LIMIT_MS = 1500

/**
 * Watches the checkpoints: what is committed there is stored for good, so that an offset that rises is
 * the surest sign that the pipeline moves.
 */
export class Movement {
  readonly #database: Database
  #marks: ReadonlyMap<string, PartitionMark> = new Map()
  #steps = 0
  #movedMs = performance.now()

  constructor(database: Database) {
    this.#database = database
  }

  /** By `<topic>/<partition>`. */
  get marks(): ReadonlyMap<string, PartitionMark> {
    return this.#marks
  }

  /** Counts the looks at which something had moved. */
  get steps(): number {
    return this.#steps
  }

  get stillForMs(): number {
    return performance.now() - this.#movedMs
  }

  /** Looks once; false when the database does not answer. */
  async look(): Promise<boolean> {
    let found: readonly Taken[]
    try {
      found = await this.#database.checkpoints
        .find({}, { projection: { nextOffset: 1, owner: 1 }, timeoutMS: READ_LIMIT_MS })
        .toArray()
    } catch {
      return false
    }
    const marks = found.map(
      ({ _id, nextOffset = 0, owner }) => [_id, { nextOffset, owner: owner.pid }] as const
    )
    const hasMoved = marks.some(
      ([log, { nextOffset }]) => nextOffset > (this.#marks.get(log)?.nextOffset ?? 0)
    )
    this.#marks = new Map(marks)
    if (hasMoved) {
      this.#steps++
      this.#movedMs = performance.now()
    }
    return true
  }

  /** The partitions with records that a process has. */
  ownedBy(pid: number): ReadonlyMap<string, PartitionMark> {
    return new Map(
      [...this.#marks].filter(([, { owner, nextOffset }]) => owner === pid && nextOffset > 0)
    )
  }

  /** Something of these partitions was stored since, by another process than `exceptPid`. */
  hasAdvanced(since: ReadonlyMap<string, PartitionMark>, exceptPid?: number): boolean {
    return [...since].some(([log, before]) => {
      const now = this.#marks.get(log)
      return (
        now !== undefined &&
        now.nextOffset > before.nextOffset &&
        (exceptPid === undefined || now.owner !== exceptPid)
      )
    })
  }
}
