import { hasCode, messageOf, systemClock, TapedeckError, type Env } from '@tapedeck/core'
import type { StackConfig } from './config.ts'
import { dockerStep, type Docker } from './docker.ts'
import { firstFound, lastLines, type Search, type Step } from './find.ts'
import type { Child, Guard } from './guard.ts'
import { openLog, tailOf, type LogFile } from './logs.ts'
import { isFree, type PortMemory } from './ports.ts'
import { supervise, type RunningServer, type Supervised } from './supervise.ts'

/** A server program on this machine. */
export interface Program {
  readonly kind: 'program'
  /** Absolute: the program itself, or the folder of its parts. */
  readonly path: string
  readonly version: string
}

/** A kind of server that the stack can start: `P` is its program, `N` the names of its ports. */
export interface ServerKind<P extends Program, N extends string> {
  readonly name: string
  /** The name of the program in messages. */
  readonly what: string
  /** What to do when none is found. */
  readonly remedy: string
  /** Checks the user's own server, when one is configured; throws SERVER_MISSING if it does not answer. */
  readonly external: (config: StackConfig) => (() => Promise<RunningServer>) | undefined
  readonly steps: (search: Search) => Step<P>[]
  readonly describe: (program: P) => string
  /** The ports it listens on and which number a new data folder prefers for each. */
  readonly ports: Readonly<Record<N, number>>
  readonly start: (
    program: P,
    ports: Readonly<Record<N, number>>,
    site: ServerSite
  ) => Promise<RunningServer>
  readonly startContainer: () => Promise<RunningServer>
}

/** Where a server runs and what it uses. */
export interface ServerSite {
  readonly config: StackConfig
  readonly search: Search
  readonly guard: Guard
  readonly ports: PortMemory
  readonly signal: AbortSignal
  /** The broker's largest heap, MiB. */
  readonly heapMebibytes: number
  /** True: a new data folder asks for the preferred ports first; false: for any. */
  readonly preferredPorts: boolean
}

/**
 * Starts a server and keeps it running: the user's own, or one that is found or fetched and started here. When
 * it ends it is started again on the same ports and folder.
 *
 * @throws SERVER_MISSING with every reason and the remedy; SERVER_FAILED when it does not start; ABORTED
 */
export async function bringUp<P extends Program, N extends string>(
  kind: ServerKind<P, N>,
  site: ServerSite
): Promise<Supervised<RunningServer>> {
  const { config, search, signal } = site
  const { progress } = search
  const keep = (
    server: RunningServer,
    again: (signal: AbortSignal) => Promise<RunningServer>
  ): Supervised<RunningServer> => supervise(kind.name, server, { again, progress })

  const external = kind.external(config)
  if (external !== undefined) return keep(await external(), external)
  const found = await firstFound<P | Docker>(
    kind.what,
    [
      ...(config.mode === 'docker' ? [] : kind.steps(search)),
      ...(config.mode === 'embedded' ? [] : [dockerStep])
    ],
    {
      signal,
      remedy: config.mode === 'embedded' ? kind.remedy : `${kind.remedy}, or start Docker`,
      progress
    }
  )
  const program = found.value
  if (program.kind === 'docker') {
    progress.say(`Starting ${kind.name} in Docker`)
    return keep(await kind.startContainer(), kind.startContainer)
  }
  progress.say(`Starting ${kind.name} ${program.version} (${found.from})`)
  const { ports, server } = await startOnFreePorts(kind, program, site)
  progress.say(`${kind.name} answers at ${server.address}`)
  return keep(server, (againSignal) => kind.start(program, ports, { ...site, signal: againSignal }))
}

const PORT_TRIES = 3

/** A port that was free when chosen may be taken before the server binds it; then another is chosen. */
async function startOnFreePorts<P extends Program, N extends string>(
  kind: ServerKind<P, N>,
  program: P,
  site: ServerSite
): Promise<{ ports: Record<N, number>; server: RunningServer }> {
  for (let attempt = 1; ; attempt++) {
    const chosen: [string, number][] = []
    for (const [name, preferred] of Object.entries<number>(kind.ports)) {
      const port = await site.ports.choose(name, site.preferredPorts ? preferred : undefined)
      chosen.push([name, port])
    }
    const ports = Object.fromEntries(chosen) as Record<N, number>
    try {
      return { ports, server: await kind.start(program, ports, site) }
    } catch (error) {
      if (!hasCode(error, 'SERVER_FAILED') || attempt === PORT_TRIES) throw error
      const isEachFree = await Promise.all(chosen.map(([, port]) => isFree(port)))
      if (isEachFree.every(Boolean)) throw error
      for (const [index, [name]] of chosen.entries()) {
        if (isEachFree[index] === false) site.ports.forget(name)
      }
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

const START_LIMIT_MS = 60_000
const LOOK_EVERY_MS = 40
const STOP_LIMIT_MS = 2000

/**
 * Starts a server and waits until it has logged that it has started, and answers. Otherwise it stops the
 * server.
 *
 * @throws SERVER_FAILED with the last lines of its log; ABORTED
 */
export async function startServer(
  { config: { dataDir }, guard, signal }: Pick<ServerSite, 'config' | 'guard' | 'signal'>,
  start: ServerStart
): Promise<RunningServer> {
  const { command, args, env, cwd, address, description } = start
  const log = await openLog(dataDir, start.logName)
  const child = await guard
    .start(command, args, { env, cwd, log: log.handle })
    .finally(() => log.handle.close())
  try {
    await untilReady(child, log, start, signal)
  } catch (error) {
    await child.stop(STOP_LIMIT_MS)
    if (!hasCode(error, 'SERVER_FAILED')) throw error
    const last = lastLines(await tailOf(log), 3)
    throw failure(`${messageOf(error)}; ${last === '' ? 'it logged nothing' : last} (${log.path})`)
  }
  const { pid, exited, stop } = child
  return { pid, address, description, exited, stop }
}

async function untilReady(
  child: Child,
  log: LogFile,
  { name, startedLine, ping }: ServerStart,
  signal: AbortSignal
): Promise<void> {
  const deadlineMs = Date.now() + START_LIMIT_MS
  let problem = `its log lacks '${startedLine}'`
  while (Date.now() < deadlineMs) {
    if (!child.isRunning()) {
      throw failure(`Cannot start ${name}: it ended with ${(await child.exited).how}`)
    }
    if ((await tailOf(log)).includes(startedLine)) {
      try {
        await ping()
        return
      } catch (error) {
        problem = messageOf(error)
      }
    }
    await systemClock.delay(LOOK_EVERY_MS, signal)
  }
  throw failure(`Cannot start ${name} within ${START_LIMIT_MS} ms: ${problem}`)
}

function failure(message: string): TapedeckError {
  return new TapedeckError('SERVER_FAILED', message)
}
