import type { Recoveries } from './recoveries.ts'
import type { Movement } from './movement.ts'
import type { Stage } from './stage.ts'
import type { Strike, Victim } from './strikes.ts'
import type { KeptService } from './kept-service.ts'

interface Asleep {
  readonly service: KeptService
  readonly pid: number
  readonly lives: number
  readonly wakeMs: number
  readonly hadPartitions: boolean
}

/** How much longer a sleeper may sleep that has not lost its partitions yet. */
const LONGER_MS = 15_000

/** Carries strikes out on whatever of their kind is alive. */
export class Striker {
  readonly #stage: Stage
  readonly #movement: Movement
  readonly #recoveries: Recoveries
  readonly #kills = new Map<Victim, number>()
  /** Servers that were killed and have not come back under another pid. */
  readonly #dead = new Map<Victim, number>()
  #asleep: Asleep[] = []
  #pauses = 0
  #robbed = 0

  constructor(stage: Stage, movement: Movement, recoveries: Recoveries) {
    this.#stage = stage
    this.#movement = movement
    this.#recoveries = recoveries
  }

  killsOf(victim: Victim): number {
    return this.#kills.get(victim) ?? 0
  }

  get kills(): number {
    return [...this.#kills.values()].reduce((sum, one) => sum + one, 0)
  }

  get pauses(): number {
    return this.#pauses
  }

  /** Sleepers that had lost every partition when they woke up. */
  get robbed(): number {
    return this.#robbed
  }

  get hasSleepers(): boolean {
    return this.#asleep.length > 0
  }

  /** What was struck, in words; undefined while nothing of that kind is alive. */
  strike(strike: Strike): string | undefined {
    if (strike.kind === 'pause') return this.#pause(strike)
    const { victim } = strike
    const struck =
      victim === 'consumer'
        ? this.#killConsumer(strike)
        : victim === 'producer'
          ? this.#killProducer(strike)
          : this.#killServer(victim)
    if (struck !== undefined) this.#kills.set(victim, this.killsOf(victim) + 1)
    return struck
  }

  /** Wakes those whose time has come; to be called after each look at the movement. */
  wake(): void {
    const nowMs = performance.now()
    this.#asleep = this.#asleep.filter(({ service, pid, lives, wakeMs, hadPartitions }) => {
      const isRobbed = hadPartitions && this.#movement.ownedBy(pid).size === 0
      // While the broker or the other consumer is away, nobody can take them.
      const isWorthWaiting = hadPartitions && !isRobbed && nowMs < wakeMs + LONGER_MS
      if (nowMs < wakeMs || isWorthWaiting) return true
      if (service.lives === lives && service.running !== undefined) {
        if (isRobbed) this.#robbed++
        service.resume()
      }
      return false
    })
  }

  #killConsumer({ member, restMs }: Strike): string | undefined {
    const service = this.#awakeConsumer(member)
    const owned = this.#movement.ownedBy(service?.running?.pid ?? -1)
    const pid = service?.kill(restMs)
    if (service === undefined || pid === undefined) return undefined
    this.#recoveries.consumerKilled(pid, owned)
    return `${service.name} killed, it had ${owned.size} partitions with trades`
  }

  #killProducer({ restMs }: Strike): string | undefined {
    const { producer } = this.#stage
    const { lives } = producer
    if (producer.kill(restMs) === undefined) return undefined
    this.#recoveries.killed('producer', async () => {
      if (producer.lives === lives || producer.running === undefined) return false
      const published = await producer.running
        .metric('tapedeck_trades_published_total')
        .catch(() => 0)
      return published > 0
    })
    return 'producer killed'
  }

  #killServer(victim: 'broker' | 'mongod'): string | undefined {
    const server = this.#stage.servers[victim === 'broker' ? 'kafka' : 'mongod']
    const { pid } = server.current()
    if (pid === undefined || this.#dead.get(victim) === pid) return undefined
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      return undefined
    }
    this.#dead.set(victim, pid)
    this.#recoveries.killed(victim, () => Promise.resolve(server.current().pid !== pid))
    return `${victim} killed`
  }

  #pause({ member, restMs }: Strike): string | undefined {
    const service = this.#awakeConsumer(member)
    const pid = service?.pause()
    if (service === undefined || pid === undefined) return undefined
    this.#pauses++
    this.#asleep.push({
      service,
      pid,
      lives: service.lives,
      wakeMs: performance.now() + restMs,
      hadPartitions: this.#movement.ownedBy(pid).size > 0
    })
    return `${service.name} put to sleep for ${(restMs / 1000).toFixed(1)} s`
  }

  #awakeConsumer(preferred: number): KeptService | undefined {
    const { consumers } = this.#stage
    const other = consumers[1 - preferred]
    return [consumers[preferred], other].find((service) => service?.isAwake)
  }
}
