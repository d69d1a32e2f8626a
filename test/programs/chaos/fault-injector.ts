import type { Recoveries } from './recoveries.ts'
import type { CheckpointWatch } from './checkpoint-watch.ts'
import type { Harness } from './harness.ts'
import type { Fault, Victim } from './fault-plan.ts'
import type { SupervisedService } from './supervised-service.ts'

interface Paused {
  readonly service: SupervisedService
  readonly pid: number
  readonly starts: number
  readonly resumeAtMs: number
  readonly hadPartitions: boolean
}

/** A pause is prolonged by this much while the group has not taken the partitions away. */
const EXTRA_PAUSE_MS = 15_000

/** Kills and pauses processes; a fault hits whichever process of its kind is up. */
export class FaultInjector {
  readonly #harness: Harness
  readonly #checkpoints: CheckpointWatch
  readonly #recoveries: Recoveries
  readonly #kills = new Map<Victim, number>()
  /** Pids of killed servers that have not been replaced yet. */
  readonly #dead = new Map<Victim, number>()
  #paused: Paused[] = []
  #pauses = 0
  #fenced = 0

  constructor(harness: Harness, checkpoints: CheckpointWatch, recoveries: Recoveries) {
    this.#harness = harness
    this.#checkpoints = checkpoints
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

  /** Paused consumers that had lost every partition when they were resumed. */
  get fenced(): number {
    return this.#fenced
  }

  get hasPaused(): boolean {
    return this.#paused.length > 0
  }

  /** Injects a fault and describes it; undefined while no process of that kind is up. */
  inject(fault: Fault): string | undefined {
    if (fault.kind === 'pause') return this.#pause(fault)
    const { victim } = fault
    const injected =
      victim === 'consumer'
        ? this.#killConsumer(fault)
        : victim === 'producer'
          ? this.#killProducer(fault)
          : this.#killServer(victim)
    if (injected !== undefined) this.#kills.set(victim, this.killsOf(victim) + 1)
    return injected
  }

  /** Resumes the consumers whose pause is over. Call it after each poll of the checkpoints. */
  resumeDue(): void {
    const nowMs = performance.now()
    this.#paused = this.#paused.filter(({ service, pid, starts, resumeAtMs, hadPartitions }) => {
      const isFenced = hadPartitions && this.#checkpoints.ownedBy(pid).size === 0
      // While the broker or the other consumer is down, no process can take them over.
      const isWorthWaiting = hadPartitions && !isFenced && nowMs < resumeAtMs + EXTRA_PAUSE_MS
      if (nowMs < resumeAtMs || isWorthWaiting) return true
      if (service.starts === starts && service.running !== undefined) {
        if (isFenced) this.#fenced++
        service.resume()
      }
      return false
    })
  }

  #killConsumer({ member, restMs }: Fault): string | undefined {
    const service = this.#activeConsumer(member)
    const owned = this.#checkpoints.ownedBy(service?.running?.pid ?? -1)
    const pid = service?.kill(restMs)
    if (service === undefined || pid === undefined) return undefined
    this.#recoveries.consumerKilled(pid, owned)
    return `${service.name} killed, which owned ${owned.size} partitions with trades`
  }

  #killProducer({ restMs }: Fault): string | undefined {
    const { producer } = this.#harness
    const { starts } = producer
    if (producer.kill(restMs) === undefined) return undefined
    this.#recoveries.killed('producer', async () => {
      if (producer.starts === starts || producer.running === undefined) return false
      const published = await producer.running
        .metric('tapedeck_trades_published_total')
        .catch(() => 0)
      return published > 0
    })
    return 'producer killed'
  }

  #killServer(victim: 'broker' | 'mongod'): string | undefined {
    const server = this.#harness.servers[victim === 'broker' ? 'kafka' : 'mongod']
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

  #pause({ member, restMs }: Fault): string | undefined {
    const service = this.#activeConsumer(member)
    const pid = service?.pause()
    if (service === undefined || pid === undefined) return undefined
    this.#pauses++
    this.#paused.push({
      service,
      pid,
      starts: service.starts,
      resumeAtMs: performance.now() + restMs,
      hadPartitions: this.#checkpoints.ownedBy(pid).size > 0
    })
    return `${service.name} paused for ${(restMs / 1000).toFixed(1)} s`
  }

  #activeConsumer(preferred: number): SupervisedService | undefined {
    const { consumers } = this.#harness
    const other = consumers[1 - preferred]
    return [consumers[preferred], other].find((service) => service?.isActive)
  }
}
