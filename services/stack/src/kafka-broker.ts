import { randomBytes } from 'node:crypto'
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  writeFile
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Env } from '@tapedeck/core'
import { pingBroker } from '@tapedeck/kafka'
import { startKafkaContainer } from './docker.ts'
import { runCommand } from './find.ts'
import { kafkaSteps, type KafkaProgram } from './kafka.ts'
import type { Member } from './members.ts'
import { withoutSecretsOfOthers } from './secrets.ts'
import { startServer, type ServerKind, type ServerSite } from './servers.ts'
import { externalServer, type RunningServer } from './supervise.ts'

const PING_LIMIT_MS = 5000
const FORMAT_LIMIT_MS = 300_000

type KafkaPort = 'kafka' | 'kafka-controller'
type Broker = Member<KafkaPort>

export const KAFKA: ServerKind<KafkaProgram, KafkaPort> = {
  name: 'Kafka',
  what: 'a Kafka broker',
  remedy:
    'Set KAFKA_BROKERS to a broker of yours, or install Java 17 and Maven (apt-get install openjdk-17-jre-headless maven)',
  external({ kafka }) {
    if (kafka === undefined) return undefined
    const ping = (): Promise<unknown> => pingBroker(kafka, PING_LIMIT_MS)
    return () => externalServer('KAFKA_BROKERS', kafka.brokers.join(','), ping)
  },
  steps: kafkaSteps,
  describe: ({ version, java }) => `Kafka ${version}, Java ${java.major}`,
  folder: 'kafka',
  logName: 'kafka',
  ports: { kafka: 29_092, 'kafka-controller': 29_093 },
  prepare: formatLogDirs,
  start: startBroker,
  addressOf: (addresses) => addresses.join(','),
  startContainer: startKafkaContainer
}

async function startBroker(
  program: KafkaProgram,
  broker: Broker,
  site: ServerSite
): Promise<RunningServer> {
  const { name, logName, folder, ports } = broker
  await writeFile(path.join(folder, PROPERTIES), serverProperties(broker))
  await writeFile(path.join(folder, LOG4J), LOG4J_PROPERTIES)
  const address = `127.0.0.1:${ports.kafka}`
  return startServer(site, {
    name,
    logName,
    command: program.java.path,
    // C1 code only: a broker of this size waits for disk and network, and starts a second sooner.
    // prettier-ignore
    args: ['-Xms64m', `-Xmx${site.heapMebibytes}m`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1',
           '-Djava.awt.headless=true', `-Dlog4j2.configurationFile=${LOG4J}`,
           '-cp', program.jars.join(path.delimiter), 'kafka.Kafka', PROPERTIES],
    env: withUnicodeNames(withoutSecretsOfOthers(site.config.env, 'kafka')),
    cwd: folder,
    startedLine: 'Kafka Server started',
    ping: () =>
      pingBroker({ brokers: [address], topic: '', ssl: false, sasl: undefined }, PING_LIMIT_MS),
    address,
    description: KAFKA.describe(program)
  })
}

/**
 * Java takes names of files in the encoding of the locale, and takes LANG=C for ASCII: it could not open a folder
 * with other letters.
 */
function withUnicodeNames(env: Env): Env {
  return process.platform === 'linux' ? { ...env, LC_ALL: 'C.UTF-8' } : env
}

// The broker runs in its own folder and is told names relative to it: `log.dirs` is a list with commas in a file in
// Latin-1, and log4j takes a comma for the end of a name, so that not every absolute path could be written down.
const PROPERTIES = 'server.properties'
const LOG4J = 'log4j2.properties'
const LOG_DIR = 'data'

/** Copies of each partition in a cluster, and how many must have a record before it is acknowledged. */
const REPLICAS = 3
const IN_SYNC = 2

