import { messageOf, retry, TapedeckError, withTimeout } from '@tapedeck/core'
import { MongoClient, MongoServerError, type Document } from 'mongodb'

interface ReplicaSet {
  readonly name: string
  /** host:port of every member, the first one reachable. */
  readonly hosts: readonly string[]
  /** How long the election of a primary may take, ms. */
  readonly limitMs: number
}

/** A dead primary is replaced after this; the default of 10 s is made for networks, not for one machine. */
const ELECTION_MS = 5000
const HEARTBEAT_MS = 1000
const CONNECT_LIMIT_MS = 5000
const POLL_MS = 100
const NOT_YET_INITIALIZED = 94

/**
 * Makes a replica set of running members, or gives the set that they form their present addresses; then waits
 * until it has a primary.
 *
 * @throws SERVER_FAILED when it has none within the limit; ABORTED
 */
export async function ensureReplicaSet(
  { name, hosts, limitMs }: ReplicaSet,
  signal: AbortSignal
): Promise<void> {
  const client = new MongoClient(`mongodb://${hosts[0]}/?directConnection=true`, {
    appName: 'tapedeck-stack',
    serverSelectionTimeoutMS: CONNECT_LIMIT_MS
  })
  const ask = (command: Document): Promise<Document> =>
    withTimeout(client.db('admin').command(command), limitMs, 'The command')
  const configure = async (): Promise<void> => {
    const config = await presentConfig(() => ask({ replSetGetConfig: 1 }))
    if (config === undefined) {
      const members = hosts.map((host, _id) => ({ _id, host }))
      const settings = { electionTimeoutMillis: ELECTION_MS, heartbeatIntervalMillis: HEARTBEAT_MS }
      await ask({ replSetInitiate: { _id: name, members, settings } })
    } else if (config.members.some(({ host }, index) => host !== hosts[index])) {
      const members = config.members.map((member, index) => ({ ...member, host: hosts[index] }))
      const version = config.version + 1
      // Forced: under their new addresses the members have no primary that could agree.
      await ask({ replSetReconfig: { ...config, members, version }, force: true })
    }
  }
  const awaitPrimary = async (): Promise<void> => {
    const { members } = await ask({ replSetGetStatus: 1 })
    const states = (members as readonly { name: string; stateStr: string }[]).map(
      (member) => `${member.name} ${member.stateStr}`
    )
    if (states.filter((state) => /PRIMARY|SECONDARY/.test(state)).length < hosts.length)
      throw new Error(`found ${states.join(', ')}`)
    if (!states.some((state) => state.endsWith(' PRIMARY'))) throw new Error('found no primary')
  }
  const polling = { delayMs: () => POLL_MS, limitMs, signal, isRetryable: () => true }
  try {
    await retry(configure, polling)
    await retry(awaitPrimary, polling)
  } catch (cause) {
    signal.throwIfAborted()
    throw new TapedeckError(
      'SERVER_FAILED',
      `Cannot form the replica set ${name}: ${messageOf(cause)}, expected a primary and ${hosts.length - 1} secondaries`,
      { cause }
    )
  } finally {
    await client.close()
  }
}

interface SetConfig extends Document {
  readonly version: number
  readonly members: readonly { readonly host: string }[]
}

/** Undefined while the member belongs to no set. */
async function presentConfig(ask: () => Promise<Document>): Promise<SetConfig | undefined> {
  try {
    const { config } = await ask()
    return config as SetConfig
  } catch (error) {
    if (error instanceof MongoServerError && error.code === NOT_YET_INITIALIZED) return undefined
    throw error
  }
}
