import assert from 'node:assert/strict'
import { it } from 'node:test'
import { hasCode } from '@tapedeck/core'
import {
  createClient,
  ensureTopics,
  openRecordHashes,
  Publisher,
  recordHash
} from '@tapedeck/kafka'
import { servers } from '../../support/servers.ts'

it('reads the hash of one record, within a batch too', { timeout: 60_000 }, async (t) => {
  const { brokers, topic } = servers()
  const config = { brokers, topic, ssl: false, sasl: undefined }
  await ensureTopics(config)
  const publisher = new Publisher(config, { clientId: 'test', topic })
  t.after(() => publisher.close())
  const values = ['one', 'two', 'three', 'four']
  const send = (given: readonly string[]): Promise<void> =>
    publisher.send(given.map((value) => ({ key: 'AAPL', value, partition: 2 })))
  await send(values.slice(0, 3))
  await send(values.slice(3))

  const hashes = openRecordHashes(config, { clientId: 'test' })
  t.after(() => hashes.close())
  for (const [offset, value] of values.entries()) {
    const record = { key: Buffer.from('AAPL'), value: Buffer.from(value) }
    assert.equal(await hashes.at(2, offset), recordHash(record))
  }
  assert.equal(await hashes.at(2, 4), undefined)
  assert.equal(await hashes.at(2, 9), undefined)
  assert.equal(await hashes.at(1, 0), undefined)

  const admin = createClient(config, 'test').admin()
  t.after(() => admin.disconnect())
  await admin.connect()
  await admin.fetchTopicMetadata({ topics: [topic] })
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 2, offset: '2' }] })
  assert.equal(await hashes.at(2, 1), undefined)
  assert.notEqual(await hashes.at(2, 2), undefined)

  await assert.rejects(hashes.at(99, 0), (error) => hasCode(error, 'BROKER_UNREACHABLE'))
})

it('tells records of other keys and values apart', () => {
  const [a, b] = [Buffer.from('a'), Buffer.from('ab')]
  const seen = new Set(
    [
      { key: a, value: b },
      { key: b, value: a },
      { key: a, value: a },
      { key: null, value: a },
      { key: null, value: null },
      { key: Buffer.alloc(0), value: null }
    ].map(recordHash)
  )
  assert.equal(seen.size, 6)
})
