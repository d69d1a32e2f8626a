import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { hasCode, messageOf } from '@tapedeck/core'
import { ensureTopics, partitionEnds, Publisher, type KafkaConfig } from '@tapedeck/kafka'
import { findTrades, insertTrades, openDatabase, type Database } from '@tapedeck/mongo'
import { readConfig, silentProgress, startServers, type Servers } from '@tapedeck/stack/testing'
import { eventually } from '../../support/eventually.ts'
import { aTrade, T0_MS } from '../../support/market-documents.ts'
import { until } from '../../support/until.ts'
import { temporaryFolder } from './stack-process.ts'

type Node = Servers['mongod']['nodes'][number]

const FAILOVER_LIMIT_MS = 90_000
const { signal } = new AbortController()
const ALL = { symbols: ['AAPL'], fromMs: T0_MS, toMs: T0_MS + 3_600_000, limit: 1000 }

async function openAt(t: TestContext, uri: string): Promise<Database> {
  const credentials = { username: undefined, password: undefined, tradesTtlMs: undefined }
  const options = { timeoutMs: 15_000 }
  const database = await openDatabase({ uri, database: 'failover', ...credentials }, options)
  t.after(() => database.close())
  return database
}

function signalTo(nodes: readonly Node[], name: NodeJS.Signals): void {
  for (const node of nodes) process.kill(node.current().pid ?? NaN, name)
}

function resume(node: Node): void {
  try {
    signalTo([node], 'SIGCONT')
  } catch {
    // It has no process any more.
  }
}

/** The host:port of the primary; undefined while there is none. */
async function primaryOf({ db }: Database): Promise<string | undefined> {
  const hello = await db.command({ hello: 1 }).catch(() => undefined)
  return hello?.['isWritablePrimary'] === true ? String(hello['me']) : undefined
}

describe('STACK_NODES=3', { timeout: 280_000 }, () => {
  it('keeps what it acknowledged through the loss of any one member', async (t) => {
    const dataDir = await temporaryFolder(t)
    const env = { ...process.env, KAFKA_BROKERS: '', MONGODB_URI: '', STACK: 'embedded' }
    const config = readConfig({ ...env, STACK_NODES: '3', TAPEDECK_DATA_DIR: dataDir })
    const options = { progress: silentProgress, signal, heapMebibytes: 192, preferredPorts: false }
    const servers = await startServers(config, options)
    t.after(() => servers.close(5000))

    await t.test('its nodes have names', () => {
      const names = [servers.kafka, servers.mongod].flatMap(({ nodes }) =>
        nodes.map((one) => one.name)
      )
      assert.deepEqual(names, [
        'Kafka 1',
        'Kafka 2',
        'Kafka 3',
        'MongoDB 1',
        'MongoDB 2',
        'MongoDB 3'
      ])
    })

    await t.test('a write that a failover can undo is neither acknowledged nor read', async () => {
      const database = await openAt(t, servers.mongod.address())
      await insertTrades(database, [aTrade('AAPL', 0)])
      const primary = await primaryOf(database)
      const isPrimary = (node: Node): boolean => node.current().address.endsWith(`/${primary}`)
      const [old] = servers.mongod.nodes.filter(isPrimary)
      const others = servers.mongod.nodes.filter((node) => !isPrimary(node))
      assert.ok(old !== undefined && others.length === 2)
      t.after(() => {
        for (const node of [old, ...others]) resume(node)
      })

      signalTo(others, 'SIGSTOP')
      const later = Array.from({ length: 30 }, (_, i) => aTrade('AAPL', 1 + i))
      let outcome = 'pending'
      const inserting = insertTrades(database, later).then(
        () => (outcome = 'acknowledged'),
        (error: unknown) => {
          outcome = hasCode(error, 'DATABASE_UNREACHABLE') ? 'may be repeated' : messageOf(error)
        }
      )
      const alone = await openAt(t, `${old.current().address}/?directConnection=true`)
      const readConcern = { level: 'local' } as const
      await until('the primary has them', async () => {
        return (await alone.trades.countDocuments({}, { readConcern })) === 31
      })
      assert.equal((await findTrades(alone, ALL, 10_000)).length, 1)
      assert.equal(outcome, 'pending')

      signalTo([old], 'SIGSTOP')
      signalTo(others, 'SIGCONT')
      await until(
        'another primary',
        async () => ![undefined, primary].includes(await primaryOf(database)),
        FAILOVER_LIMIT_MS
      )
      await inserting
      assert.equal(outcome, 'may be repeated')
      signalTo([old], 'SIGCONT')
      await eventually(() => insertTrades(database, later), { timeoutMs: FAILOVER_LIMIT_MS })
      assert.equal((await findTrades(database, ALL, 10_000)).length, 31)
    })

    await t.test('records stay, and more come, when a broker dies', async () => {
      const brokers = servers.kafka.address().split(',')
      assert.equal(brokers.length, 3)
      const kafka: KafkaConfig = { brokers, topic: 'failover', ssl: false, sasl: undefined }
      await ensureTopics(kafka, { partitions: 3 })
      const publisher = new Publisher(kafka, { clientId: 'test', topic: kafka.topic })
      try {
        const records = Array.from({ length: 30 }, (_, i) => ({
          key: String(i),
          value: 'x',
          partition: i % 3
        }))
        // Not every broker knows a new topic at once.
        await eventually(() => publisher.send(records), { timeoutMs: FAILOVER_LIMIT_MS })
        for (const node of servers.kafka.nodes) {
          const { pid } = node.current()
          signalTo([node], 'SIGKILL')
          await eventually(() => publisher.send(records), { timeoutMs: FAILOVER_LIMIT_MS })
          await until('a restart', () => node.current().pid !== pid, FAILOVER_LIMIT_MS)
        }
        // A send that failed may be there twice.
        const ends = await eventually(() => partitionEnds(kafka))
        for (const end of ends.values()) assert.ok(end >= 40, `${end} records`)
      } finally {
        await publisher.close()
      }
    })

    await t.test('another number of nodes is refused in its folder', async () => {
      await servers.close(5000)
      const one = readConfig({ ...env, STACK_NODES: '1', TAPEDECK_DATA_DIR: dataDir })
      await assert.rejects(startServers(one, options), {
        code: 'CONFIG_INVALID',
        message: /holds the data of 3 of (Kafka|MongoDB), expected STACK_NODES=3/
      })
    })
  })
})
