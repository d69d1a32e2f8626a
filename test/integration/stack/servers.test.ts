import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { ensureTopics, pingBroker, type KafkaConfig } from '@tapedeck/kafka'
import { openDatabase } from '@tapedeck/mongo'
import { readConfig, silentProgress, startServers, type Servers } from '@tapedeck/stack/testing'
import { until } from '../../support/until.ts'
import { temporaryFolder } from './stack-process.ts'

const RESTART_LIMIT_MS = 90_000
const { signal } = new AbortController()

function kafkaAt(address: string): KafkaConfig {
  return { brokers: [address], topic: 'survives', ssl: false, sasl: undefined }
}

function openAt(uri: string): ReturnType<typeof openDatabase> {
  const credentials = { username: undefined, password: undefined, tradesTtlMs: undefined }
  return openDatabase({ uri, database: 'survives', ...credentials })
}

async function killed({ nodes: [server] }: Servers['kafka']): Promise<void> {
  const pid = server?.current().pid
  assert.ok(server !== undefined && pid !== undefined)
  process.kill(pid, 'SIGKILL')
  await until('a restart', () => server.current().pid !== pid, RESTART_LIMIT_MS)
}

describe('startServers()', { timeout: 280_000 }, () => {
  it('keeps Kafka and MongoDB at their addresses, with their data, when they are killed', async (t) => {
    const dataDir = await temporaryFolder(t)
    const env = { ...process.env, KAFKA_BROKERS: '', MONGODB_URI: '', STACK: 'embedded' }
    const config = readConfig({ ...env, TAPEDECK_DATA_DIR: dataDir })
    const options = { progress: silentProgress, signal, heapMebibytes: 256, preferredPorts: false }
    const servers = await startServers(config, options)
    t.after(() => servers.close(3000))

    await t.test('a folder in use is refused', async () => {
      await assert.rejects(startServers(config, options), { code: 'DATA_DIR_IN_USE' })
    })

    await t.test(
      'MongoDB is watched over one connection: its log does not grow with each look',
      async () => {
        const watched = async (): Promise<number> => {
          const log = await readFile(path.join(dataDir, 'logs/mongod.log'), 'utf8')
          return log.split('\n').filter((line) => line.includes('"tapedeck-stack"')).length
        }
        const look = async (): Promise<void> => {
          const problem = await servers.mongod.nodes[0]?.current().problem?.()
          assert.equal(problem, undefined)
        }
        await look()
        const before = await watched()
        assert.ok(before > 0)
        for (let looks = 0; looks < 5; looks += 1) await look()
        assert.equal(await watched(), before)
      }
    )

    await t.test('MongoDB', async () => {
      const address = servers.mongod.address()
      const before = await openAt(address)
      await before.db
        .collection('notes')
        .insertOne({ text: 'written' }, { writeConcern: { w: 1, journal: true } })
      await before.close()
      await killed(servers.mongod)
      assert.equal(servers.mongod.address(), address)
      const after = await openAt(address)
      assert.equal(await after.db.collection('notes').countDocuments(), 1)
      await after.close()
    })

    await t.test('Kafka', async () => {
      const address = servers.kafka.address()
      const clusterId = await pingBroker(kafkaAt(address), 5000)
      assert.equal(await ensureTopics(kafkaAt(address), { partitions: 3 }), 3)
      await killed(servers.kafka)
      assert.equal(servers.kafka.address(), address)
      assert.equal(await pingBroker(kafkaAt(address), 5000), clusterId)
      assert.equal(await ensureTopics(kafkaAt(address), { partitions: 1 }), 3)
    })
  })

  it('runs in a folder whose name has blanks, commas and letters of any script', async (t) => {
    const dataDir = path.join(await temporaryFolder(t), 'a, b', 'josé 币', '.data')
    const env = { ...process.env, KAFKA_BROKERS: '', MONGODB_URI: '', STACK: 'embedded' }
    // The locale of a minimal container: Java would take the letters of its own folder for question marks.
    const config = readConfig({ ...env, LC_ALL: 'C', LANG: 'C', TAPEDECK_DATA_DIR: dataDir })
    const options = { progress: silentProgress, signal, heapMebibytes: 256, preferredPorts: false }
    const servers = await startServers(config, options)
    t.after(() => servers.close(3000))
    assert.equal(await ensureTopics(kafkaAt(servers.kafka.address()), { partitions: 2 }), 2)
    await (await openAt(servers.mongod.address())).close()
    const logs = await readdir(path.join(dataDir, 'kafka/data'))
    assert.ok(logs.includes('__cluster_metadata-0'), logs.join(' '))
  })

  it('reports what is wrong with an address of yours, and leaves nothing running', async (t) => {
    const dataDir = await temporaryFolder(t)
    const env = { ...process.env, KAFKA_BROKERS: '', MONGODB_URI: 'mongodb://127.0.0.1:1' }
    const config = readConfig({ ...env, TAPEDECK_DATA_DIR: dataDir })
    const start = (): Promise<Servers> =>
      startServers(config, { progress: silentProgress, signal, preferredPorts: false })
    const refused = { code: 'SERVER_MISSING', message: /^MONGODB_URI: Cannot reach MongoDB/ }
    await assert.rejects(start(), refused)
    // The folder is free again: the lock was released and Kafka, begun meanwhile, has ended.
    await assert.rejects(start(), refused)
  })
})
