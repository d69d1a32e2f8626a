import { mkdir } from 'node:fs/promises'
import {
  hasCode,
  messageOf,
  systemClock,
  TapedeckError,
  type Child,
  type Env,
  type Guard
} from '@tapedeck/core'
import type { StackConfig } from './config.ts'
import { dockerStep, type Docker } from './docker.ts'
import { firstFound, lastLines, type Search, type Step } from './find.ts'
import { bytesOf, openLog, searchLog, tailOf, type LogFile } from './logs.ts'
import { checkMembers, membersOf, type Member, type MemberKind } from './members.ts'
import { isFree, type PortMemory } from './ports.ts'
import { StartLimit } from './start-limit.ts'
import { supervise, type RunningServer, type Supervised } from './supervise.ts'
import type { Troubles } from './troubles.ts'

/** A server program on this machine. */
export interface Program {
  readonly kind: 'program'
  /** Absolute: the program itself, or the folder of its parts. */
  readonly path: string
  readonly version: string
}

/** A kind of server that the stack can start: `P` is its program, `N` the names of its ports. */
export interface ServerKind<P extends Program, N extends string> extends MemberKind<N> {
  /** The name of the program in messages. */
  readonly what: string
  /** What to do when none is found. */
  readonly remedy: string
  /** Checks the user's own server, when one is configured; throws SERVER_MISSING if it does not answer. */
  readonly external: (config: StackConfig) => (() => Promise<RunningServer>) | undefined
  readonly steps: (search: Search) => Step<P>[]
  readonly describe: (program: P) => string
  /** Runs before the first start of the members. */
  readonly prepare?: (program: P, members: readonly Member<N>[], site: ServerSite) => Promise<void>
  readonly start: (program: P, member: Member<N>, site: ServerSite) => Promise<RunningServer>
  /** Makes a cluster of members that run. */
  readonly join?: (addresses: readonly string[], signal: AbortSignal) => Promise<void>
  /** The address by which clients reach the members. */
  readonly addressOf: (addresses: readonly string[]) => string
  /** Undefined: it never runs in Docker. */
  readonly startContainer?: () => Promise<RunningServer>
  /** False: no service waits for it, so its trouble explains none of theirs. */
  readonly isRoot?: boolean
}

/** Where a server runs and what it uses. */
export interface ServerSite {
  readonly config: StackConfig
  readonly search: Search
  readonly guard: Guard
  readonly ports: PortMemory
  readonly troubles: Troubles
  readonly signal: AbortSignal
  /** The broker's largest heap, MiB. */
  readonly heapMebibytes: number
  /** True: a new data folder asks for the preferred ports first; false: for any. */
  readonly preferredPorts: boolean
}

/** The servers of one kind, each kept running. */
export interface ServerGroup {
  /** One, or the members of a cluster in order. */
  readonly nodes: readonly NamedServer[]
  /** host:port list of the brokers, or the URI of the database. */
  address(): string
  stop(limitMs: number): Promise<void>
}

interface NamedServer extends Supervised<RunningServer> {
  /** `Kafka`, or `Kafka 2` in a cluster. */
  readonly name: string
}

/**
 * Starts the servers of a kind and keeps them running: the user's own, or `STACK_NODES` that are found or
 * fetched and started here. One that ends is started again on the same ports and folder.
 *
 * @throws SERVER_MISSING with every reason and the remedy; CONFIG_INVALID when the data folder holds another
 * number of members; SERVER_FAILED when one does not start; ABORTED
 */
export async function bringUp<P extends Program, N extends string>(
  kind: ServerKind<P, N>,
  site: ServerSite
): Promise<ServerGroup> {
  const { config, search, signal, troubles } = site
  const { progress } = search
  const keep = (
    name: string,
    server: RunningServer,
    again: (signal: AbortSignal) => Promise<RunningServer>
  ): NamedServer => ({
    name,
    ...supervise(name, server, { again, progress, troubles, isRoot: kind.isRoot ?? true })
  })

  const external = kind.external(config)
  if (external !== undefined) return alone(keep(kind.name, await external(), external))
  await checkMembers(kind, config)
  const { startContainer } = kind
  const mayUseDocker = startContainer !== undefined && config.mode !== 'embedded'
  const found = await firstFound<P | Docker>(
    kind.what,
    [
      ...(mayUseDocker && config.mode === 'docker' ? [] : kind.steps(search)),
      ...(mayUseDocker ? [dockerStep] : [])
    ],
    { signal, remedy: mayUseDocker ? `${kind.remedy}, or start Docker` : kind.remedy, progress }
  )
  const program = found.value
  if (program.kind === 'docker') {
    if (startContainer === undefined) throw new Error(`${kind.name} has no container`)
    if (config.nodes > 1) {
      throw new TapedeckError(
        'CONFIG_INVALID',
        `Cannot start: STACK_NODES is ${config.nodes} and ${kind.name} would run in Docker, expected 1, or ${kind.name} on this machine`
      )
    }
    progress.say(`Starting ${kind.name} in Docker`)
    return alone(keep(kind.name, await startContainer(), startContainer))
  }
  const several = config.nodes > 1 ? `, ${config.nodes} nodes` : ''
  progress.say(`Starting ${kind.name} ${program.version}${several} (${found.from})`)
  const { members, servers } = await startOnFreePorts(kind, program, site)
  const nodes = servers.map((server, index) => {
    const member = members[index] as Member<N>
    return keep(member.name, server, (againSignal) =>
      kind.start(program, member, { ...site, signal: againSignal })
    )
  })
  const addresses = servers.map(({ address }) => address)
  const group: ServerGroup = {
    nodes,
    address: () => kind.addressOf(addresses),
    stop: async (limitMs) => void (await Promise.all(nodes.map((node) => node.stop(limitMs))))
  }
  if (nodes.length > 1 && kind.join !== undefined) {
    try {
      await kind.join(addresses, signal)
    } catch (error) {
      await group.stop(STOP_LIMIT_MS)
      throw error
    }
  }
  progress.say(`${kind.name} answers at ${group.address()}`)
  return group
}

