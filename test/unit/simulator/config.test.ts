import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode } from '@tapedeck/core'
import { readConfig, readFlags, SIMULATOR_VARIABLES, USAGE } from '@tapedeck/simulator/testing'

describe('readConfig of the simulator', () => {
  it('needs nothing: a seeded market on a free port of this machine', () => {
    assert.deepEqual(readConfig({}), {
      host: '127.0.0.1',
      port: 0,
      healthHost: '127.0.0.1',
      healthPort: 0,
      token: undefined,
      maxSymbols: 51,
      pingMs: 60_000,
      scenario: undefined,
      source: {
        kind: 'market',
        seed: 1,
        tradesPerSecond: 3,
        alwaysOpen: true,
        market: 'martingale'
      }
    })
  })

  it('plays a file when one is named', () => {
    const { source } = readConfig({
      SIMULATOR_FILE: 'tape.ndjson.gz',
      SIMULATOR_SPEED: 'max',
      SIMULATOR_SKIP_GAPS: 'true',
      SIMULATOR_START: 'subscribed:4'
    })
    assert.deepEqual(source, {
      kind: 'tape',
      path: 'tape.ndjson.gz',
      speed: Infinity,
      skipGaps: true,
      start: { kind: 'subscribed', symbols: 4 }
    })
  })

  it('names every mistake at once', () => {
    const env = { SIMULATOR_PORT: 'x', SIMULATOR_SPEED: '0', SIMULATOR_START: 'now' }
    assert.throws(
      () => readConfig(env),
      (error) => {
        assert.ok(hasCode(error, 'CONFIG_INVALID'))
        for (const name of Object.keys(env)) assert.match(error.message, new RegExp(name))
        return true
      }
    )
  })

  it('reads exactly the variables that help names, besides LOG_LEVEL of every service', () => {
    const read = new Set(['LOG_LEVEL'])
    const spy = new Proxy<Record<string, string>>(
      {},
      { get: (_target, name) => void read.add(String(name)) }
    )
    readConfig(spy)
    const named = USAGE.matchAll(/^ {2}--\S+(?: VALUE)? +([A-Z_]+) /gm)
    assert.deepEqual([...read].sort(), [...named].map(([, name = '']) => name).sort())
  })

  it('has the defaults that help names', () => {
    const env: Record<string, string> = {}
    const unbroken = USAGE.replaceAll(/\n {3,}/g, ' ')
    for (const [name, { fallback, shown }] of Object.entries(SIMULATOR_VARIABLES)) {
      if (fallback !== undefined && shown !== undefined) env[name] = shown
      if (shown !== undefined) assert.match(unbroken, new RegExp(` ${name} .*\\(${shown}\\)$`, 'm'))
    }
    assert.deepEqual(readConfig(env), readConfig({}))
  })
})

describe('readFlags', () => {
  it('turns flags into variables', () => {
    const args = ['--port', '9200', '--file=t.ndjson', '--skip-gaps', '--no-always-open']
    assert.deepEqual(readFlags(args), {
      SIMULATOR_PORT: '9200',
      SIMULATOR_FILE: 't.ndjson',
      SIMULATOR_SKIP_GAPS: 'true',
      SIMULATOR_ALWAYS_OPEN: 'false'
    })
    assert.deepEqual(readFlags([]), {})
  })

  it('answers --help, which shows every flag beside its variable', () => {
    assert.equal(readFlags(['--help']), 'help')
    assert.match(USAGE, /--max-symbols VALUE +SIMULATOR_MAX_SYMBOLS /)
    assert.match(USAGE, /--health-host VALUE +HEALTH_HOST /)
    assert.match(USAGE, /--log-level VALUE +LOG_LEVEL /)
    assert.match(USAGE, /--skip-gaps +SIMULATOR_SKIP_GAPS /)
  })

  it('refuses a flag that does not exist, one without its value, and operands', () => {
    for (const args of [['--speeed', '2'], ['--port'], ['tape.ndjson']]) {
      assert.throws(
        () => readFlags(args),
        (error) => hasCode(error, 'CONFIG_INVALID')
      )
    }
  })
})
