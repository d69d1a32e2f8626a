import { readFile } from 'node:fs/promises'
import { freemem, release, totalmem } from 'node:os'
import { hasCode, lockOwner, messageOf, table } from '@tapedeck/core'
import type { StackConfig } from './config.ts'
import { freeBytes } from './disk.ts'
import { askDocker } from './docker.ts'
import { pythonWithPip } from './fetch.ts'
import { firstFound, onPath, searchOf } from './find.ts'
import { findJava } from './java.ts'
import { KAFKA } from './kafka-broker.ts'
import { MARIADB } from './mariadb.ts'
import { MONGOD } from './mongod.ts'
import { isFree } from './ports.ts'
import { megabytes, silentProgress, withoutPassword } from './screen.ts'
import type { Program, ServerKind } from './servers.ts'

/** One line of the doctor's table. */
interface Check {
  readonly name: string
  /** `missing` prevents a start, `note` does not. */
  readonly state: 'found' | 'missing' | 'note'
  readonly detail: string
  /** The command or step that fixes it. */
  readonly remedy?: string
}

interface Diagnosis {
  readonly checks: readonly Check[]
  /** Whether `npm start` could work, possibly after fetching what is missing. */
  readonly canStart: boolean
}

/** Examines the machine. It fetches nothing and connects only to the user's own servers. */
export async function diagnose(config: StackConfig, signal: AbortSignal): Promise<Diagnosis> {
  const search = searchOf(config, silentProgress, false)
  const docker = await attempt('Docker', askDocker, 'Start a Docker engine (not needed otherwise)')
  const java = await attempt(
    'Java 17+',
    async () => {
      const { value, from } = await findJava(search, signal)
      return `Java ${value.major}, ${value.path} (${from})`
    },
    'apt-get install openjdk-17-jre-headless, or set JAVA_HOME; npm start fetches one with pip'
  )
  const [mvn] = await onPath(search.env, 'mvn')
  const pip = await attempt(
    'Python with pip',
    () => pythonWithPip(search.env, signal),
    'apt-get install python3-pip'
  )
  const hasPip = pip.state === 'found'
  const hasJava = java.state === 'found' || hasPip
  const kafka = await checkServer(config, signal, KAFKA, {
    variables: 'KAFKA_HOME or KAFKA_BROKERS',
    fetchedBy: mvn !== undefined && hasJava ? 'Maven' : undefined
  })
  const mongod = await checkServer(config, signal, MONGOD, {
    variables: 'MONGOD_BIN or MONGODB_URI',
    fetchedBy: hasPip && process.platform === 'linux' ? 'pip' : undefined
  })
  const { own, isEmbedded } = config.mariadb
  const mariadb =
    own === undefined && !isEmbedded
      ? {
          name: MARIADB.name,
          state: 'note' as const,
          detail: 'off: STACK_MARIADB=embedded runs one'
        }
      : await mariadbCheck(config, signal, mvn !== undefined && hasJava)
  const cpuinfo = await readFile('/proc/cpuinfo', 'utf8').catch(() => undefined)
  const owner = await lockOwner(config.dataDir)
  const checks = [
    checkNode(),
    kafka.check,
    mongod.check,
    mariadb,
    asNote(java, config.kafka !== undefined || hasPip),
    checkOf('Maven', mvn !== undefined, mvn ?? 'not on PATH', 'apt-get install maven', 'note'),
    asNote(pip),
    asNote(checkAvx(search.arch, cpuinfo), config.mongo.uri !== undefined),
    checkGlibc(glibcVersion()),
    checkKernel(mongod.version),
    checkOf(
      'Data folder',
      owner === undefined,
      owner === undefined ? config.dataDir : `${config.dataDir} is used by process ${owner}`,
      'Stop that stack, or set TAPEDECK_DATA_DIR'
    ),
    await checkDisk('Disk, data', config.dataDir),
    await checkDisk('Disk, cache', config.cacheDir),
    await checkMemory(),
    await checkApiPort(config),
    asNote(docker, config.mode !== 'docker')
  ]
  return { checks, canStart: checks.every(({ state }) => state !== 'missing') }
}

const MARKS = { found: 'ok', note: '-', missing: 'MISSING' } as const

/** The diagnosis as a table: a line for each check, with its remedy below. */
export function renderDiagnosis({ checks, canStart }: Diagnosis): string {
  const rows = checks.flatMap(({ name, state, detail, remedy }) => {
    const [first = '', ...more] = detail.split('\n').map((line) => line.trim())
    const below = remedy === undefined ? more : [...more, `-> ${remedy}`]
    return [[name, MARKS[state], first], ...below.map((line) => ['', '', line])]
  })
  const verdict = canStart
    ? 'The stack can start: npm start'
    : 'The stack cannot start: fix what is MISSING'
  return `${table(rows)}\n${verdict}\n`
}

function checkOf(
  name: string,
  isGood: boolean,
  detail: string,
  remedy: string,
  otherwise: 'missing' | 'note' = 'missing'
): Check {
  return isGood ? { name, state: 'found', detail } : { name, state: otherwise, detail, remedy }
}

async function attempt(name: string, find: () => Promise<string>, remedy: string): Promise<Check> {
  try {
    return { name, state: 'found', detail: await find() }
  } catch (error) {
    if (hasCode(error, 'ABORTED')) throw error
    return { name, state: 'missing', detail: messageOf(error), remedy }
  }
}

/** What is missing but not needed is a note. */
function asNote(check: Check, isNotNeeded = true, detail = check.detail): Check {
  return check.state === 'missing' && isNotNeeded ? { ...check, state: 'note', detail } : check
}

