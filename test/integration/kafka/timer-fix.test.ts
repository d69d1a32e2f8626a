import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createClient, ensureTopics } from '@tapedeck/kafka'
import { servers } from '../../support/servers.ts'

describe('kafkajs timer fix', { timeout: 60_000 }, () => {
  // Without the fix each answer of the broker arms a timer, which arms itself again every millisecond.
  it('arms no timer while no request is pending', async (t) => {
    const { brokers, topic } = servers()
    const config = { brokers, topic, ssl: false, sasl: undefined }
    await ensureTopics(config)
    const producer = createClient(config, 'test').producer()
    t.after(() => producer.disconnect())
    const arm = globalThis.setTimeout
    const armers: string[] = []
    t.mock.method(globalThis, 'setTimeout', (...given: Parameters<typeof arm>) => {
      armers.push(new Error('armed').stack ?? '')
      return arm(...given)
    })
    await producer.connect()
    await producer.send({ topic, messages: [{ key: 'a', value: 'b' }] })
    assert.ok(
      armers.length > 0,
      'kafkajs arms timers to connect: without any, nothing was observed'
    )
    assert.deepEqual(
      armers.filter((stack) => stack.includes('scheduleCheckPendingRequests')),
      []
    )
  })
})
