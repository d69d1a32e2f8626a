import { readFile, statfs } from 'node:fs/promises'
import { freemem, release, totalmem } from 'node:os'
import path from 'node:path'
import { messageOf } from '@tapedeck/core'
import { isFree } from './ports.ts'
import { megabytes } from './progress.ts'

/** One line of the doctor's table. */
export interface Check {
  readonly name: string
  /** `found`, `missing`, or `note`: worth knowing, stops nothing. */
  readonly state: 'found' | 'missing' | 'note'
  readonly detail: string
  /** The line that mends it. */
  readonly remedy?: string
}

const LEAST_NODE = 24
const LEAST_DISK_BYTES = 1e9
const LEAST_MEMORY_BYTES = 2e9

export function checkNode(version = process.versions.node): Check {
  const isGood = Number.parseInt(version, 10) >= LEAST_NODE
  return {
    name: 'Node.js',
    state: isGood ? 'found' : 'missing',
    detail: `${version} (${process.execPath})`,
    ...(!isGood && { remedy: `npm ci, then npm run doctor: the project brings Node ${LEAST_NODE}` })
  }
}

/** MongoDB 5.0 and later are compiled for AVX on x86-64. */
export function checkAvx(
  arch: string,
  cpuinfo: string | undefined,
  platform: string = process.platform
): Check {
  if (arch !== 'x64') return { name: 'AVX', state: 'note', detail: `not needed on ${arch}` }
  if (cpuinfo === undefined) {
    return { name: 'AVX', state: 'note', detail: `cannot be asked on ${platform}` }
  }
  return /^flags.*\bavx\b/m.test(cpuinfo)
    ? { name: 'AVX', state: 'found', detail: 'the processor has it' }
    : {
        name: 'AVX',
        state: 'missing',
        detail: 'the processor lacks it: no MongoDB 5.0 or later runs here',
        remedy: 'Set MONGODB_URI to a server elsewhere'
      }
}

const LEAST_GLIBC = 2.35

/** The mongod that can be fetched is built for glibc 2.35. */
export function checkGlibc(version: string | undefined): Check {
  if (version === undefined) {
    return {
      name: 'glibc',
      state: 'note',
      detail: 'none: mongod cannot be fetched for this system'
    }
  }
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isGood = major + minor / 100 >= LEAST_GLIBC
  return {
    name: 'glibc',
    state: isGood ? 'found' : 'note',
    detail: `${version}${isGood ? '' : `: the mongod that can be fetched needs ${LEAST_GLIBC}`}`,
    ...(!isGood && { remedy: 'Install MongoDB 5.0 or later, or set MONGOD_BIN or MONGODB_URI' })
  }
}

export function glibcVersion(): string | undefined {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return report.header?.glibcVersionRuntime
}

/**
 * MongoDB 8 up to 8.0.20 and 8.2 may crash on kernels 6.19 to 7.0.13, later ones refuse to start
 * there (SERVER-121912). 7.0 and older are safe.
 */
export function checkKernel(mongodVersion: string | undefined, kernel = release()): Check {
  const [major = 0, minor = 0, patch = 0] = kernel.split(/[.-]/).map(Number)
  const isAffected =
    process.platform === 'linux' &&
    ((major === 6 && minor >= 19) || (major === 7 && minor === 0 && patch < 14))
  const isEight = Number.parseInt(mongodVersion ?? '0', 10) >= 8
  return {
    name: 'Kernel',
    state: isAffected && isEight ? 'missing' : 'found',
    detail: `${kernel}${isAffected ? ': MongoDB 8 is not safe on 6.19 to 7.0.13, 7.0 and older are' : ''}`,
    ...(isAffected &&
      isEight && { remedy: 'Use MongoDB 7.0 (MONGOD_BIN), or a kernel from 7.0.14 on' })
  }
}

export async function checkDisk(name: string, folder: string): Promise<Check> {
  try {
    const { bavail, bsize } = await statfs(await nearestFolder(folder))
    const free = bavail * bsize
    const isGood = free >= LEAST_DISK_BYTES
    return {
      name,
      state: isGood ? 'found' : 'missing',
      detail: `${megabytes(free)} free at ${folder}`,
      ...(!isGood && { remedy: `Free ${megabytes(LEAST_DISK_BYTES)} or choose another folder` })
    }
  } catch (error) {
    return { name, state: 'note', detail: messageOf(error) }
  }
}

export async function checkMemory(): Promise<Check> {
  // On Linux "free" leaves out what the file cache would give back.
  const meminfo = await readFile('/proc/meminfo', 'utf8').catch(() => '')
  const kibibytes = /^MemAvailable:\s+(\d+) kB/m.exec(meminfo)?.[1]
  const available = kibibytes === undefined ? freemem() : Number(kibibytes) * 1024
  const isGood = available >= LEAST_MEMORY_BYTES || kibibytes === undefined
  return {
    name: 'Memory',
    state: isGood ? 'found' : 'note',
    detail: `${megabytes(available)} available of ${megabytes(totalmem())}`,
    ...(!isGood && { remedy: 'The stack takes up to 2 GB: end something large first' })
  }
}

export async function checkApiPort(host: string, port: number, isGiven: boolean): Promise<Check> {
  const free = await isFree(port, host)
  return {
    name: 'API port',
    state: free ? 'found' : isGiven ? 'missing' : 'note',
    detail: `${host}:${port} is ${free ? 'free' : 'in use'}`,
    ...(!free && {
      remedy: isGiven ? 'Set API_PORT to a free port' : 'The next free port will be taken'
    })
  }
}

async function nearestFolder(folder: string): Promise<string> {
  for (let at = folder; ; at = path.dirname(at)) {
    const stats = await statfs(at).catch(() => undefined)
    if (stats !== undefined || at === path.dirname(at)) return at
  }
}
