import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createClient, ensureTopics, partitionEnds, Publisher } from '@tapedeck/kafka'
import { servers } from '../../support/servers.ts'

// Goal: a topic that somebody made for a cluster works on the one broker of a laptop.
it('publishes to a topic that asks for more copies than it has', { timeout: 60_000 }, async (t) => {
  const { brokers, topic } = servers()
  const kafka = { brokers, topic, ssl: false, sasl: undefined }
  const admin = createClient(kafka, 'test').admin()
  t.after(() => admin.disconnect())
  await admin.connect()
  await admin.createTopics({
    topics: [
      {
        topic,
        numPartitions: 1,
        replicationFactor: 1,
        configEntries: [{ name: 'min.insync.replicas', value: '2' }]
      }
    ]
  })
  await ensureTopics(kafka)
  const publisher = new Publisher(kafka, { clientId: 'test', topic })
  t.after(() => publisher.close())
  await publisher.send([{ key: 'AAPL', value: '{}' }])
  assert.deepEqual([...(await partitionEnds(kafka))], [[0, 1]])
})
