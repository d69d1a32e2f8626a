import { Random } from './random.ts'

/** What can be killed; consumers are two in one group. */
export const VICTIMS = ['consumer', 'producer', 'broker', 'mongod'] as const
export type Victim = (typeof VICTIMS)[number]

/** One blow. All its numbers come from the seed. */
export interface Strike {
  /** A pause is a SIGSTOP that lasts until the group has given the partitions away, then SIGCONT. */
  readonly kind: 'kill' | 'pause'
  readonly victim: Victim
  /** Which of several processes of that kind is preferred: 0 or 1. */
  readonly member: number
  /** How much of the tape is to be sent before, 0 to 1. */
  readonly atShare: number
  /** From death to the next start, or how long the pause lasts, ms. */
  readonly restMs: number
  /** Does not wait until the pipeline moves again after the strike before. */
  readonly isAtOnce: boolean
}

export interface StrikeOptions {
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
/** The group gives up a silent member after 6 s. */
const PAUSE_MS = { from: 8000, to: 11_000 }
const REST_MS = { from: 0, to: 1500 }
/** So many strikes follow the one before without waiting. */
const AT_ONCE_SHARE = 0.15
/** The last strike comes before the tape ends, so that it hits running work. */
const LAST_SHARE = 0.95

/**
 * The blows of a run in order, spread over the tape: exactly `kills` kills, each kind by its weight
 * and at least once, and pauses of a consumer between them.
 */
export function planStrikes({ kills, seed, spared = [] }: StrikeOptions): Strike[] {
  const random = new Random(seed)
  const victims = VICTIMS.filter((victim) => !spared.includes(victim))
  const isConsumerSpared = spared.includes('consumer')
  const pauses = isConsumerSpared || kills === 0 ? 0 : Math.ceil(kills / KILLS_PER_PAUSE)
  const blows = random.shuffled([
    ...killsOf(victims, kills).map((victim) => ({ kind: 'kill' as const, victim })),
    ...Array.from({ length: pauses }, () => ({
      kind: 'pause' as const,
      victim: 'consumer' as const
    }))
  ])
  return blows.map(({ kind, victim }, index) => {
    const { from, to } = kind === 'pause' ? PAUSE_MS : REST_MS
    return {
      kind,
      victim,
      member: random.next() < 0.5 ? 0 : 1,
      atShare: ((index + random.between(0.2, 0.8)) / blows.length) * LAST_SHARE,
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
