import type { Movement, PartitionMark } from './movement.ts'
import type { Victim } from './strikes.ts'

/** How long it took from a kill to the first newly stored trade. */
export interface RecoveryTimes {
  readonly measured: number
  readonly p50Ms: number
  readonly maxMs: number
}

interface Open {
  readonly victim: Victim
  readonly killedMs: number
  /** A consumer's partitions must be taken up by another process than this. */
  readonly pid: number | undefined
  /** Whether the victim works again, asked until it does. */
  readonly isBack: () => Promise<boolean>
  /** Where the partitions stood; undefined until the victim is back. */
  since: ReadonlyMap<string, PartitionMark> | undefined
}

/**
 * Measures recoveries. After a consumer's kill: until a partition it had is stored further by another
 * process. After the other kinds: until the victim works again and any partition is stored further.
 */
export class Recoveries {
  readonly #movement: Movement
  readonly #times = new Map<Victim, number[]>()
  #open: Open[] = []

  constructor(movement: Movement) {
    this.#movement = movement
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

  /** To be called after each look at the movement. */
  async look(): Promise<void> {
    const nowMs = performance.now()
    const stillOpen: Open[] = []
    for (const one of this.#open) {
      if (one.since === undefined) {
        if (await one.isBack()) one.since = this.#movement.marks
        stillOpen.push(one)
      } else if (this.#movement.hasAdvanced(one.since, one.pid)) {
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
