import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pingBroker } from '@tapedeck/kafka'
import { startChild } from './child.ts'
import type { KafkaProgram } from './find-kafka.ts'
import { LOG4J_PROPERTIES, serverProperties, STARTED_LINE, type KafkaPorts } from './kafka-files.ts'
import { formatKafka } from './kafka-format.ts'
import { openLog } from './log-file.ts'
import type { RunningServer } from './running-server.ts'
import type { ServerSite } from './server-site.ts'
import { untilReady } from './until-ready.ts'

const START_LIMIT_MS = 60_000
const PING_LIMIT_MS = 5000

/**
 * Starts a broker in the data folder and waits until it says so and answers.
 *
 * @throws SERVER_FAILED with the log's last words; ABORTED
 */
export async function startKafka(
  program: KafkaProgram,
  { broker, controller }: KafkaPorts,
  site: ServerSite
): Promise<RunningServer> {
  const { dataDir, guard, lock, signal, heapMebibytes } = site
  const folder = path.join(dataDir, 'kafka')
  const logDir = path.join(folder, 'data')
  await mkdir(folder, { recursive: true })
  await formatKafka(program, logDir, site)
  const properties = path.join(folder, 'server.properties')
  const log4j = path.join(folder, 'log4j2.properties')
  await writeFile(properties, serverProperties({ broker, controller }, logDir))
  await writeFile(log4j, LOG4J_PROPERTIES)

  const log = await openLog(dataDir, 'kafka')
  const child = await startChild(
    program.java.path,
    // C1 code only: a broker of this size waits for disk and network, and starts a second sooner.
    // prettier-ignore
    ['-Xms64m', `-Xmx${heapMebibytes}m`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1',
     '-Djava.awt.headless=true', `-Dlog4j2.configurationFile=${log4j}`,
     '-cp', program.jars.join(path.delimiter), 'kafka.Kafka', properties],
    { guard, env: site.env, cwd: folder, stdio: ['ignore', log.handle.fd, log.handle.fd] }
  ).finally(() => log.handle.close())
  await lock.track(child)
  const address = `127.0.0.1:${broker}`
  await untilReady(child, {
    name: 'Kafka',
    log,
    line: STARTED_LINE,
    answers: () =>
      pingBroker({ brokers: [address], topic: '', ssl: false, sasl: undefined }, PING_LIMIT_MS),
    limitMs: START_LIMIT_MS,
    signal
  })
  return {
    pid: child.pid,
    address,
    description: `Kafka ${program.version}, Java ${program.java.major}`,
    exited: child.exited,
    stop: child.stop
  }
}
