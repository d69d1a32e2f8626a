import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '@tapedeck/core'
import { ensureTopics, followTopics, Publisher } from '@tapedeck/kafka'
import { openSockets } from '../../support/open-sockets.ts'
import { ownBroker, signalTo } from '../../support/own-broker.ts'
import { servers } from '../../support/servers.ts'
import { until } from '../../support/until.ts'

/** Shorter than the session of a member (30 s), for which a group waits when its connection was lost. */
const WITHIN_MS = 25_000

describe('followTopics()', { timeout: 180_000 }, () => {
  it('goes on soon after the broker was killed, each record once', async (t) => {
    const { kafka, server } = await ownBroker(t)
    const found: string[] = []
    const states: boolean[] = []
    const follower = followTopics(kafka, {
      clientId: 'test-follower',
      topics: [kafka.topic],
      sinceMs: Date.now() - 60_000,
      signal: t.signal,
      begun: () => undefined,
      read: ({ records }) => found.push(...records.map(({ value }) => String(value))),
      moved: (topic, partition, from, to) =>
        assert.fail(`moved ${topic}/${partition} ${from} ${to}`),
      state: (isReading) => states.push(isReading)
    })
    const publish = async (value: string): Promise<void> => {
      const publisher = new Publisher(kafka, { clientId: 'test', topic: kafka.topic })
      await publisher.send([{ key: 'AAPL', value }])
      await publisher.close()
    }
    await until('the group is joined', () => states.at(-1) === true)
    await publish('one')
    await until('the first record is read', () => found.length === 1)

    const killed = signalTo(server, 'SIGKILL')
    await until('the loss is noticed', () => states.at(-1) === false)
    await until('the broker runs again', () => {
      const { pid } = server.current()
      return pid !== undefined && pid !== killed
    })
    await publish('two')
    await until('the next record is read', () => found.length === 2, WITHIN_MS)
    assert.deepEqual(found, ['one', 'two'])
    await follower.close()
  })

  it('leaves nothing open, whenever it is ended', async (t) => {
    const { brokers, topic } = servers()
    const kafka = { brokers, topic, ssl: false, sasl: undefined }
    await ensureTopics(kafka)
    await until('other sockets are closed', () => openSockets() === 0)
    // From before the topics are asked for until the group is joined.
    for (const afterMs of [0, 1, 3, 10, 30, 100, 300]) {
      const ended = new AbortController()
      const follower = followTopics(kafka, {
        clientId: 'test-follower',
        topics: [topic],
        sinceMs: Date.now(),
        signal: ended.signal,
        begun: () => undefined,
        read: () => undefined,
        moved: () => undefined,
        state: () => undefined
      })
      t.after(() => follower.close())
      await systemClock.delay(afterMs)
      ended.abort()
      await follower.close()
      await until(`all is closed, ended after ${afterMs} ms`, () => openSockets() === 0)
    }
  })
})