/** A container may have another address after a restart, so the address is that of the present one. */
function alone(server: NamedServer): ServerGroup {
  return {
    nodes: [server],
    address: () => server.current().address,
    stop: (limitMs) => server.stop(limitMs)
  }
}

const PORT_TRIES = 3

/** A port that was free when chosen may be taken before the server binds it; then others are chosen. */
async function startOnFreePorts<P extends Program, N extends string>(
  kind: ServerKind<P, N>,
  program: P,
  site: ServerSite
): Promise<{ members: readonly Member<N>[]; servers: RunningServer[] }> {
  const { config, ports: memory, preferredPorts } = site
  for (let attempt = 1; ; attempt++) {
    const { members, chosen } = await membersOf(kind, config, (name, preferred) =>
      memory.choose(name, preferredPorts ? preferred : undefined)
    )
    const failed = new AbortController()
    const signal = AbortSignal.any([site.signal, failed.signal])
    // All at once: their number says how many members the data folder is for.
    await Promise.all(members.map(({ folder }) => mkdir(folder, { recursive: true })))
    await kind.prepare?.(program, members, site)
    const starts = members.map((member) => kind.start(program, member, { ...site, signal }))
    for (const start of starts) start.catch(() => failed.abort())
    const results = await Promise.allSettled(starts)
    const servers = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    if (servers.length === members.length) return { members, servers }
    await Promise.all(servers.map((server) => server.stop(STOP_LIMIT_MS)))
    const errors = results.flatMap((one): unknown[] =>
      one.status === 'rejected' ? [one.reason] : []
    )
    const error = errors.find((one) => !hasCode(one, 'ABORTED')) ?? errors[0]
    if (!hasCode(error, 'SERVER_FAILED') || attempt === PORT_TRIES) throw error
    const isEachFree = await Promise.all(chosen.map(([, port]) => isFree(port)))
    if (isEachFree.every(Boolean)) throw error
    for (const [index, [name]] of chosen.entries()) {
      if (isEachFree[index] === false) memory.forget(name)
    }
  }
}

interface ServerStart {
  readonly name: string
  /** Of its log file. */
  readonly logName: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Env
  readonly cwd: string
  /** The line that it logs when it has started. */
  readonly startedLine: string
  /** Resolves when it answers. */
  readonly ping: () => Promise<unknown>
  readonly address: string
  readonly description: string
}

const LOOK_EVERY_MS = 40
const STOP_LIMIT_MS = 2000

/**
 * Starts a server and waits until it has logged that it has started, and answers. Otherwise it stops the
 * server.
 *
 * @throws SERVER_FAILED with the last lines of its log; ABORTED
 */
export async function startServer(
  {
    config: { dataDir, startLimitMs },
    guard,
    signal
  }: Pick<ServerSite, 'config' | 'guard' | 'signal'>,
  start: ServerStart
): Promise<RunningServer> {
  const { command, args, env, cwd, address, description } = start
  const log = await openLog(dataDir, start.logName)
  const child = await guard
    .start(command, args, { env, cwd, log: log.handle })
    .finally(() => log.handle.close())
  try {
    await untilReady(child, log, start, { startLimitMs, signal })
  } catch (error) {
    await child.stop(STOP_LIMIT_MS)
    if (!hasCode(error, 'SERVER_FAILED')) throw error
    const last = lastLines(await tailOf(log), 3)
    throw failure(`${messageOf(error)}; ${last === '' ? 'it logged nothing' : last} (${log.path})`)
  }
  const { pid, exited, stop } = child
  const problem = (): Promise<string | undefined> =>
    start.ping().then(
      () => undefined,
      () => `it does not answer at ${address}`
    )
  return { pid, address, description, exited, problem, stop }
}

async function untilReady(
  child: Child,
  log: LogFile,
  { name, startedLine, ping }: ServerStart,
  { startLimitMs, signal }: { readonly startLimitMs: number; readonly signal: AbortSignal }
): Promise<void> {
  const limit = new StartLimit(child.pid, startLimitMs, () => bytesOf(log))
  const hasStarted = searchLog(log, startedLine)
  let problem = `its log lacks '${startedLine}'`
  for (;;) {
    if (!child.isRunning()) {
      throw failure(`Cannot start ${name}: it ended with ${(await child.exited).how}`)
    }
    if (await hasStarted()) {
      try {
        await ping()
        return
      } catch (error) {
        problem = messageOf(error)
      }
    }
    const exceeded = await limit.exceeded()
    if (exceeded !== undefined) throw failure(`Cannot start ${name}: ${problem}, and ${exceeded}`)
    await systemClock.delay(LOOK_EVERY_MS, signal)
  }
}

function failure(message: string): TapedeckError {
  return new TapedeckError('SERVER_FAILED', message)
}