/** Broker and controller in one process, small enough to share a laptop with everything else. */
function serverProperties({
  number,
  all,
  ports
}: Pick<Broker, 'number' | 'all' | 'ports'>): string {
  const controller = ports['kafka-controller']
  const voters = all.map((one, index) => `${index + 1}@127.0.0.1:${one['kafka-controller']}`)
  const replicas = Math.min(all.length, REPLICAS)
  const inSync = Math.min(all.length, IN_SYNC)
  return lines({
    'process.roles': 'broker,controller',
    'node.id': number,
    'controller.quorum.voters': voters.join(','),
    listeners: `PLAINTEXT://127.0.0.1:${ports.kafka},CONTROLLER://127.0.0.1:${controller}`,
    // An address, not localhost, which may resolve to ::1, where nothing listens.
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports.kafka}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': LOG_DIR,
    'num.partitions': 1,
    'auto.create.topics.enable': false,
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    // A group of one does not need to wait three seconds for others.
    'group.initial.rebalance.delay.ms': 0,
    // After a kill the broker is refused until its old session has expired; the default is 9 s.
    'broker.session.timeout.ms': 4000,
    'broker.heartbeat.interval.ms': 1000,
    'log.segment.bytes': 64 * 1024 * 1024,
    'log.retention.hours': 168,
    'log.retention.bytes': 1024 * 1024 * 1024,
    // The default uses 128 MiB of the heap.
    'log.cleaner.dedupe.buffer.size': 8 * 1024 * 1024,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'num.recovery.threads.per.data.dir': 1
  })
}

const LOG4J_PROPERTIES = lines({
  status: 'error',
  'appender.console.type': 'Console',
  'appender.console.name': 'out',
  'appender.console.layout.type': 'PatternLayout',
  'appender.console.layout.pattern': '%d %p %m (%c)%n',
  'rootLogger.level': 'warn',
  'rootLogger.appenderRef.out.ref': 'out',
  'logger.started.name': 'kafka.server.KafkaRaftServer',
  'logger.started.level': 'info'
})

function lines(properties: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

const BOOTSTRAP = 'bootstrap.checkpoint'

function logDirOf(folder: string): string {
  return path.join(folder, LOG_DIR)
}

/**
 * Prepares log folders for their first start. Formatting needs a JVM (1 to 5 seconds), but its result
 * depends only on the version and the ids: it is kept in the cache, and the ids are drawn here. Each
 * cluster has an id of its own, by which a consumer recognises another log.
 */
async function formatLogDirs(
  program: KafkaProgram,
  brokers: readonly Broker[],
  { config, signal }: ServerSite
): Promise<void> {
  const template = path.join(config.cacheDir, `kafka-${program.version}-format`, BOOTSTRAP)
  let clusterId: string | undefined
  for (const { number, folder } of brokers) {
    const meta = path.join(logDirOf(folder), 'meta.properties')
    const stored = await readFile(meta, 'utf8').catch(() => undefined)
    if (stored !== undefined) {
      clusterId ??= /^cluster\.id=(.+)$/m.exec(stored)?.[1]
      continue
    }
    await mkdir(logDirOf(folder), { recursive: true })
    if (!(await exists(template))) await formatTemplate(program, template, signal)
    const bootstrap = path.join(logDirOf(folder), BOOTSTRAP)
    await copyFile(template, bootstrap)
    await chmod(bootstrap, 0o600) // a copy has the mode of its source
    clusterId ??= randomId()
    // Last, because this file marks the folder as formatted.
    const ids = { 'cluster.id': clusterId, 'directory.id': randomId() }
    await writeFile(`${meta}.new`, lines({ version: 1, 'node.id': number, ...ids }))
    await rename(`${meta}.new`, meta)
  }
}

async function formatTemplate(
  { jars, java }: KafkaProgram,
  template: string,
  signal: AbortSignal
): Promise<void> {
  const work = await mkdtemp(path.join(tmpdir(), 'tapedeck-format-'))
  try {
    const anyPorts = { kafka: 9092, 'kafka-controller': 9093 }
    const broker = { number: 1, all: [anyPorts], ports: anyPorts }
    await writeFile(path.join(work, PROPERTIES), serverProperties(broker))
    await runCommand(
      java.path,
      // prettier-ignore
      ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', jars.join(path.delimiter),
       'kafka.tools.StorageTool', 'format', '-t', randomId(), '-c', PROPERTIES],
      { signal, timeoutMs: FORMAT_LIMIT_MS, cwd: work }
    )
    await mkdir(path.dirname(template), { recursive: true })
    const temporary = `${template}.${process.pid}`
    await copyFile(path.join(work, LOG_DIR, BOOTSTRAP), temporary)
    await rename(temporary, template)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** 16 random bytes in Kafka's notation; an id that begins with "-" would be read as an option. */
function randomId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined
}
