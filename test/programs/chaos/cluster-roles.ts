import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { withTimeout } from '@tapedeck/core'
import { createClient } from '@tapedeck/kafka'
import type { Servers } from '@tapedeck/stack/testing'
import type { Fault } from './fault-plan.ts'
import type { Harness } from './harness.ts'

type Kind = 'broker' | 'mongod'

/** A server process that can be hit. */
export interface Member {
  readonly name: string
  readonly server: Servers['kafka']['nodes'][number]
  readonly pid: number
  /** In words, for a fault's description: `, the primary`. */
  readonly role: string
}

const ASK_LIMIT_MS = 1500

/** Knows which member of a cluster has the others depending on it. */
export class ClusterRoles {
  readonly #harness: Harness

  constructor(harness: Harness) {
    this.#harness = harness
  }

  membersOf(kind: Kind): Member[] {
    const { kafka, mongod } = this.#harness.servers
    const { nodes } = kind === 'broker' ? kafka : mongod
    return nodes.flatMap((server) => {
      const { pid } = server.current()
      return pid === undefined ? [] : [{ name: server.name, server, pid, role: '' }]
    })
  }

  /** The member of these that a fault hits: the one of its role, or another when that one is down. */
  async choose(
    kind: Kind,
    members: readonly Member[],
    { role, member }: Fault
  ): Promise<Member | undefined> {
    const other = members[member % members.length]
    if (role === 'any') return other
    const [index, word] =
      role === 'controller'
        ? [await this.#controller(), 'the active controller']
        : kind === 'broker'
          ? [await this.#leader(), 'which leads partition 0']
          : [await this.#primary(), 'the primary']
    const chosen = members.find(({ server }) => server === this.#nodeAt(kind, index))
    return chosen === undefined ? other : { ...chosen, role: `, ${word}` }
  }

  #nodeAt(kind: Kind, index: number | undefined): Member['server'] | undefined {
    const { kafka, mongod } = this.#harness.servers
    return index === undefined ? undefined : (kind === 'broker' ? kafka : mongod).nodes[index]
  }

  async #primary(): Promise<number | undefined> {
    const { database, servers } = this.#harness
    try {
      const { me } = await withTimeout(
        database.db.command({ hello: 1 }),
        ASK_LIMIT_MS,
        'Asking for the primary'
      )
      return servers.mongod.nodes.findIndex((node) => node.current().address.endsWith(`/${me}`))
    } catch {
      return undefined // there is none
    }
  }

  async #leader(): Promise<number | undefined> {
    const { kafka } = this.#harness
    const admin = createClient(kafka, 'tapedeck-chaos', undefined, 0).admin()
    try {
      await admin.connect()
      const { topics } = await admin.fetchTopicMetadata({ topics: [kafka.topic] })
      const first = topics[0]?.partitions.find(({ partitionId }) => partitionId === 0)
      return first === undefined ? undefined : first.leader - 1
    } catch {
      return undefined
    } finally {
      await admin.disconnect().catch(() => undefined)
    }
  }

  /** kafkajs cannot ask for it: brokers name any of them to clients. Each keeps its view of the quorum on disk. */
  async #controller(): Promise<number | undefined> {
    const { folder, servers } = this.#harness
    const views = await Promise.all(
      servers.kafka.nodes.map(async (_node, index) => {
        const own = index === 0 ? 'kafka' : `kafka-${index + 1}`
        const file = path.join(folder, own, 'data', '__cluster_metadata-0', 'quorum-state')
        const text = await readFile(file, 'utf8').catch(() => '{}')
        return JSON.parse(text) as { leaderId?: number; leaderEpoch?: number }
      })
    )
    const known = views.filter(({ leaderId = -1 }) => leaderId > 0)
    const newest = known.toSorted((a, b) => (b.leaderEpoch ?? 0) - (a.leaderEpoch ?? 0))[0]
    return newest?.leaderId === undefined ? undefined : newest.leaderId - 1
  }
}
