import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readConfig } from '@tapedeck/api/testing'
import { configProblems, Secret, systemClock } from '@tapedeck/core'
import { createLogger, createMetrics } from '@tapedeck/service'
import { GrafanaLive } from '../../../services/api/src/grafana-live.ts'
import { grafanaLive } from '../../support/grafana-live.ts'
import { anEvent } from './stream/an-event.ts'

/** A pusher to that address, with a clock that only the test moves. */
function livePusher(url: string) {
  const metrics = createMetrics()
  let nowMs = 1000
  const log = createLogger('api', 'silent')
  const said: unknown[] = []
  log.info = (...line: unknown[]) => void said.push(line)
  log.warn = (...line: unknown[]) => void said.push(line)
  const clock = { ...systemClock, now: () => nowMs }
  const live = new GrafanaLive({ url, token: new Secret('glsa_viewer') }, { log, metrics }, clock)
  const take = (symbol: string, price: number | undefined, timeMs: number, trades = 1): void =>
    live.take([
      {
        event: anEvent({
          keys: [`trades|${symbol}`, 'trades|*'],
          ids: Array.from({ length: trades }, (_, at) => `c-1-${at}`),
          rows: Array.from({ length: trades }, (_, at) =>
            JSON.stringify({ symbol, time: timeMs, price: price ?? 5, size: at + 0.5 })
          ),
          last: price === undefined ? undefined : { price, timeMs }
        }),
        place: { log: 'trades', partition: 0, offset: 0 }
      }
    ])
  return { live, take, metrics, said, pass: (ms: number) => void (nowMs += ms) }
}

describe('GrafanaLive', () => {
  it('pushes a line for each symbol that was traded since, as Grafana reads it', async (t) => {
    const grafana = await grafanaLive(t)
    const { live, take } = livePusher(`${grafana.address}/grafana`)
    take('AAPL', 231.5, 1_700_000_000_123, 3)
    take('BINANCE:BTCUSDT', 67_000, 1_700_000_000_200)
    take('AAPL', 231.75, 1_700_000_000_250)
    await live.push()
    take('AAPL', undefined, 0, 2)
    await live.push()
    await live.push()
    assert.deepEqual(
      grafana.pushes.map(({ lines }) => lines.filter((line) => !line.includes('_tape'))),
      [
        [
          'AAPL price=231.75,trades=4 1700000000250000000',
          'BINANCE_3aBTCUSDT price=67000,trades=1 1700000000200000000'
        ],
        ['AAPL price=231.75,trades=2 1700000000250000000']
      ]
    )
    const [{ path, authorization } = assert.fail()] = grafana.pushes
    assert.equal(path, '/grafana/api/live/push/tapedeck?gf_live_frame_format=wide')
    assert.equal(authorization, 'Bearer glsa_viewer')
  })

  it('pushes the newest trades of a symbol as its tape, no two at the same nanosecond', async (t) => {
    const grafana = await grafanaLive(t)
    const { live, take } = livePusher(grafana.address)
    take('AAPL', 231.5, 1_700_000_000_123, 2)
    take('AAPL', undefined, 1_700_000_000_124)
    await live.push()
    take('AAPL', 232, 1_700_000_000_125, 30)
    await live.push()
    const tapes = grafana.pushes.map(({ lines }) => lines.filter((line) => line.includes('_tape')))
    assert.deepEqual(tapes[0], [
      'AAPL_tape price=231.5,size=0.5 1700000000123000000',
      'AAPL_tape price=231.5,size=1.5 1700000000123000001',
      'AAPL_tape price=5,size=0.5 1700000000124000002'
    ])
    assert.equal(tapes[1]?.length, 20)
    assert.match(tapes[1]?.at(-1) ?? '', /^AAPL_tape price=232,size=29\.5 /)
  })

  it('gives each symbol a channel of its own, of letters that Grafana takes', async (t) => {
    const grafana = await grafanaLive(t)
    const { live, take } = livePusher(grafana.address)
    const symbols = ['BRK.B', 'BRK_B', 'BRK:B', 'M&M.NS', 'BINANCE:币安人生USDT', 'A B=C,D']
    for (const symbol of symbols) take(symbol, 1, 1000)
    await live.push()
    const names = grafana.pushes[0]?.lines.map((line) => line.split(' ')[0] ?? '') ?? []
    assert.equal(new Set(names).size, 2 * symbols.length)
    for (const name of names) assert.match(name, /^[A-Za-z0-9._-]{1,140}$/)
  })

  it('says nothing of a symbol before a trade sets a price', async (t) => {
    const grafana = await grafanaLive(t)
    const { live, take } = livePusher(grafana.address)
    take('AAPL', undefined, 1000)
    await live.push()
    assert.equal(grafana.pushes.length, 0)
  })

  it('sends many symbols in parts, the one that has waited longest first', async (t) => {
    const grafana = await grafanaLive(t)
    const { live, take } = livePusher(grafana.address)
    for (let at = 0; at < 1500; at++) take(`S${at}`, 1, 1000)
    await live.push()
    take('S0', 2, 2000)
    for (let more = 0; more < 3; more++) await live.push()
    assert.deepEqual(
      grafana.pushes.map(({ lines }) => lines.length),
      [1000, 1000, 1000, 2]
    )
    assert.match(grafana.pushes[3]?.lines[0] ?? '', /^S0 price=2,/)
  })

  it('waits longer and longer for a Grafana that takes nothing, and says so once', async (t) => {
    const grafana = await grafanaLive(t)
    grafana.status = 401
    const { live, take, metrics, said, pass } = livePusher(grafana.address)
    take('AAPL', 1, 1000)
    await live.push()
    assert.equal(live.trouble, 'it answered 401 said by Grafana')
    // Before the delay is over nothing is sent.
    take('AAPL', 2, 2000)
    grafana.status = 200
    await live.push()
    assert.equal(grafana.pushes.length, 0)
    pass(30_000)
    grafana.status = 302
    await live.push()
    assert.match(live.trouble, /redirect/)
    pass(30_000)
    grafana.status = 200
    take('AAPL', 3, 3000)
    await live.push()
    assert.equal(live.trouble, undefined)
    assert.equal(grafana.pushes[0]?.lines[0], 'AAPL price=3,trades=1 3000000000')
    assert.equal(said.length, 2)
    const { body } = await metrics.expose()
    assert.match(body, /tapedeck_grafana_live_pushes_total{outcome="failed"} 2/)
    assert.match(body, /tapedeck_grafana_live_pushes_total{outcome="pushed"} 1/)
  })

  it('is a state, not a failure, when nobody answers', async () => {
    const { live, take } = livePusher('http://127.0.0.1:1')
    take('AAPL', 1, 1000)
    await live.push()
    assert.match(live.trouble ?? '', /\S/)
  })
})

