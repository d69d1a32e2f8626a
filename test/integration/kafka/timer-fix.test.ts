import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as elapsed } from 'node:timers/promises'
import { createClient, ensureTopics } from '@tapedeck/kafka'
import { servers } from '../../support/servers.ts'

const WINDOW_MS = 400

describe('kafkajs timer fix', { timeout: 60_000 }, () => {
  // Without the fix an idle connection arms a timer every millisecond: about 340 in this window.
  it('arms no timers while a connection is idle', async (t) => {
    const { brokers, topic } = servers()
    const config = { brokers, topic, ssl: false, sasl: undefined }
    await ensureTopics(config)
    const producer = createClient(config, 'test').producer()
    t.after(() => producer.disconnect())
    await producer.connect()
    await producer.send({ topic, messages: [{ key: 'a', value: 'b' }] })
    const spy = t.mock.method(globalThis, 'setTimeout')
    await elapsed(WINDOW_MS)
    const armed = spy.mock.callCount()
    spy.mock.restore()
    assert.ok(armed <= 5, `${armed} timers in ${WINDOW_MS} ms`)
  })
})