/** Looks for a server as a start would; `version` is that of a program found on this machine. */
async function checkServer<P extends Program, N extends string>(
  config: StackConfig,
  signal: AbortSignal,
  { name, what, external, steps, describe, startContainer }: ServerKind<P, N>,
  { variables, fetchedBy }: { readonly variables: string; readonly fetchedBy: string | undefined }
): Promise<{ readonly check: Check; readonly version: string | undefined }> {
  let version: string | undefined
  const own = external(config)
  if (own !== undefined) {
    const answer = async (): Promise<string> => {
      const { address, description } = await own()
      return `${withoutPassword(address)}, ${description}`
    }
    return { check: await attempt(name, answer, 'Check its address'), version }
  }
  if (config.mode === 'docker' && startContainer !== undefined) {
    return { check: { name, state: 'note', detail: 'will run in Docker' }, version }
  }
  const find = async (): Promise<string> => {
    const search = searchOf(config, silentProgress, false)
    const { value, from } = await firstFound(what, steps(search), { signal, remedy: '' })
    ;({ version } = value)
    return `${describe(value)}, ${value.path} (${from})`
  }
  const remedy = `npm run stack:fetch (npm start fetches it too), or set ${variables}`
  const check = await attempt(name, find, remedy)
  const detail = `not installed, can be fetched by ${fetchedBy}`
  return { check: asNote(check, fetchedBy !== undefined, detail), version }
}

async function mariadbCheck(
  config: StackConfig,
  signal: AbortSignal,
  hasMaven: boolean
): Promise<Check> {
  const canFetch = hasMaven && process.platform === 'linux' && process.arch === 'x64'
  const { check } = await checkServer(config, signal, MARIADB, {
    variables: 'MARIADB_URL',
    fetchedBy: canFetch ? 'Maven' : undefined
  })
  return check
}

const LEAST_NODE = 24

export function checkNode(version = process.versions.node): Check {
  return checkOf(
    'Node.js',
    Number.parseInt(version, 10) >= LEAST_NODE,
    `${version} (${process.execPath})`,
    `npm ci, then npm run doctor: the project brings Node ${LEAST_NODE}`
  )
}

/** MongoDB 5.0 and later are compiled for AVX on x86-64. */
export function checkAvx(arch: string, cpuinfo: string | undefined): Check {
  if (arch !== 'x64') return { name: 'AVX', state: 'note', detail: `not needed on ${arch}` }
  if (cpuinfo === undefined) {
    return { name: 'AVX', state: 'note', detail: `unknown on ${process.platform}` }
  }
  const hasAvx = /^flags.*\bavx\b/m.test(cpuinfo)
  return checkOf(
    'AVX',
    hasAvx,
    hasAvx ? 'the processor has it' : 'the processor lacks it: no MongoDB 5.0 or later runs here',
    'Set MONGODB_URI to a server elsewhere'
  )
}

const LEAST_GLIBC = 2.35

/** The mongod that can be fetched is built for glibc 2.35. */
export function checkGlibc(version: string | undefined): Check {
  if (version === undefined) {
    const detail = 'none: mongod cannot be fetched for this system'
    return { name: 'glibc', state: 'note', detail }
  }
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isGood = major + minor / 100 >= LEAST_GLIBC
  return checkOf(
    'glibc',
    isGood,
    `${version}${isGood ? '' : `: the mongod that can be fetched needs ${LEAST_GLIBC}`}`,
    'Install MongoDB 5.0 or later, or set MONGOD_BIN or MONGODB_URI',
    'note'
  )
}

function glibcVersion(): string | undefined {
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
  return checkOf(
    'Kernel',
    !(isAffected && isEight),
    `${kernel}${isAffected ? ': MongoDB 8 is not safe on 6.19 to 7.0.13, 7.0 and older are' : ''}`,
    'Use MongoDB 7.0 (MONGOD_BIN), or a kernel from 7.0.14 on'
  )
}

const LEAST_DISK_BYTES = 1e9

async function checkDisk(name: string, folder: string): Promise<Check> {
  try {
    const free = await freeBytes(folder)
    return checkOf(
      name,
      free >= LEAST_DISK_BYTES,
      `${megabytes(free)} free at ${folder}`,
      `Free ${megabytes(LEAST_DISK_BYTES)} or choose another folder`
    )
  } catch (error) {
    return { name, state: 'note', detail: messageOf(error) }
  }
}

const LEAST_MEMORY_BYTES = 2e9

async function checkMemory(): Promise<Check> {
  // On Linux "free" does not include the file cache, which the kernel frees on demand.
  const meminfo = await readFile('/proc/meminfo', 'utf8').catch(() => '')
  const kibibytes = /^MemAvailable:\s+(\d+) kB/m.exec(meminfo)?.[1]
  const available = kibibytes === undefined ? freemem() : Number(kibibytes) * 1024
  return checkOf(
    'Memory',
    available >= LEAST_MEMORY_BYTES || kibibytes === undefined,
    `${megabytes(available)} available of ${megabytes(totalmem())}`,
    'The stack uses up to 2 GB: close something large first',
    'note'
  )
}

async function checkApiPort({ apiHost, apiPort, isApiPortGiven }: StackConfig): Promise<Check> {
  const free = await isFree(apiPort, apiHost)
  return checkOf(
    'API port',
    free,
    `${apiHost}:${apiPort} is ${free ? 'free' : 'in use'}`,
    isApiPortGiven ? 'Set API_PORT to a free port' : 'The next free port will be taken',
    isApiPortGiven ? 'missing' : 'note'
  )
}
