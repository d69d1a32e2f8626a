import { setImmediate } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { createClient, ensureTopics, Publisher } from '@tapedeck/kafka'
import { openSockets } from '../../support/open-sockets.ts'
import { servers } from '../../support/servers.ts'
import { until } from '../../support/until.ts'

/** How many turns of the event loop pass before the end, from before the socket is made to after the answer. */
const TURNS = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89]

describe('the sockets of a client', () => {
  const options = { timeout: 60_000 }

  it('end with a publisher, whatever it was doing', options, async () => {
    const { brokers, topic } = servers()
    const config = { brokers, topic, ssl: false, sasl: undefined }
    await ensureTopics(config)
    const before = openSockets()
    for (const turns of TURNS) {
      const publisher = new Publisher(config, { clientId: 'test', topic })
      const sent = publisher.send([{ key: 'AAPL', value: '1' }]).catch(() => undefined)
      for (let turn = 0; turn < turns; turn++) await setImmediate()
      await publisher.close()
      await sent
    }
    await until('every socket ended', () => openSockets() <= before)
  })

  it('end with an admin client, whatever it was doing', options, async () => {
    const { brokers, topic } = servers()
    const client = createClient(
      { brokers, topic, ssl: false, sasl: undefined },
      'test',
      undefined,
      1
    )
    const before = openSockets()
    for (const turns of TURNS) {
      const admin = client.admin()
      const asked = admin
        .connect()
        .then(() => Promise.all([admin.listTopics(), admin.describeCluster()]))
        .catch(() => undefined)
      for (let turn = 0; turn < turns; turn++) await setImmediate()
      await admin.disconnect()
      await asked
    }
    await until('every socket ended', () => openSockets() <= before)
  })
})
