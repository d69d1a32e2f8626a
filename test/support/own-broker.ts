import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ensureTopics, type KafkaConfig } from '@tapedeck/kafka'
import { readConfig, silentProgress, startServers, type Servers } from '@tapedeck/stack/testing'
import type { Scope } from './scope.ts'
import { servers } from './servers.ts'

type Broker = Servers['kafka']['nodes'][number]

export interface OwnBroker {
  readonly kafka: KafkaConfig
  readonly server: Broker
  /** The folder that goes with it, and the one in it where it keeps its topics. */
  readonly dataDir: string
  readonly logDir: string
}

/** A broker for this test alone, so that stopping it harms no other test. */
export async function ownBroker(t: Scope): Promise<OwnBroker> {
  const env = { ...process.env, KAFKA_BROKERS: '', MONGODB_URI: servers().mongoUri }
  const dataDir = await mkdtemp(path.join(tmpdir(), 'tapedeck-broker-'))
  const config = readConfig({ ...env, TAPEDECK_DATA_DIR: dataDir })
  const started = await startServers(config, {
    progress: silentProgress,
    signal: new AbortController().signal,
    heapMebibytes: 256,
    preferredPorts: false
  })
  const [server] = started.kafka.nodes
  assert.ok(server !== undefined)
  t.after(async () => {
    signalTo(server, 'SIGCONT')
    await started.close(5000)
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
  })
  const brokers = started.kafka.address().split(',')
  const kafka = { brokers, topic: servers().topic, ssl: false, sasl: undefined }
  await ensureTopics(kafka)
  return { kafka, server, dataDir, logDir: path.join(dataDir, 'kafka', 'data') }
}

/** Signals a broker's process. Returns its pid. */
export function signalTo(server: Broker, signal: NodeJS.Signals): number {
  const { pid } = server.current()
  assert.ok(pid !== undefined)
  process.kill(pid, signal)
  return pid
}
