import type { Recoveries } from './recoveries.ts'
import type { CheckpointWatch } from './checkpoint-watch.ts'
import type { Harness } from './harness.ts'
import { ClusterRoles, type Member } from './cluster-roles.ts'
import { isServer, type Fault, type Victim } from './fault-plan.ts'
import type { SupervisedService } from './supervised-service.ts'

interface Paused {
  readonly service: SupervisedService
  readonly pid: number
  readonly starts: number
  readonly resumeAtMs: number
  readonly hadPartitions: boolean
}

interface PausedServer {
  readonly victim: 'broker' | 'mongod'
  readonly pid: number
  readonly resumeAtMs: number
}

/** A pause is prolonged by this much while the group has not taken the partitions away. */
const EXTRA_PAUSE_MS = 15_000

/** Kills and pauses processes; a fault hits whichever process of its kind is up. */
export class FaultInjector {
  readonly #harness: Harness
  readonly #checkpoints: CheckpointWatch
  readonly #recoveries: Recoveries
  readonly #kills = new Map<Victim, number>()
  readonly #roles: ClusterRoles
  /** Pids of killed servers; a new process has another. */
  readonly #dead = new Set<number>()
  #paused: Paused[] = []
  #pausedServer: PausedServer | undefined
  #pauses = 0
  #serverPauses = 0
  #fenced = 0

  constructor(harness: Harness, checkpoints: CheckpointWatch, recoveries: Recoveries) {
    this.#harness = harness
    this.#checkpoints = checkpoints
    this.#recoveries = recoveries
    this.#roles = new ClusterRoles(harness)
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

  get serverPauses(): number {
    return this.#serverPauses
  }

  /** Paused consumers that had lost every partition when they were resumed. */
  get fenced(): number {
    return this.#fenced
  }

  get hasPaused(): boolean {
    return this.#paused.length > 0 || this.#pausedServer !== undefined
  }

  /** Injects a fault and describes it; undefined while no process of that kind is up. */
  async inject(fault: Fault): Promise<string | undefined> {
    const { kind, victim } = fault
    if (kind === 'pause')
      return isServer(victim) ? this.#pauseServer(victim, fault) : this.#pause(fault)
    const injected =
      victim === 'consumer'
        ? this.#killConsumer(fault)
        : victim === 'producer'
          ? this.#killProducer(fault)
          : await this.#killServer(victim, fault)
    if (injected !== undefined) this.#kills.set(victim, this.killsOf(victim) + 1)
    return injected
  }

  /** Resumes the processes whose pause is over. Call it after each poll of the checkpoints. */
  resumeDue(): void {
    const nowMs = performance.now()
    if (this.#pausedServer !== undefined && nowMs >= this.#pausedServer.resumeAtMs) {
      signalTo(this.#pausedServer.pid, 'SIGCONT')
      this.#pausedServer = undefined
    }
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

  async #killServer(victim: 'broker' | 'mongod', fault: Fault): Promise<string | undefined> {
    const member = await this.#memberFor(victim, fault)
    if (member === undefined || signalTo(member.pid, 'SIGKILL') === undefined) return undefined
    const { name, server, pid, role } = member
    this.#dead.add(pid)
    this.#recoveries.killed(victim, () => Promise.resolve(server.current().pid !== pid))
    return `${name} killed${role}`
  }

  async #pauseServer(victim: 'broker' | 'mongod', fault: Fault): Promise<string | undefined> {
    if (this.#pausedServer !== undefined) return undefined
    const member = await this.#memberFor(victim, fault)
    if (member === undefined || signalTo(member.pid, 'SIGSTOP') === undefined) return undefined
    this.#serverPauses++
    this.#pausedServer = {
      victim,
      pid: member.pid,
      resumeAtMs: performance.now() + fault.restMs
    }
    return `${member.name} paused for ${(fault.restMs / 1000).toFixed(1)} s${member.role}`
  }

  /** Undefined when a fault now would take a majority away for longer than a restart. */
  async #memberFor(victim: 'broker' | 'mongod', fault: Fault): Promise<Member | undefined> {
    const all = this.#roles.membersOf(victim)
    const alive = all.filter(({ pid }) => !this.#dead.has(pid))
    if (this.#pausedServer?.victim === victim || alive.length < Math.min(2, all.length))
      return undefined
    return this.#roles.choose(victim, alive, fault)
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
    return consumers
      .map((_, index) => consumers[(preferred + index) % consumers.length])
      .find((service) => service?.isActive)
  }
}

/** The pid, or undefined when the process has ended. */
function signalTo(pid: number, signal: NodeJS.Signals): number | undefined {
  try {
    process.kill(pid, signal)
    return pid
  } catch {
    return undefined
  }
}
