import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { Script } from 'node:vm'
import { FORECAST_MODELS } from '@tapedeck/domain'
import { apiOn } from './reader-double.ts'

async function page() {
  const { body, headers } = await apiOn({}).inject('/')
  const script = /<script type="module">([\s\S]*)<\/script>/.exec(body)?.[1] ?? ''
  const style = /<style>([\s\S]*?)<\/style>/.exec(body)?.[1] ?? ''
  return { body, headers, script, style }
}

describe('the live page', () => {
  it('is one document that loads nothing from elsewhere', async () => {
    const { body, script, style } = await page()
    assert.doesNotMatch(body, /<script[^>]+src=|<link[^>]+stylesheet|@import|url\(/)
    assert.deepEqual(
      [...body.matchAll(/https?:\/\/[^'"\s]+/g)].map(([address]) => address),
      // Names of a vocabulary, never fetched.
      ['http://www.w3.org/2000/svg', 'http://www.w3.org/2000/svg']
    )
    assert.ok(script.length > 10_000 && style.length > 1000)
  })

  it('has one script that parses, without module syntax', async () => {
    const { script } = await page()
    assert.deepEqual(script.match(/^\s*(import|export) .*/gm), null)
    // As a function body, since the script is a module: strict, with names of its own.
    assert.doesNotThrow(() => new Script(`(async () => { 'use strict';\n${script}\n})`))
  })

  it('lets the browser run exactly its own style and script, and speak to this server only', async () => {
    const { headers, script, style } = await page()
    const policy = String(headers['content-security-policy'])
    for (const text of [script, style]) {
      assert.ok(policy.includes(`sha256-${createHash('sha256').update(text).digest('base64')}`))
    }
    assert.match(policy, /default-src 'none'; connect-src 'self'/)
    assert.doesNotMatch(policy, /unsafe/)
  })

  it('has every element that its script looks up by id', async () => {
    const { body, script } = await page()
    const asked = new Set([...script.matchAll(/\$\('([a-z-]+)'\)/g)].map(([, id]) => id))
    assert.ok(asked.size > 15)
    for (const id of asked) assert.ok(body.includes(`id="${id}"`), id)
  })

  it('offers the configured timeframes and the horizons of each', async () => {
    const { body } = await page()
    assert.match(body, /data-timeframes="1s,5s,1m,5m,15m,1h,1d"/)
    assert.match(body, /data-forecasts="1m:1,1m:5,5s:12"/)
  })

  it('knows every model that there is', async () => {
    const { body } = await page()
    const [, listed = ''] = /data-models="([^"]*)"/.exec(body) ?? []
    assert.deepEqual(
      listed.split(','),
      FORECAST_MODELS.map(({ name }) => name)
    )
  })
})
