import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { FORECAST_MODELS } from '@tapedeck/domain'
import { apiOn } from '../reader-double.ts'

const app = apiOn({})

async function page() {
  const { body, headers } = await app.inject('/')
  const assets = [...body.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, url = '']) => url)
  const of = async (extension: string) => {
    const url = assets.find((one) => one.endsWith(extension)) ?? ''
    return { url, ...(await app.inject(url)) }
  }
  return { body, headers, assets, script: await of('.js'), style: await of('.css') }
}

describe('the live page', () => {
  it('is bundled from its sources and loads nothing from elsewhere', async () => {
    const { body, assets, script, style } = await page()
    assert.equal(assets.length, 2)
    assert.equal(script.statusCode, 200)
    assert.match(String(script.headers['content-type']), /^text\/javascript/)
    assert.match(String(style.headers['content-type']), /^text\/css/)
    assert.ok(script.body.length > 100_000 && style.body.length > 5000)
    assert.doesNotMatch(style.body, /@import|url\(/)
    const loaded = [...body.matchAll(/(?:src|href)="(https?:[^"]+)"/g)].map(([, url]) => url)
    // A link to follow, as the notice of lightweight-charts asks; nothing is fetched from there.
    assert.deepEqual(loaded, ['https://www.tradingview.com/'])
    assert.match(body, /TradingView Lightweight Charts™/)
  })

  it('lets the browser run its own files only, and speak to this server only', async () => {
    const { headers, body, script } = await page()
    const policy = String(headers['content-security-policy'])
    assert.match(policy, /default-src 'none';connect-src 'self'/)
    assert.match(policy, /style-src 'self';script-src 'self'/)
    assert.doesNotMatch(policy, /unsafe|\*/)
    assert.doesNotMatch(body, /<style|style="|<script>|onclick/)
    assert.equal(script.headers['x-content-type-options'], 'nosniff')
  })

  it('may be kept permanently by browsers, but for the document that names the files', async () => {
    const { headers, script } = await page()
    assert.match(script.url, /^\/assets\/page-[A-Z0-9]{8}\.js$/)
    assert.equal(script.headers['cache-control'], 'public, max-age=31536000, immutable')
    assert.equal(headers['cache-control'], 'no-cache')
    const again = await app.inject({ url: '/', headers: { 'if-none-match': String(headers.etag) } })
    assert.equal(again.statusCode, 304)
    assert.equal(again.body, '')
  })

  it('is sent compressed to browsers that ask for it', async () => {
    const { script } = await page()
    for (const [coding, decode] of [
      ['br', brotliDecompressSync],
      ['gzip', gunzipSync]
    ] as const) {
      const { headers, rawPayload } = await app.inject({
        url: script.url,
        headers: { 'accept-encoding': `deflate, ${coding}` }
      })
      assert.equal(headers['content-encoding'], coding)
      assert.equal(headers['vary'], 'accept-encoding')
      assert.ok(rawPayload.length < 0.4 * script.body.length)
      assert.equal(decode(rawPayload).toString(), script.body)
    }
  })

  it('answers 404 for a file that it does not have', async () => {
    const { statusCode, json } = await app.inject('/assets/page-00000000.js')
    assert.equal(statusCode, 404)
    assert.match(json<{ error: { message: string } }>().error.message, /expected one of/)
  })

  it('has every element that its script looks up by id', async () => {
    const { body, script } = await page()
    const ids = new Set([...body.matchAll(/ id="([a-z-]+)"/g)].map(([, id]) => id))
    assert.ok(ids.size > 60)
    for (const id of ids) {
      const isUsed = script.body.includes(id ?? '') || body.includes(`="${id}`)
      assert.ok(isUsed, `#${id} is not used`)
    }
  })

  it('offers the configured timeframes, the horizons of each, and every model', async () => {
    const { body } = await page()
    assert.match(body, /data-timeframes="1s,5s,1m,5m,15m,1h,1d"/)
    assert.match(body, /data-forecasts="1m:1,1m:5,5s:12"/)
    const [, listed = ''] = /data-models="([^"]*)"/.exec(body) ?? []
    assert.deepEqual(
      listed.split(','),
      FORECAST_MODELS.map(({ name }) => name)
    )
  })
})
