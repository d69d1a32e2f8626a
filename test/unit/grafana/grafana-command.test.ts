import { readGrafanaConfig } from '@tapedeck/grafana'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { saysAll } from './says-all.ts'

const FOLDERS = { user: '/home/me', project: '/srv/tapedeck' }

function read(env: Record<string, string>, ...args: string[]) {
  const found = readGrafanaConfig(env, args, FOLDERS)
  assert.ok(found !== 'help')
  return found
}

function mistakes(env: Record<string, string>, args: readonly string[], parts: readonly string[]) {
  assert.throws(() => readGrafanaConfig(env, args, FOLDERS), saysAll('CONFIG_INVALID', parts))
}

describe('readGrafanaConfig()', () => {
  it('reads flags relative to the folder of the user and the data folder relative to the project', () => {
    assert.deepEqual(read({}, '--home', 'grafana', '--plugins', '../plugins'), {
      way: 'serve',
      config: {
        home: '/home/me/grafana',
        port: 3000,
        apiUrl: 'http://127.0.0.1:8080',
        apiToken: undefined,
        alertWebhook: undefined,
        dataDir: '/srv/tapedeck/.data/grafana',
        pluginsDir: '/home/plugins'
      }
    })
  })

  it('reads address, port and folder from the environment, without a slash at the end', () => {
    const env = {
      GRAFANA_PORT: '3100',
      TAPEDECK_API_URL: 'http://api.local:8081/',
      TAPEDECK_API_TOKEN: 'a-token-for-grafana',
      TAPEDECK_DATA_DIR: '/var/tapedeck'
    }
    const { way, config } = read(env, '--home', '/opt/grafana')
    assert.ok(way === 'serve')
    assert.equal(config.port, 3100)
    assert.equal(config.apiUrl, 'http://api.local:8081')
    assert.equal(config.apiToken?.reveal(), 'a-token-for-grafana')
    assert.equal(config.dataDir, '/var/tapedeck/grafana')
  })

  it('names every mistake at once, without a password', () => {
    const env = { GRAFANA_PORT: 'x', TAPEDECK_API_URL: 'http://a:hidden@api/v1' }
    const parts = ['--home is not set', 'GRAFANA_PORT', 'has a path', 'user or password']
    mistakes(env, [], parts)
    assert.throws(
      () => read(env),
      (error) => !String(error).includes('hidden')
    )
  })

  it('refuses a flag that it does not know', () => {
    mistakes({}, ['--hom', 'x'], ['did you mean --home'])
  })

  it('answers help when it is asked for', () => {
    assert.equal(readGrafanaConfig({}, ['--help'], FOLDERS), 'help')
  })

  it('reads the Grafana to push to, with its path', () => {
    const env = {
      GRAFANA_URL: 'https://me.example/grafana/',
      GRAFANA_TOKEN: 'glsa_something',
      TAPEDECK_API_URL: 'https://tape.example'
    }
    const { way, config } = read(env, '--push', '--dry-run')
    assert.ok(way === 'push')
    assert.equal(config.grafanaUrl, 'https://me.example/grafana')
    assert.equal(config.grafanaToken.reveal(), 'glsa_something')
    assert.equal(config.apiUrl, 'https://tape.example')
    assert.equal(config.isDryRun, true)
  })

  it('keeps the address for alerts secret, and says what is none', () => {
    const env = { GRAFANA_ALERT_WEBHOOK: 'https://hooks.example/a/b?key=1' }
    const { way, config } = read(env, '--home', 'x')
    assert.ok(way === 'serve')
    assert.equal(config.alertWebhook?.reveal(), env.GRAFANA_ALERT_WEBHOOK)
    assert.ok(!JSON.stringify(config).includes('hooks.example'))
    mistakes(
      { GRAFANA_ALERT_WEBHOOK: 'hooks.example' },
      ['--home', 'x'],
      ['GRAFANA_ALERT_WEBHOOK', 'a URL that begins with http:// or https://']
    )
  })

  it('asks for the address of the api when the Grafana is on another machine', () => {
    const env = { GRAFANA_URL: 'https://me.grafana.example', GRAFANA_TOKEN: 'glsa_something' }
    mistakes(env, ['--push'], ['TAPEDECK_API_URL is not set', 'me.grafana.example'])
    for (const url of ['http://localhost:3000', 'http://127.0.0.1:3000', 'http://[::1]:3000']) {
      const { config } = read({ ...env, GRAFANA_URL: url }, '--push')
      assert.equal(config.apiUrl, 'http://127.0.0.1:8080')
    }
  })

  it('names what a push lacks', () => {
    mistakes({}, ['--push'], ['GRAFANA_URL is not set', 'GRAFANA_TOKEN is not set'])
    mistakes({ GRAFANA_URL: 'http://g/?a=b', GRAFANA_TOKEN: 'x' }, ['--push'], ['a ? or #'])
  })

  it('refuses flags that exclude each other', () => {
    mistakes({}, ['--push', '--home', 'x'], ['one of the two ways'])
    mistakes({}, ['--dry-run', '--home', 'x'], ['--dry-run found without --push'])
  })
})
