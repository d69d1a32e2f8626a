/** What can be replayed, in the order in which rows of one moment are sent: the bars that end are those of trades before. */
export const REPLAYED = ['bars', 'forecasts', 'trades'] as const
export type ReplayedChannel = (typeof REPLAYED)[number]

/** A row as JSON, and when it became known: epoch ms. */
export interface TimedRow {
  readonly timeMs: number
  readonly text: string
}

/** Stored rows of one kind by their times. */
export interface RowSource {
  readonly channel: ReplayedChannel
  /** The next rows; none at the end. A call after one that failed returns the rows that the failed one would have. */
  next(): Promise<readonly TimedRow[]>
  close(): Promise<void>
}

/** Rows of one message: nothing in it is older than what stands before it, read channel by channel as in REPLAYED. */
export interface RowBatch {
  readonly rows: ReadonlyMap<ReplayedChannel, readonly string[]>
  readonly count: number
  /** The time of the newest row, epoch ms. */
  readonly timeMs: number
}

interface Head {
  readonly source: RowSource
  readonly rank: number
  rows: readonly TimedRow[]
  at: number
  /** Rows that are read ahead. */
  next: Promise<readonly TimedRow[]> | undefined
  isOver: boolean
}

/**
 * The rows of several sources in one order: by time; of one time by channel, then in the order of the sources. It
 * holds the rows of two reads of each source at most.
 */
export class MergedRows {
  readonly #heads: readonly Head[]

  constructor(sources: readonly RowSource[]) {
    this.#heads = sources
      .map((source) => ({
        source,
        rank: REPLAYED.indexOf(source.channel),
        rows: [],
        at: 0,
        next: undefined,
        isOver: false
      }))
      .toSorted((a, b) => a.rank - b.rank)
  }

  /** Whether the next row of each source is here. */
  get isLoaded(): boolean {
    return this.#heads.every(({ rows, at, isOver }) => isOver || at < rows.length)
  }

  get isOver(): boolean {
    return this.#heads.every(({ isOver }) => isOver)
  }

  /** The time of the next row, epoch ms; undefined when there is none. */
  get nextMs(): number | undefined {
    return this.#first()?.rows.timeMs
  }

  /** Reads what is missing of the next rows. May be called again after a failure. */
  async load(): Promise<void> {
    await Promise.all(this.#heads.map(load))
  }

  /**
   * Rows up to a time, it included, for one message; undefined when there are none. It may end earlier, where a
   * source must be loaded or where the channels of a message would no longer stand in the order of their rows.
   */
  take(untilMs: number, most: number): RowBatch | undefined {
    const rows = new Map<ReplayedChannel, string[]>()
    let [count, rank, timeMs] = [0, 0, -Infinity]
    while (count < most && this.isLoaded) {
      const first = this.#first()
      if (first === undefined || first.rows.timeMs > untilMs || first.head.rank < rank) break
      const { head } = first
      rank = head.rank
      const { channel } = head.source
      const list = rows.get(channel)
      if (list === undefined) rows.set(channel, [first.rows.text])
      else list.push(first.rows.text)
      ;({ timeMs } = first.rows)
      head.at++
      count++
    }
    return count === 0 ? undefined : { rows, count, timeMs }
  }

  async close(): Promise<void> {
    await Promise.all(this.#heads.map(({ source }) => source.close()))
  }

  #first(): { head: Head; rows: TimedRow } | undefined {
    let first: { head: Head; rows: TimedRow } | undefined
    for (const head of this.#heads) {
      const rows = head.rows[head.at]
      if (rows !== undefined && (first === undefined || rows.timeMs < first.rows.timeMs))
        first = { head, rows }
    }
    return first
  }
}

async function load(head: Head): Promise<void> {
  if (head.isOver || head.at < head.rows.length) return
  try {
    head.rows = await (head.next ?? head.source.next())
  } finally {
    head.next = undefined
  }
  head.at = 0
  head.isOver = head.rows.length === 0
  if (head.isOver) return
  head.next = head.source.next()
  head.next.catch(() => undefined) // found by the load that needs it
}
