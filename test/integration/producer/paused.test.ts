import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { startScriptedFeed } from '../../support/scripted-feed.ts'
import { acceptedRecords, startProducerProcess, temporaryFolder } from './killed-producer.ts'

const frame = (price: number): string =>
  JSON.stringify({
    data: [{ c: ['1'], p: price, s: 'AAPL', t: Date.now(), v: 1 }],
    type: 'trade'
  })

it(
  'publishes nothing under its old name when another producer took its key while it was paused',
  { timeout: 180_000 },
  async (t) => {
    const market = await openMarket(t)
    const { database, kafka } = market
    const feed = await startScriptedFeed(t)
    const start = async () =>
      startProducerProcess(t, {
        ...market.env,
        FINNHUB_TOKEN: 'k',
        FINNHUB_URL: feed.url,
        FEED_NAME: 'scripted',
        TAPEDECK_DATA_DIR: await temporaryFolder(t)
      })
    const subscribed = (connection: number): Promise<void> =>
      eventually(() => assert.deepEqual(feed.connections[connection]?.symbols, ['AAPL', 'MSFT']), {
        timeoutMs: 60_000
      })
    await inService(t, (context) => startConsumer(market.consumer(), context))
    const stored = (count: number): Promise<void> =>
      eventually(async () => assert.equal(await database.trades.countDocuments(), count))

    const first = await start()
    await subscribed(0)
    feed.send(frame(1))
    await stored(1)
    // The second producer learns from the lease since when frames were missed.
    await eventually(async () => {
      assert.ok(((await database.leases.findOne({}))?.lastFrameAt ?? null) !== null)
    })
    first.child.kill('SIGSTOP')
    const second = await start()
    await subscribed(1)
    for (const price of [2, 3, 4]) {
      feed.connections[0]?.socket.send(frame(price))
      feed.connections[1]?.socket.send(frame(price))
    }
    await stored(4)

    first.child.kill('SIGCONT')
    await eventually(async () => assert.match(await first.readiness(), /uses this key/))
    feed.send(frame(5))
    await stored(5)
    // It follows the feed again, under another name, once the second one gave the key back.
    assert.equal(await second.stop(), 0)
    await subscribed(2)
    let price = 5
    // The outage ends with the first frame after the producer has noted that it subscribed to all symbols.
    await eventually(
      async () => {
        feed.send(frame(++price))
        await stored(price)
        assert.equal(await database.feedGaps.countDocuments({ to: null }), 0)
      },
      { everyMs: 500 }
    )

    const { records } = await acceptedRecords(kafka)
    const connections = [...new Set(records.map(({ connection }) => connection))]
    const ofConnections = connections.map((id) =>
      records.filter(({ connection }) => connection === id)
    )
    assert.deepEqual(
      ofConnections.map((own) => own.map(({ trades }) => trades[0]?.p)),
      [[1], [2, 3, 4, 5], Array.from({ length: price - 5 }, (_, index) => index + 6)]
    )
    // Both changes of the producer are outages, from the last frame of one to a frame of the next.
    const received = ofConnections.map((own) => own.map(({ receivedAt }) => receivedAt))
    const gaps = await database.feedGaps
      .find({ from: { $ne: null } })
      .sort({ from: 1 })
      .toArray()
    assert.deepEqual(
      gaps.map(({ from }) => from?.getTime()),
      [received[0]?.at(-1), received[1]?.at(-1)]
    )
    for (const [index, { to }] of gaps.entries()) {
      assert.ok(received[index + 1]?.includes(to?.getTime() ?? 0))
    }
  }
)
