import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createClient, ensureTopics, evictMembers } from '@tapedeck/kafka'
import { servers } from '../../support/servers.ts'

describe('evictMembers()', () => {
  it('frees the partitions of a member at once, and ignores an unknown one', async (t) => {
    const { brokers, topic } = servers()
    const config = { brokers, topic, ssl: false, sasl: undefined }
    await ensureTopics(config)
    const client = createClient(config, 'test')
    const admin = client.admin()
    // Heartbeats so rarely that it does not notice during the test.
    const consumer = client.consumer({
      groupId: topic,
      sessionTimeout: 60_000,
      heartbeatInterval: 50_000
    })
    t.after(async () => {
      await consumer.disconnect()
      await admin.disconnect()
    })
    const joined = Promise.withResolvers<string>()
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => joined.resolve(payload.memberId))
    await consumer.connect()
    await consumer.subscribe({ topics: [topic] })
    await consumer.run({ eachBatch: () => Promise.resolve() })
    const member = await joined.promise
    await admin.connect()
    const before = await admin.describeGroups([topic])
    assert.equal(before.groups[0]?.members.length, 1)

    assert.equal(await evictMembers(config, topic, ['nobody', member]), 1)
    const { groups } = await admin.describeGroups([topic])
    assert.equal(groups[0]?.members.length, 0)
  })
})
