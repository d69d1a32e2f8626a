import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode } from '@tapedeck/core'
import { readCommandLine, readConfig, SETTINGS, USAGE } from '@tapedeck/simulator'

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
      source: { kind: 'market', seed: 1, tradesPerSecond: 3, alwaysOpen: true }
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
    assert.deepEqual([...read].sort(), SETTINGS.map(({ variable }) => variable).sort())
  })

  it('has the defaults that help names', () => {
    const shown = SETTINGS.filter(({ fallback }) => fallback !== '')
    const env = Object.fromEntries(shown.map(({ variable, fallback }) => [variable, fallback]))
    assert.deepEqual(readConfig(env), readConfig({}))
  })
})

describe('readCommandLine', () => {
  it('turns flags into variables', () => {
    const args = ['--port', '9200', '--file=t.ndjson', '--skip-gaps', '--no-always-open']
    assert.deepEqual(readCommandLine(args), {
      SIMULATOR_PORT: '9200',
      SIMULATOR_FILE: 't.ndjson',
      SIMULATOR_SKIP_GAPS: 'true',
      SIMULATOR_ALWAYS_OPEN: 'false'
    })
    assert.deepEqual(readCommandLine([]), {})
  })

  it('answers --help, which shows every flag and variable', () => {
    assert.equal(readCommandLine(['--help']), 'help')
    for (const { flag, variable } of SETTINGS) {
      assert.ok(USAGE.includes(`--${flag} `) && USAGE.includes(` ${variable} `), flag)
    }
  })

  it('refuses a flag that does not exist, one without its value, and loose words', () => {
    for (const args of [['--speeed', '2'], ['--port'], ['tape.ndjson']]) {
      assert.throws(
        () => readCommandLine(args),
        (error) => hasCode(error, 'CONFIG_INVALID')
      )
    }
  })
})
