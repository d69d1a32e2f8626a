import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { inService } from '../../../support/in-service.ts'
import { openMarket } from '../../../support/market.ts'
import { aRecord, aTrade } from '../../../support/trades.ts'
import { until } from '../../../support/until.ts'
import { runningApi, untilReady } from '../running-api.ts'

interface Partition {
  readonly partition: number
  readonly end: number
  readonly stored: number
  readonly behind: number
}

// Goal: how far the consumer is behind is known without asking the broker or the consumer.
it(
  'partitions are behind until the consumer has stored what is there',
  { timeout: 120_000 },
  async (t) => {
    const market = await openMarket(t)
    const { stop } = await inService(t, (context) => startConsumer(market.consumer(), context))
    const { get } = await runningApi(t, {
      uri: market.env['MONGODB_URI'] ?? '',
      database: market.env['MONGODB_DB'] ?? '',
      more: market.env
    })
    await untilReady(get)
    const partitions = async (): Promise<readonly Partition[]> =>
      ((await get('/api/v1/partitions')).body as unknown as { partitions: readonly Partition[] })
        .partitions
    const sum = (found: readonly Partition[], name: keyof Partition): number =>
      found.reduce((total, one) => total + one[name], 0)
    await until('the stream reads the topic', async () => (await partitions()).length > 0)
    await stop()
    const frames = Array.from({ length: 5 }, (_, at) => at + 1)
    await market.publish(frames.map((frame) => aRecord({ frame, trades: [aTrade()] })))
    await until('the stream has read them', async () => sum(await partitions(), 'end') === 5)
    assert.equal(sum(await partitions(), 'behind'), 5)
    await inService(t, (context) => startConsumer(market.consumer(), context))
    await until('all of it is stored', async () => sum(await partitions(), 'behind') === 0)
    assert.equal(sum(await partitions(), 'stored'), 5)
  }
)
