import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createClient, ensureTopics, evictMembers, leaveGroup } from '@tapedeck/kafka'
import { servers } from '../../support/servers.ts'
import { until } from '../../support/until.ts'

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

describe('leaveGroup()', () => {
  it('ends a consumer that is joining its group', async (t) => {
    const { brokers, topic } = servers()
    const config = { brokers, topic, ssl: false, sasl: undefined }
    await ensureTopics(config)
    const client = createClient(config, 'test')
    const admin = client.admin()
    t.after(() => admin.disconnect())
    await admin.connect()
    const isMember = async (): Promise<boolean> =>
      (await admin.describeGroups([topic])).groups[0]?.members.length === 1
    const consumer = client.consumer({ groupId: topic, maxWaitTimeInMs: 100 })
    const joining = Promise.withResolvers<void>()
    consumer.on(consumer.events.REQUEST, ({ payload }) => {
      if (payload.apiName === 'JoinGroup') joining.resolve()
    })
    const fetched = Promise.withResolvers<void>()
    consumer.on(consumer.events.FETCH_START, () => fetched.resolve())
    await consumer.connect()
    await consumer.subscribe({ topics: [topic] })
    const running = consumer.run({ eachBatch: () => Promise.resolve() })
    await joining.promise
    await leaveGroup(consumer)
    await running
    // kafkajs takes the broken connection for a crash, starts again and joins.
    await fetched.promise
    await until('it left', async () => !(await isMember()))
  })
})
