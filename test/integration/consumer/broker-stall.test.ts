import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { ownBroker, signalTo } from '../../support/own-broker.ts'
import { startScriptedFeed } from '../../support/scripted-feed.ts'
import { startProducerProcess, temporaryFolder } from '../producer/killed-producer.ts'

interface Readiness {
  readonly ready: boolean
  readonly reasons: readonly string[]
}

describe('consumer while the broker stands still', { timeout: 240_000 }, () => {
  it('is not ready, closes no bar by the clock, and excludes no trade that was spooled', async (t) => {
    const market = await openMarket(t)
    const { kafka, server } = await ownBroker(t)
    const feed = await startScriptedFeed(t)
    const brokers = { KAFKA_BROKERS: kafka.brokers.join(','), KAFKA_TOPIC: kafka.topic }
    startProducerProcess(t, {
      ...brokers,
      FINNHUB_TOKEN: 'token',
      FINNHUB_URL: feed.url,
      SPOOL_DIR: await temporaryFolder(t)
    })
    const rules = { ALLOWED_DELAY: '500ms', LATENESS_LIMIT: '2s', TIMEFRAMES: '1s,5s' }
    const config = market.consumer({ ...brokers, ...rules, FLUSH_INTERVAL: '500ms' })
    const { result, stop } = await inService(t, (context) => startConsumer(config, context))
    const readiness = async (): Promise<Readiness> =>
      (await (await fetch(`${result.healthUrl}/readyz`)).json()) as Readiness
    let sent = 0
    const timer = setInterval(() => {
      const connection = feed.connections.at(-1)
      if (connection === undefined || connection.symbols.length === 0) return
      const data = [{ c: ['1'], p: 100, s: 'AAPL', t: Date.now(), v: 1 }]
      feed.send(JSON.stringify({ data, type: 'trade' }))
      sent++
    }, 100)
    t.after(() => clearInterval(timer))
    await eventually(async () => {
      assert.ok((await market.database.bars.countDocuments({ status: 'final' })) > 5)
    })
    signalTo(server, 'SIGSTOP')
    await eventually(async () => {
      const { ready, reasons } = await readiness()
      assert.equal(ready, false)
      assert.match(reasons.join('; '), /Kafka has not answered for \d+ s/)
    })
    signalTo(server, 'SIGCONT')
    await eventually(async () => assert.equal((await readiness()).ready, true))
    clearInterval(timer)
    await eventually(async () => {
      assert.equal(await market.database.trades.countDocuments(), sent)
    })
    assert.deepEqual(await market.database.lateTrades.find().toArray(), [])
    // Its connections would outlive a broker that is closed before.
    await stop()
  })
})