describe('GRAFANA_LIVE_URL and GRAFANA_LIVE_TOKEN', () => {
  const MONGODB_URI = 'mongodb://localhost:27017'

  const KAFKA_BROKERS = 'localhost:9092'
  const GRAFANA_LIVE_URL = 'https://me.grafana.net/'
  const GRAFANA_LIVE_TOKEN = 'glsa_x'

  /** The settings that are wrong. */
  async function mistakes(given: Record<string, string>): Promise<readonly string[]> {
    const problems = await configProblems(() => readConfig({ MONGODB_URI, ...given }))
    return problems.map((problem) => /^\w+/.exec(problem)?.[0] ?? problem)
  }

  it('are set together or not at all', async () => {
    assert.equal(readConfig({ MONGODB_URI }).grafanaLive, undefined)
    const given = { MONGODB_URI, KAFKA_BROKERS, GRAFANA_LIVE_URL, GRAFANA_LIVE_TOKEN }
    assert.equal(readConfig(given).grafanaLive?.url, 'https://me.grafana.net')
    assert.deepEqual(await mistakes({ KAFKA_BROKERS, GRAFANA_LIVE_URL }), ['GRAFANA_LIVE_TOKEN'])
    assert.deepEqual(await mistakes({ KAFKA_BROKERS, GRAFANA_LIVE_TOKEN }), ['GRAFANA_LIVE_URL'])
  })

  it('need the brokers, whose trades are pushed, and all that is missing is said at once', async () => {
    assert.deepEqual(await mistakes({ GRAFANA_LIVE_URL, GRAFANA_LIVE_TOKEN }), ['KAFKA_BROKERS'])
    const both = ['GRAFANA_LIVE_TOKEN', 'KAFKA_BROKERS']
    assert.deepEqual(await mistakes({ GRAFANA_LIVE_URL }), both)
    assert.deepEqual(await mistakes({ GRAFANA_LIVE_URL, KAFKA_BROKERS: ' ' }), both)
    assert.deepEqual(await mistakes({ GRAFANA_LIVE_URL: 'https://x?y' }), [
      'GRAFANA_LIVE_URL',
      ...both
    ])
  })

  it('say of an address or brokers that do not fit only that', async () => {
    const given = { KAFKA_BROKERS, GRAFANA_LIVE_URL, GRAFANA_LIVE_TOKEN }
    assert.deepEqual(await mistakes({ ...given, GRAFANA_LIVE_URL: 'ws://x' }), ['GRAFANA_LIVE_URL'])
    assert.deepEqual(await mistakes({ ...given, KAFKA_BROKERS: 'nowhere:x' }), ['KAFKA_BROKERS'])
  })
})
