import assert from 'node:assert/strict'
import { it } from 'node:test'
import { hasCode } from '@tapedeck/core'
import { createClient, ensureTopics, openTopicIds } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import { servers } from '../../support/servers.ts'

it('tells a topic from an earlier one of the same name', { timeout: 60_000 }, async (t) => {
  const { brokers, topic } = servers()
  const config = { brokers, topic, ssl: false, sasl: undefined }
  const ids = openTopicIds(config, { clientId: 'test' })
  t.after(() => ids.close())
  await assert.rejects(ids.read(), (error) => {
    assert.match(String(error), /the topic does not exist/)
    return hasCode(error, 'BROKER_UNREACHABLE')
  })
  await ensureTopics(config)
  const first = await ids.read()
  assert.match(first ?? '', /^(?!0{32})[0-9a-f]{32}$/)
  assert.equal(await ids.read(), first)

  const admin = createClient(config, 'test').admin()
  t.after(() => admin.disconnect())
  await admin.connect()
  await admin.deleteTopics({ topics: [topic] })
  await eventually(() => assert.rejects(ids.read()))
  await ensureTopics(config)
  const second = await ids.read()
  assert.match(second ?? '', /^[0-9a-f]{32}$/)
  assert.notEqual(second, first)
})
