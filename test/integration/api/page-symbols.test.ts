import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openBrowser, violations } from '../../support/browser.ts'
import { eventually } from '../../support/eventually.ts'
import { aSymbol } from '../../support/market-documents.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { servers } from '../../support/servers.ts'
import { openPipeline } from '../../support/page-pipeline.ts'
import { runningApi, untilReady } from './running-api.ts'

const options = { timeout: 140_000 }
const VIEWPORT = { width: 1440, height: 900 }

describe('the live page with many symbols', () => {
  const NAMES = Array.from({ length: 500 }, (_, index) => `S${String(index).padStart(3, '0')}`)

  it('has rows for those in view only, and finds every one', options, async (t) => {
    const browser = await openBrowser(t)
    const { env, mongoUri: uri, database: name } = servers()
    const { database } = await ownDatabase(t, { mongoUri: uri, database: name })
    await database.symbols.insertMany(
      NAMES.map((symbol) => aSymbol(symbol, { lastTradeAt: new Date() }))
    )
    const more = {
      FINNHUB_MAX_SYMBOLS: '500',
      KAFKA_BROKERS: '',
      BARS_TOPIC: env['BARS_TOPIC'] ?? ''
    }
    const { url, get } = await runningApi(t, { uri, database: name, symbols: NAMES.join(), more })
    await untilReady(get)
    const page = await browser.newPage({ viewport: VIEWPORT })
    await page.goto(url)
    const rows = page.locator('#symbol-list li:visible')
    await eventually(async () => assert.match(await rows.first().innerText(), /S000/))
    assert.ok((await rows.count()) < 30)
    await page.locator('#symbol-scroll').evaluate((list) => list.scrollTo(0, list.scrollHeight))
    await eventually(async () =>
      assert.match(await page.locator('#symbol-list').innerText(), /S499/)
    )
    assert.ok((await rows.count()) < 30)
    await page.locator('#symbol-search').fill('s25')
    await eventually(async () => assert.equal(await rows.count(), 10))
    await page.keyboard.press('Enter')
    await eventually(async () => assert.equal(await page.locator('#chosen').innerText(), 'S250'))
    assert.deepEqual(await violations(page), [])
  })

  it('streams the prices of fifty', options, async (t) => {
    const browser = await openBrowser(t)
    const fifty = NAMES.slice(0, 50)
    const pipeline = await openPipeline(t, fifty, { thinMs: 60_000, denseMs: 0 })
    await pipeline.startFeed()
    const page = await browser.newPage({ viewport: { width: 1440, height: 2400 } })
    await page.goto(pipeline.url)
    const priced = page.locator('#symbol-list .figures > span', { hasText: /\d/ })
    await eventually(async () => assert.equal(await priced.count(), 50))
    const prices = await priced.allInnerTexts()
    await eventually(async () => {
      const now = await priced.allInnerTexts()
      assert.ok(now.filter((price, at) => price !== prices[at]).length > 25)
    })
  })
})
