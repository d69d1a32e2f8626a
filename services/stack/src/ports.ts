import { readFile, rename, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import path from 'node:path'
import { TapedeckError } from '@tapedeck/core'

/** Below the range from which the system takes ports for outgoing connections. */
const LOWEST = 20_000
const COUNT = 12_000
const TRIES = 50

/** The ports of a data folder: chosen once and used again as long as they are free. */
export interface PortMemory {
  /**
   * The first free one of: the remembered port of `name`, `preferred`, random ports. Never the port of another
   * name.
   *
   * @throws PORT_IN_USE
   */
  choose(name: string, preferred?: number): Promise<number>
  /** Forgets a port that another process has taken. */
  forget(name: string): void
}

export async function openPortMemory(dataDir: string): Promise<PortMemory> {
  const file = path.join(dataDir, 'ports.json')
  const ports = await read(file)
  let writing = Promise.resolve()
  const save = async (): Promise<void> => {
    const temporary = `${file}.${process.pid}`
    await writeFile(temporary, `${JSON.stringify(Object.fromEntries(ports), null, 2)}\n`)
    await rename(temporary, file)
  }
  return {
    async choose(name, preferred) {
      for (const port of candidates(ports.get(name), preferred)) {
        if ([...ports].some(([other, its]) => other !== name && its === port)) continue
        const before = ports.get(name)
        ports.set(name, port) // before the check, so that two names never get one port
        if (await isFree(port)) {
          writing = writing.catch(() => undefined).then(save)
          await writing
          return port
        }
        if (before === undefined) ports.delete(name)
        else ports.set(name, before)
      }
      throw new TapedeckError(
        'PORT_IN_USE',
        `Cannot find a port for ${name}: ${TRIES} tried, expected a free one`
      )
    },
    forget: (name) => void ports.delete(name)
  }
}

/** A port held by a listener until the service that needs it is started. */
export interface ReservedPort {
  readonly port: number
  release(): Promise<void>
}

/** Reserves the first free port of `from` … `from + count - 1`; undefined when none is free. */
export async function reservePort(
  host: string,
  from: number,
  count: number
): Promise<ReservedPort | undefined> {
  for (let port = from; port < from + count; port++) {
    const server = await listen(port, host)
    if (server !== undefined) return { port, release: () => closed(server) }
  }
  return undefined
}

/** Whether a server could listen on that port now. */
export async function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  const server = await listen(port, host)
  if (server === undefined) return false
  await closed(server)
  return true
}

function listen(port: number, host: string): Promise<Server | undefined> {
  const { promise, resolve } = Promise.withResolvers<Server | undefined>()
  const server = createServer((socket) => socket.destroy())
  server.once('error', () => resolve(undefined))
  server.listen({ port, host, exclusive: true }, () => resolve(server))
  return promise
}

function closed(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  return promise
}

function* candidates(remembered?: number, preferred?: number): Generator<number> {
  if (remembered !== undefined) yield remembered
  if (preferred !== undefined) yield preferred
  for (let n = 0; n < TRIES; n++) yield LOWEST + Math.floor(Math.random() * COUNT)
}

async function read(file: string): Promise<Map<string, number>> {
  try {
    const stored = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
    return new Map(
      Object.entries(stored).filter((entry): entry is [string, number] =>
        Number.isInteger(entry[1])
      )
    )
  } catch {
    return new Map() // no file yet, or a damaged one: ports are chosen again
  }
}
