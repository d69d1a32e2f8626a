import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode, type Env } from '@tapedeck/core'
import { misspelled, readSettings, type StackConfig } from '@tapedeck/stack/testing'
import { VARIABLES } from '../../programs/settings/documents.ts'

const KNOWN = new Set(Object.keys(VARIABLES))

/** What `npm start` says of these settings, and reads. The services are asked as programs. */
async function settingsOf(env: Env): Promise<{ warnings: string[]; config: StackConfig }> {
  const warnings: string[] = []
  const progress = { warn: (text: string) => void warnings.push(text) }
  const { signal } = new AbortController()
  const { PATH, HOME } = process.env
  const config = await readSettings({ PATH, HOME, ...env }, { progress, signal })
  return { warnings, config }
}

describe('readSettings()', { timeout: 120_000 }, () => {
  it('names the mistakes of every service at once', async () => {
    const env = {
      STACK: 'cloud',
      SYMBOLS: 'AAPL MSFT',
      FORECASTS: '1m:20:1',
      TIMEFRAMES: '1s',
      API_TOKEN: 'short',
      SPOOL_AFTER: '1',
      SIMULATOR_SCENARIO: '/no/such.json',
      LOG_LEVEL: 'loud',
      FEED: 'bloomberg'
    }
    await assert.rejects(settingsOf(env), (error) => {
      assert.ok(hasCode(error, 'CONFIG_INVALID'))
      for (const part of [
        /^Cannot start: STACK is 'cloud'/,
        /SYMBOLS: entry 1 is 'AAPL MSFT', expected commas/,
        /FORECASTS: '1m:20:1' needs bars of 1m/,
        /API_TOKEN is refused, expected a secret of at least 16 characters/,
        /SPOOL_AFTER is '1', expected a duration/,
        /SIMULATOR_SCENARIO is '\/no\/such\.json'/,
        /LOG_LEVEL is 'loud'/,
        /FEED is 'bloomberg'/
      ]) {
        assert.match(error.message, part)
      }
      const lines = error.message.split('\n')
      assert.equal(new Set(lines).size, lines.length, 'each mistake once')
      assert.ok(!error.message.includes('short'))
      return true
    })
  })

  it('finds nothing wrong with no settings, and with every one of ours', async () => {
    const { warnings, config } = await settingsOf({})
    assert.deepEqual(warnings, [])
    assert.equal(config.feed, 'simulated')
    const all = Object.fromEntries(
      Object.entries(VARIABLES).flatMap(([name, { shown }]) =>
        shown === undefined || shown.includes(' ') ? [] : [[name, shown]]
      )
    )
    assert.deepEqual((await settingsOf(all)).warnings, [])
  })

  it('wants the keys of the vendor that is followed, and no simulator for it', async () => {
    await assert.rejects(settingsOf({ FEED: 'alpaca', SIMULATOR_RATE: 'fast' }), {
      code: 'CONFIG_INVALID',
      message:
        'Cannot start: ALPACA_KEY_ID is not set, expected a secret\n' +
        '  ALPACA_SECRET_KEY is not set, expected a secret'
    })
    const keys = { FEED: 'alpaca', ALPACA_KEY_ID: 'k', ALPACA_SECRET_KEY: 's' }
    assert.equal((await settingsOf(keys)).config.feed, 'live')
  })
})

describe('misspelled()', () => {
  const cases: readonly [string, string | undefined][] = [
    ['FINHUB_TOKEN', 'FINNHUB_TOKEN'],
    ['FINNHUB_TOKN', 'FINNHUB_TOKEN'],
    ['FINNHUBTOKEN', 'FINNHUB_TOKEN'],
    ['FINNHUB_API_KEY', 'FINNHUB_TOKEN'],
    ['\ufeffFINNHUB_TOKEN', 'FINNHUB_TOKEN'],
    ['SYMBOL', 'SYMBOLS'],
    ['symbols', 'SYMBOLS'],
    ['KAFKA_BROKER', 'KAFKA_BROKERS'],
    ['KAFKA_BOOTSTRAP_SERVERS', 'KAFKA_BROKERS'],
    ['MONGO_URL', 'MONGODB_URI'],
    ['MONGODB_URL', 'MONGODB_URI'],
    ['APCA_API_KEY_ID', 'ALPACA_KEY_ID'],
    ['TIMEFRAME', 'TIMEFRAMES'],
    ['API_PORTS', 'API_PORT'],
    ['SIMULATOR_COLOUR', undefined]
  ]
  for (const [name, meant] of cases) {
    it(`says of ${JSON.stringify(name)} what was meant`, () => {
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`
      assert.deepEqual(misspelled({ [name]: 'x' }, KNOWN), [
        `${name} is not a setting of tapedeck${hint}`
      ])
    })
  }

  it('has nothing to say of other programs, of what is empty, and where the right name is set too', () => {
    const others =
      'PATH HOME SHELL KAFKA_HOST KAFKA_OPTS MONGO_INITDB_ROOT_PASSWORD API_KEY API_HOSTED_ZONE SEED SLACK_TOKEN ' +
      'LOG_FORMAT JAVA_OPTS npm_config_cache NODE_ENV GRAFANA_TOKEN TAPEDECK_TEST_BROKERS JDK_HOME'
    const env = Object.fromEntries(others.split(' ').map((name) => [name, 'x']))
    assert.deepEqual(misspelled(env, KNOWN), [])
    assert.deepEqual(misspelled({ SYMBOL: ' ' }, KNOWN), [])
    assert.deepEqual(misspelled({ MONGO_URL: 'a', MONGODB_URI: 'b' }, KNOWN), [])
  })
})
