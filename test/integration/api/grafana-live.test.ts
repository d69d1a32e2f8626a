import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { grafanaLive } from '../../support/grafana-live.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { aRecord, aTrade } from '../../support/trades.ts'
import { until } from '../../support/until.ts'
import { runningApi, untilReady } from './running-api.ts'

describe('prices pushed to Grafana Live', { timeout: 120_000 }, () => {
  it('come from the topic, and /readyz says when Grafana does not take them', async (t) => {
    const grafana = await grafanaLive(t)
    const market = await openMarket(t)
    // It creates the topics of bars and forecasts, which the stream reads as well.
    await inService(t, (context) => startConsumer(market.consumer(), context))
    const { get } = await runningApi(t, {
      uri: market.env['MONGODB_URI'] ?? '',
      database: market.env['MONGODB_DB'] ?? '',
      more: {
        ...market.env,
        GRAFANA_LIVE_URL: grafana.address,
        GRAFANA_LIVE_TOKEN: 'glsa_viewer'
      }
    })
    await untilReady(get)
    let frame = 0
    /** A trade after another, since the stream may not read the broker yet. */
    const tradeUntil = (what: string, isSo: () => Promise<boolean> | boolean): Promise<void> =>
      until(
        what,
        async () => {
          frame += 1
          const trades = [aTrade({ t: Date.now(), p: 230 + frame / 100 })]
          await market.publish([aRecord({ frame, receivedAt: Date.now(), trades })])
          return isSo()
        },
        60_000
      )
    await tradeUntil('a price is pushed', () => grafana.pushes.length > 0)
    for (const line of grafana.pushes.flatMap(({ lines }) => lines))
      assert.match(
        line,
        /^AAPL( price=23\d(\.\d+)?,trades=\d+ \d{13}000000|_tape price=23\d(\.\d+)?,size=\d+ \d{13}0000\d\d)$/
      )
    grafana.status = 401
    const warned = async (): Promise<string> => JSON.stringify((await get('/readyz')).body)
    await tradeUntil('the answer of Grafana is a warning', async () =>
      (await warned()).includes('Grafana Live takes no prices: it answered 401 said by Grafana')
    )
    grafana.status = 200
    await tradeUntil('the warning is over', async () => !(await warned()).includes('Grafana Live'))
  })
})
