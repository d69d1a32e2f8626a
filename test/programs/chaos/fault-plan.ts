import { Random } from './random.ts'

/** What can be killed; the consumers are in one group. */
export const VICTIMS = ['consumer', 'producer', 'broker', 'mongod'] as const
export type Victim = (typeof VICTIMS)[number]

/**
 * Which member of a cluster a fault hits: the mongod that is the primary or the broker that leads the newest
 * records, the active controller of the brokers, or any.
 */
type Role = 'leader' | 'controller' | 'any'

/** One fault. All its numbers come from the seed. */
export interface Fault {
  /**
   * A pause is a SIGSTOP, then SIGCONT; of a consumer once the group has reassigned its partitions. In the present the
   * feed is also cut from the producer, and a symbol dropped and followed again.
   */
  readonly kind: 'kill' | 'pause' | 'cut' | 'drop'
  readonly victim: Victim
  /** Which of the processes of that kind, or of the symbols, is preferred, from 0 on. */
  readonly member: number
  readonly role: Role
  /** The share of the tape that is sent before, 0 to 1. */
  readonly atShare: number
  /** From the kill to the restart, or the length of the pause or outage, ms. */
  readonly restMs: number
  /** Does not wait for progress after the fault before. */
  readonly isAtOnce: boolean
}

export interface FaultPlanOptions {
  readonly kills: number
  readonly seed: number
  readonly isCluster?: boolean
  readonly spared?: readonly Victim[]
  /** 2 by default. */
  readonly consumers?: number
  /**
   * The tape plays in the present, so that outages meet bars: killed producers stay down, the feed is cut and symbols
   * are dropped for 3 s up to this long, ms.
   */
  readonly longestOutageMs?: number
}

type Weights = Readonly<Record<Victim, number>>

/** How often each is killed, relative to the others. */
const WEIGHTS: Weights = { consumer: 45, mongod: 25, producer: 15, broker: 15 }
const CLUSTER_WEIGHTS: Weights = { consumer: 12, mongod: 40, producer: 8, broker: 40 }
const KILLS_PER_PAUSE = 10
/** Longer than the group's session timeout of 6 s. */
const PAUSE_MS = { from: 8000, to: 11_000 }
const REST_MS = { from: 0, to: 1500 }
const SHORTEST_OUTAGE_MS = 3000
/** Places of symbols that a fault tells apart. */
const MOST_SYMBOLS = 1000
/** The share of faults that follow the one before without waiting. */
const AT_ONCE_SHARE = 0.15
/** In a cluster this is how two members are down one after another. */
const CLUSTER_AT_ONCE_SHARE = 0.3
/** The last fault comes before the tape ends, so that it hits a working pipeline. */
const LAST_SHARE = 0.95

/**
 * The faults of a run in order, spread over the tape: exactly `kills` kills, each kind by its weight and at
 * least once, and pauses of a consumer between them.
 */
export function planFaults({
  kills,
  seed,
  isCluster = false,
  spared = [],
  consumers = 2,
  longestOutageMs
}: FaultPlanOptions): Fault[] {
  const random = new Random(seed)
  const victims = VICTIMS.filter((victim) => !spared.includes(victim))
  const pausable = (isCluster ? VICTIMS : (['consumer'] as const)).filter(
    (victim) => victim !== 'producer' && !spared.includes(victim)
  )
  const pausesOfEach = kills === 0 ? 0 : Math.ceil(kills / KILLS_PER_PAUSE)
  const ofEach = <Kind>(kind: Kind): { kind: Kind; victim: 'producer' }[] =>
    Array.from({ length: pausesOfEach }, () => ({ kind, victim: 'producer' }))
  const weights = isCluster ? CLUSTER_WEIGHTS : WEIGHTS
  const faults = random.shuffled([
    ...killsOf(victims, kills, weights).map((victim) => ({ kind: 'kill' as const, victim })),
    ...pausable.flatMap((victim) =>
      Array.from({ length: pausesOfEach }, () => ({ kind: 'pause' as const, victim }))
    ),
    ...(longestOutageMs === undefined
      ? []
      : [...ofEach('cut' as const), ...ofEach('drop' as const)])
  ])
  return faults.map(({ kind, victim }, index) => {
    const { from, to } = kind === 'pause' ? PAUSE_MS : REST_MS
    const members = kind === 'drop' ? MOST_SYMBOLS : isCluster && isServer(victim) ? 3 : consumers
    const outageMs = victim === 'producer' ? longestOutageMs : undefined
    return {
      kind,
      victim,
      member: Math.floor(random.next() * members),
      role: isCluster && isServer(victim) ? roleOf(victim, random.next()) : 'any',
      atShare: ((index + random.between(0.2, 0.8)) / faults.length) * LAST_SHARE,
      restMs: Math.round(
        outageMs === undefined ? random.between(from, to) : lengthOfOutage(random.next(), outageMs)
      ),
      isAtOnce:
        random.next() < (isCluster ? CLUSTER_AT_ONCE_SHARE : AT_ONCE_SHARE) &&
        outageMs === undefined
    }
  })
}

/** Mostly short, some much longer. */
function lengthOfOutage(drawn: number, longestMs: number): number {
  return SHORTEST_OUTAGE_MS * Math.max(1, longestMs / SHORTEST_OUTAGE_MS) ** drawn
}

export function isServer(victim: Victim): victim is 'broker' | 'mongod' {
  return victim === 'broker' || victim === 'mongod'
}

/** Half of the faults hit the member that the others depend on. */
function roleOf(victim: Victim, drawn: number): Role {
  if (drawn >= 0.5) return 'any'
  return victim === 'broker' && drawn >= 0.25 ? 'controller' : 'leader'
}

function killsOf(victims: readonly Victim[], kills: number, weights: Weights): Victim[] {
  const total = victims.reduce((sum, victim) => sum + weights[victim], 0)
  const chosen = victims.slice(0, kills)
  // Each next kill goes to the kind that is furthest behind its share.
  while (chosen.length < kills) {
    const behind = victims.map((victim) => {
      const done = chosen.filter((one) => one === victim).length
      return { victim, by: (weights[victim] / total) * (chosen.length + 1) - done }
    })
    const next = behind.reduce((a, b) => (b.by > a.by ? b : a))
    chosen.push(next.victim)
  }
  return chosen
}
