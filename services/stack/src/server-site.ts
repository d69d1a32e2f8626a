import type { Env } from '@tapedeck/core'
import type { DataLock } from './data-lock.ts'
import type { OrphanGuard } from './orphan-guard.ts'
import type { PortMemory } from './ports.ts'

/** Where and under whose care a server runs. */
export interface ServerSite {
  readonly dataDir: string
  readonly cacheDir: string
  readonly lock: DataLock
  readonly ports: PortMemory
  readonly guard: OrphanGuard
  readonly env: Env
  readonly signal: AbortSignal
  /** The broker's largest heap, MiB. */
  readonly heapMebibytes: number
  /** mongod's cache, GB; 0.25 is its least. */
  readonly cacheGigabytes: number
  /** True: a new folder asks for 29092 and 27117 first; tests take any port. */
  readonly preferredPorts: boolean
}
