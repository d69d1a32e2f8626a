import type { CheckpointWatch, PartitionMark } from './checkpoint-watch.ts'
import type { Victim } from './fault-plan.ts'

/** Times from a kill to the first newly stored trade. */
export interface RecoveryTimes {
  readonly measured: number
  readonly p50Ms: number
  readonly maxMs: number
}

interface Open {
  readonly victim: Victim
  readonly killedMs: number
  /** Of a killed consumer: another process must take its partitions over. */
  readonly pid: number | undefined
  /** Whether the victim works again; polled until it does. */
  readonly isBack: () => Promise<boolean>
  /** The partitions' offsets then; undefined until the victim is back. */
  since: ReadonlyMap<string, PartitionMark> | undefined
}

/**
 * Measures recoveries. After a consumer's kill: until a partition it had is stored further by another
 * process. After the other kinds: until the victim works again and any partition is stored further.
 */
export class Recoveries {
  readonly #checkpoints: CheckpointWatch
  readonly #times = new Map<Victim, number[]>()
  #open: Open[] = []

  constructor(checkpoints: CheckpointWatch) {
    this.#checkpoints = checkpoints
  }

  consumerKilled(pid: number, owned: ReadonlyMap<string, PartitionMark>): void {
    if (owned.size === 0) return
    this.#open.push({
      victim: 'consumer',
      killedMs: performance.now(),
      pid,
      isBack: () => Promise.resolve(true),
      since: owned
    })
  }

  killed(victim: Victim, isBack: () => Promise<boolean>): void {
    this.#open.push({
      victim,
      killedMs: performance.now(),
      pid: undefined,
      isBack,
      since: undefined
    })
  }

  /** Call it after each poll of the checkpoints. */
  async poll(): Promise<void> {
    const nowMs = performance.now()
    const stillOpen: Open[] = []
    for (const one of this.#open) {
      if (one.since === undefined) {
        if (await one.isBack()) one.since = this.#checkpoints.marks
        stillOpen.push(one)
      } else if (this.#checkpoints.hasAdvanced(one.since, one.pid)) {
        const times = this.#times.get(one.victim) ?? []
        times.push(nowMs - one.killedMs)
        this.#times.set(one.victim, times)
      } else stillOpen.push(one)
    }
    this.#open = stillOpen
  }

  /** Undefined for a kind that was not measured. */
  of(victim: Victim): RecoveryTimes | undefined {
    const times = this.#times.get(victim)?.toSorted((a, b) => a - b)
    if (times === undefined) return undefined
    return {
      measured: times.length,
      p50Ms: Math.round(times[Math.floor(times.length / 2)] ?? 0),
      maxMs: Math.round(times.at(-1) ?? 0)
    }
  }
}
