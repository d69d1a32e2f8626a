import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { TapedeckError } from '@tapedeck/core'
import type { StackConfig } from './config.ts'

/** Where a server listens. */
type Ports<N extends string> = Readonly<Record<N, number>>

/** One server among those of its kind, which form a cluster when there are several. */
export interface Member<N extends string> {
  /** 1 for the first. */
  readonly number: number
  /** The ports of every member in order, its own among them. */
  readonly all: readonly Ports<N>[]
  /** Its own ports. */
  readonly ports: Ports<N>
  /** `MongoDB` alone, `MongoDB 2` in a cluster. */
  readonly name: string
  /** Absolute. Its own folder below the data folder. */
  readonly folder: string
  /** Of its log file. */
  readonly logName: string
}

/** What the members of a kind of server have in common. */
export interface MemberKind<N extends string> {
  readonly name: string
  /** The folder below the data folder; further members add their number to it. */
  readonly folder: string
  /** Of its log file; further members add their number to it. */
  readonly logName: string
  /** The ports it listens on and which number a new data folder prefers for each. */
  readonly ports: Ports<N>
}

/** Between the preferred ports of one member and the next. */
const PORT_STEP = 10

/**
 * A cluster of another size would lose what its missing members acknowledged.
 * @throws CONFIG_INVALID when the data folder holds another number of members
 */
export async function checkMembers<N extends string>(
  kind: MemberKind<N>,
  { dataDir, nodes }: StackConfig
): Promise<void> {
  const pattern = new RegExp(`^${kind.folder}(-\\d+)?$`)
  const entries = await readdir(dataDir).catch(() => [])
  const stored = entries.filter((entry) => pattern.test(entry)).length
  if (stored === 0 || stored === nodes) return
  throw new TapedeckError(
    'CONFIG_INVALID',
    `Cannot start: STACK_NODES is ${nodes} and ${dataDir} holds the data of ${stored} of ${kind.name}, expected STACK_NODES=${stored} or another TAPEDECK_DATA_DIR`
  )
}

/** The members that a stack starts, on ports that `choose` finds free. */
export async function membersOf<N extends string>(
  kind: MemberKind<N>,
  { dataDir, nodes }: StackConfig,
  choose: (name: string, preferred: number) => Promise<number>
): Promise<{ members: readonly Member<N>[]; chosen: readonly [name: string, port: number][] }> {
  const chosen: [string, number][] = []
  const all: Ports<N>[] = []
  for (let number = 1; number <= nodes; number++) {
    const ports: [string, number][] = []
    for (const [port, preferred] of Object.entries<number>(kind.ports)) {
      const name = numbered(port, number)
      const at = await choose(name, preferred + (number - 1) * PORT_STEP)
      chosen.push([name, at])
      ports.push([port, at])
    }
    all.push(Object.fromEntries(ports) as Ports<N>)
  }
  const members = all.map((ports, index) => {
    const number = index + 1
    return {
      number,
      all,
      ports,
      name: nodes === 1 ? kind.name : `${kind.name} ${number}`,
      folder: path.join(dataDir, numbered(kind.folder, number)),
      logName: numbered(kind.logName, number)
    }
  })
  return { members, chosen }
}

function numbered(name: string, number: number): string {
  return number === 1 ? name : `${name}-${number}`
}
