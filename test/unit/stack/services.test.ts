import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Env } from '@tapedeck/core'
import { planServices, readConfig, scrapeTargets, type ServicePlan } from '@tapedeck/stack/testing'

const ports = {
  SIMULATOR_PORT: 1,
  SIMULATOR_HEALTH_PORT: 2,
  PRODUCER_PORT: 3,
  CONSUMER_PORT: 4,
  API_PORT: 8080,
  BATCH_PORT: 5
}
const addresses = { brokers: '127.0.0.1:29092', mongoUri: 'mongodb://127.0.0.1:27117' }

function plansOf(env: Env): ServicePlan[] {
  return planServices(readConfig(env), addresses, ports)
}

describe('planServices()', () => {
  it('runs the simulator and points the producer at it when there is no key', () => {
    const plans = plansOf({ SYMBOLS: 'AAPL' })
    assert.deepEqual(
      plans.map(({ name }) => name),
      ['simulator', 'consumer', 'api', 'batch', 'producer']
    )
    const batch = plans.find(({ name }) => name === 'batch')?.env
    assert.equal(batch?.['FINNHUB_REST_URL'], 'http://127.0.0.1:1/api/v1')
    assert.equal(batch?.['FINNHUB_TOKEN'], 'simulated')
    const env = plans.at(-1)?.env
    assert.equal(env?.['FINNHUB_REST_URL'], undefined)
    assert.equal(env?.['FINNHUB_URL'], 'ws://127.0.0.1:1')
    assert.equal(env?.['FEED_NAME'], 'simulated')
    assert.equal(env?.['SYMBOLS'], 'AAPL')
  })

  it('runs no simulator with a token, and leaves the feed as it is', () => {
    const plans = plansOf({ FINNHUB_TOKEN: 'abc' })
    assert.deepEqual(
      plans.map(({ name }) => name),
      ['consumer', 'api', 'batch', 'producer']
    )
    assert.equal(plans[0]?.env['FINNHUB_URL'], undefined)
    assert.equal(plans[0]?.env['FEED_NAME'], undefined)
    assert.equal(plans.at(-1)?.env['FINNHUB_TOKEN'], 'abc')
  })

  it('passes no foreign credentials to its own servers', () => {
    const env = plansOf({ KAFKA_USERNAME: 'ada', KAFKA_PASSWORD: 'x', MONGODB_USERNAME: 'ada' }).at(
      -1
    )?.env
    assert.equal(env?.['KAFKA_BROKERS'], addresses.brokers)
    assert.equal(env?.['MONGODB_URI'], addresses.mongoUri)
    assert.equal(env?.['KAFKA_USERNAME'], undefined)
    assert.equal(env?.['MONGODB_USERNAME'], undefined)
  })

  it('leaves addresses and credentials of your own servers as they are', () => {
    const own = {
      KAFKA_BROKERS: 'kafka://ada:pw@kafka.example:9092',
      MONGODB_URI: 'mongodb://mongo.example/?tls=true',
      MONGODB_USERNAME: 'ada'
    }
    const env = plansOf(own).at(-1)?.env ?? {}
    for (const [name, value] of Object.entries(own)) assert.equal(env[name], value)
  })

  it('tells the api where the other services expose metrics, unless that is set', () => {
    const apiOf = (env: Env) => plansOf(env).find(({ name }) => name === 'api')?.env
    assert.equal(
      apiOf({ API_HOST: '0.0.0.0', FINNHUB_TOKEN: 'abc' })?.['METRICS_URLS'],
      'consumer=http://127.0.0.1:4/metrics,batch=http://127.0.0.1:5/metrics,producer=http://127.0.0.1:3/metrics'
    )
    assert.ok(apiOf({})?.['METRICS_URLS']?.startsWith('simulator=http://127.0.0.1:2/metrics,'))
    assert.equal(apiOf({ METRICS_URLS: 'a=http://a/' })?.['METRICS_URLS'], 'a=http://a/')
  })

  it('lets the simulator accept as many symbols as configured', () => {
    const SYMBOLS = Array.from({ length: 60 }, (_, index) => `S${index}`).join(',')
    const env = plansOf({ SYMBOLS, FINNHUB_MAX_SYMBOLS: '100' })[0]?.env
    assert.equal(env?.['SIMULATOR_MAX_SYMBOLS'], '60')
  })

  it('shows an address that can be opened when the api listens on all', () => {
    const api = plansOf({ API_HOST: '0.0.0.0' }).find(({ name }) => name === 'api')
    assert.equal(api?.address, 'http://127.0.0.1:8080/')
    assert.equal(api?.readyUrl, 'http://127.0.0.1:8080/readyz')
  })
})

describe('scrapeTargets()', () => {
  it('names each service that runs, at an address that can be reached', () => {
    const targets = JSON.parse(scrapeTargets(plansOf({ API_HOST: '::' }))) as object[]
    assert.deepEqual(targets, [
      { targets: ['127.0.0.1:2'], labels: { service: 'simulator' } },
      { targets: ['127.0.0.1:4'], labels: { service: 'consumer' } },
      { targets: ['127.0.0.1:8080'], labels: { service: 'api' } },
      { targets: ['127.0.0.1:5'], labels: { service: 'batch' } },
      { targets: ['127.0.0.1:3'], labels: { service: 'producer' } }
    ])
    assert.ok(!scrapeTargets(plansOf({ FINNHUB_TOKEN: 'abc' })).includes('simulator'))
  })
})
