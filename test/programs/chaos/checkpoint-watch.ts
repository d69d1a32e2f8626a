import type { Database } from '@tapedeck/mongo'

/** A partition as its checkpoint says. */
export interface PartitionMark {
  readonly nextOffset: number
  /** Pid of the consumer that has it. */
  readonly owner: number
}

/** The fields read of a checkpoint. A partition whose first owner has not set it up yet has no offset. */
interface CheckpointFields {
  readonly _id: string
  readonly nextOffset?: number
  readonly owner: { readonly pid: number }
}

const READ_LIMIT_MS = 1500

/** Polls the checkpoints. A rising offset is the surest sign of progress: what is committed is stored. */
export class CheckpointWatch {
  readonly #database: Database
  #marks: ReadonlyMap<string, PartitionMark> = new Map()
  #advances = 0
  #advancedAtMs = performance.now()

  constructor(database: Database) {
    this.#database = database
  }

  /** By `<topic>/<partition>`. */
  get marks(): ReadonlyMap<string, PartitionMark> {
    return this.#marks
  }

  /** Polls that found a higher offset than the poll before. */
  get advances(): number {
    return this.#advances
  }

  /** Time since the last of them. */
  get idleMs(): number {
    return performance.now() - this.#advancedAtMs
  }

  /** Reads the checkpoints once; false when the database does not answer. */
  async poll(): Promise<boolean> {
    let found: readonly CheckpointFields[]
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
    const hasAdvanced = marks.some(
      ([log, { nextOffset }]) => nextOffset > (this.#marks.get(log)?.nextOffset ?? 0)
    )
    this.#marks = new Map(marks)
    if (hasAdvanced) {
      this.#advances++
      this.#advancedAtMs = performance.now()
    }
    return true
  }

  /** The partitions with records that a process owns. */
  ownedBy(pid: number): ReadonlyMap<string, PartitionMark> {
    return new Map(
      [...this.#marks].filter(([, { owner, nextOffset }]) => owner === pid && nextOffset > 0)
    )
  }

  /** Whether records of these partitions were stored since, by another process than `exceptPid`. */
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
