import { Random } from './random.ts'

/** What can be killed; consumers are two in one group. */
export const VICTIMS = ['consumer', 'producer', 'broker', 'mongod'] as const
export type Victim = (typeof VICTIMS)[number]

/** One fault. All its numbers come from the seed. */
export interface Fault {
  /** A pause is a SIGSTOP until the group has reassigned the partitions, then SIGCONT. */
  readonly kind: 'kill' | 'pause'
  readonly victim: Victim
  /** Which of two processes of that kind is preferred: 0 or 1. */
  readonly member: number
  /** The share of the tape that is sent before, 0 to 1. */
  readonly atShare: number
  /** From the kill to the restart, or the length of the pause, ms. */
  readonly restMs: number
  /** Does not wait for progress after the fault before. */
  readonly isAtOnce: boolean
}

export interface FaultPlanOptions {
  readonly kills: number
  readonly seed: number
  readonly spared?: readonly Victim[]
}

/** How often each is killed, relative to the others. */
const WEIGHTS: Readonly<Record<Victim, number>> = {
  consumer: 45,
  mongod: 25,
  producer: 15,
  broker: 15
}
const KILLS_PER_PAUSE = 10
/** Longer than the group's session timeout of 6 s. */
const PAUSE_MS = { from: 8000, to: 11_000 }
const REST_MS = { from: 0, to: 1500 }
/** The share of faults that follow the one before without waiting. */
const AT_ONCE_SHARE = 0.15
/** The last fault comes before the tape ends, so that it hits a working pipeline. */
const LAST_SHARE = 0.95

/**
 * The faults of a run in order, spread over the tape: exactly `kills` kills, each kind by its weight and at
 * least once, and pauses of a consumer between them.
 */
export function planFaults({ kills, seed, spared = [] }: FaultPlanOptions): Fault[] {
  const random = new Random(seed)
  const victims = VICTIMS.filter((victim) => !spared.includes(victim))
  const isConsumerSpared = spared.includes('consumer')
  const pauses = isConsumerSpared || kills === 0 ? 0 : Math.ceil(kills / KILLS_PER_PAUSE)
  const faults = random.shuffled([
    ...killsOf(victims, kills).map((victim) => ({ kind: 'kill' as const, victim })),
    ...Array.from({ length: pauses }, () => ({
      kind: 'pause' as const,
      victim: 'consumer' as const
    }))
  ])
  return faults.map(({ kind, victim }, index) => {
    const { from, to } = kind === 'pause' ? PAUSE_MS : REST_MS
    return {
      kind,
      victim,
      member: random.next() < 0.5 ? 0 : 1,
      atShare: ((index + random.between(0.2, 0.8)) / faults.length) * LAST_SHARE,
      restMs: Math.round(random.between(from, to)),
      isAtOnce: random.next() < AT_ONCE_SHARE
    }
  })
}

function killsOf(victims: readonly Victim[], kills: number): Victim[] {
  const total = victims.reduce((sum, victim) => sum + WEIGHTS[victim], 0)
  const chosen = victims.slice(0, kills)
  // Each next kill goes to the kind that is furthest behind its share.
  while (chosen.length < kills) {
    const behind = victims.map((victim) => {
      const done = chosen.filter((one) => one === victim).length
      return { victim, by: (WEIGHTS[victim] / total) * (chosen.length + 1) - done }
    })
    const next = behind.reduce((a, b) => (b.by > a.by ? b : a))
    chosen.push(next.victim)
  }
  return chosen
}
