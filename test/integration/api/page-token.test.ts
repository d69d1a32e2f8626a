import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { openBrowser, violations } from '../../support/browser.ts'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { aRecord, aTrade } from '../../support/trades.ts'
import { runningApi, untilReady } from './running-api.ts'

const options = { timeout: 140_000 }
const READER = 'a-token-for-reading'
const WRITER = 'a-token-for-writing'
const API_TOKENS = `viewer:read:${READER},editor:write:${WRITER}`

describe('the live page where reading needs a token', options, () => {
  it('asks for it once, and reads, streams and changes symbols with it', async (t) => {
    const browser = await openBrowser(t)
    const market = await openMarket(t)
    await inService(t, (context) => startConsumer(market.consumer(), context))
    const { url, get } = await runningApi(t, {
      uri: market.env['MONGODB_URI'] ?? '',
      database: market.env['MONGODB_DB'] ?? '',
      more: { ...market.env, API_OPEN: 'false', API_TOKENS }
    })
    await untilReady(get)
    const page = await browser.newPage()
    const failures: string[] = []
    page.on('pageerror', (error) => failures.push(String(error)))
    await page.goto(url)
    const dialog = page.locator('#token-dialog')
    const give = async (token: string): Promise<void> => {
      await dialog.locator('input').fill(token)
      await page.keyboard.press('Enter')
    }
    const says = (text: RegExp) =>
      eventually(async () => {
        assert.ok(await dialog.isVisible())
        assert.match(await dialog.innerText(), text)
      })
    const rows = page.locator('#symbol-list li:visible')

    await says(/Reading needs a token/)
    assert.deepEqual(await violations(page), [])
    // Cancelled: the page says what is missing and does not insist; the button asks again.
    await page.locator('#token-cancel').click()
    await eventually(async () => {
      assert.match(await page.locator('#watch-panel .failing').innerText(), /no bearer token found/)
    })
    assert.ok(!(await dialog.isVisible()))
    await page.locator('#token-button').click()
    await give('not-the-token-of-it')
    await says(/does not know this token/)
    await give(READER)
    await eventually(async () => assert.equal(await rows.count(), 2))
    assert.ok(!(await dialog.isVisible()))

    await eventually(async () => {
      assert.match(await page.locator('#connection').innerText(), /^live/i)
    })
    const trade = aTrade({ p: 231.47, t: Date.now() })
    await market.publish([aRecord({ symbol: 'AAPL', receivedAt: Date.now(), trades: [trade] })])
    await eventually(async () => {
      assert.match(await page.locator('#trade-rows').innerText(), /231\.47/)
    })
    // The token is kept for the tab, and is nowhere in its address.
    await page.reload()
    await eventually(async () => assert.equal(await rows.count(), 2))
    assert.ok(!(await dialog.isVisible()))
    assert.ok(!page.url().includes(READER))

    const add = async (): Promise<void> => {
      await page.locator('#symbol-input').fill('TSLA')
      await page.locator('#symbol-form button').click()
    }
    await add()
    await eventually(async () => {
      assert.match(await page.locator('#symbol-note').innerText(), /has scope read, expected write/)
    })
    await add()
    await says(/scope write/)
    await give(WRITER)
    await eventually(async () => {
      assert.match(await page.locator('#symbol-note').innerText(), /TSLA added/)
    })

    // Links of the page bring the token too.
    await page.locator('footer a[href="/api/v1/feed"]').click()
    await eventually(async () => assert.match(await page.locator('body').innerText(), /"feeds"/))
    assert.deepEqual(failures, [])
  })
})
