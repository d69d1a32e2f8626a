import assert from 'node:assert/strict'
import path from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { DEFAULT_SYMBOLS } from '@tapedeck/domain'
import type { Browser, Page } from 'playwright-core'
import { openBrowser, violations } from '../../support/browser.ts'
import { eventually } from '../../support/eventually.ts'
import { OwnScope } from '../../support/scope.ts'
import { openPipeline, type Pipeline } from '../../support/page-pipeline.ts'

const options = { timeout: 280_000 }
const HOUR_MS = 3_600_000
const PAST = { thinMs: 26 * HOUR_MS, denseMs: 15 * 60_000 }
/** What a page of seven symbols may cost, bytes a second of market time. */
const MOST_BYTES_PER_SECOND = 20_000
const DESKTOP = { width: 1440, height: 900 }
const PHONE = { width: 390, height: 844 }
/** Set: the pictures of the documents are taken again. */
const TAKES_PICTURES = process.env['TAPEDECK_PICTURES'] === '1'
const images = path.resolve(import.meta.dirname, '../../../docs/images')

describe('the live page in a browser', options, () => {
  const scope = new OwnScope()
  let browser: Browser
  let pipeline: Pipeline

  before(async () => {
    browser = await openBrowser(scope)
    // Few closes are enough, so that there are forecasts soon after the start of the feed.
    const more = { FORECASTS: '5s:20:12,1m:10:1,1m:10:5' }
    pipeline = await openPipeline(scope, DEFAULT_SYMBOLS, PAST, more)
    await pipeline.startFeed()
  }, options)
  after(() => scope.end())

  /** A page of its own; what it writes to the console and the errors of its scripts are in `complaints`. */
  async function open(
    t: TestContext,
    address = pipeline.url,
    {
      viewport = DESKTOP,
      colorScheme = 'light'
    }: { viewport?: typeof DESKTOP; colorScheme?: 'light' | 'dark' } = {}
  ): Promise<{ page: Page; complaints: string[] }> {
    const context = await browser.newContext({
      viewport,
      colorScheme,
      timezoneId: 'America/New_York'
    })
    t.after(() => context.close())
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(String(error)))
    await page.goto(address)
    return { page, complaints }
  }

  const text = (page: Page, id: string): Promise<string> => page.locator(`#${id}`).innerText()
  /** How many bars the chart has. */
  const barCount = async (page: Page): Promise<number> =>
    Number(/^\d+/.exec((await page.locator('#chart-summary').textContent()) ?? '')?.[0] ?? 0)
  const isLive = (page: Page): Promise<unknown> =>
    eventually(async () => assert.equal(await text(page, 'connection'), 'live'))

  it('moves with the market, says that it is simulated, and complains of nothing', async (t) => {
    const { page, complaints } = await open(t, `${pipeline.url}/#symbol=AAPL&timeframe=1s`)
    await isLive(page)
    const [bars, facts] = [await barCount(page), await text(page, 'bar-facts')]
    const picture = await page.locator('#chart').screenshot()
    await eventually(async () => {
      assert.ok((await barCount(page)) >= bars + 3)
      assert.notEqual(await text(page, 'bar-facts'), facts)
      assert.notDeepEqual(await page.locator('#chart').screenshot(), picture)
    })
    // The producer has just begun to report.
    await eventually(async () => {
      assert.equal(await text(page, 'mode'), 'SIMULATED')
      assert.match(await text(page, 'feed-text'), /connected/)
      assert.match(await text(page, 'lag'), /^lag \d+ (ms|s)$/)
      assert.match(await text(page, 'trade-rows'), /odd lot|extended hours|intermarket sweep/)
      assert.ok(Number(await text(page, 'rate-now')) > 0)
    })
    assert.match(await page.title(), /^[\d.,]+ AAPL$/)
    const [scroller, rows] = [page.locator('#tape-scroll'), page.locator('#trade-rows tr:visible')]
    assert.ok((await rows.count()) > 20)
    await eventually(async () => {
      await page.evaluate("document.getElementById('tape-scroll').scrollTop = 10_000")
      const [view, last] = await Promise.all([
        scroller.boundingBox(),
        rows.and(page.locator(':not([aria-hidden])')).last().boundingBox()
      ])
      assert.ok(view !== null && last !== null)
      const below = last.y + last.height - view.y - view.height
      assert.ok(Math.abs(below) < 2, `${below} px of the oldest trade are out of view`)
      assert.ok((await page.locator('#trade-rows tr').first().boundingBox())!.height > 100)
    })
    assert.deepEqual(complaints, [])
  })

  it('loads older bars as one scrolls back, over a day and to the first one', async (t) => {
    const { page, complaints } = await open(t, `${pipeline.url}/#symbol=AAPL&timeframe=1m`)
    await isLive(page)
    await eventually(async () => assert.ok((await barCount(page)) >= 500))
    assert.ok((await barCount(page)) < 1300)
    await eventually(
      async () => {
        await page.keyboard.press('PageUp')
        assert.match(
          (await page.locator('#chart-summary').textContent()) ?? '',
          /the oldest stored one/
        )
      },
      { everyMs: 200 }
    )
    const stored = await pipeline.market.database.bars.countDocuments({
      symbol: 'AAPL',
      timeframe: '1m'
    })
    assert.ok(Math.abs((await barCount(page)) - stored) <= 2)
    assert.ok(stored > 1300)
    for (let bars = 0; bars < 5; bars++) await page.keyboard.press('ArrowLeft')
    assert.match(await text(page, 'bar-when'), /final|revised/)
    assert.deepEqual(complaints, [])
  })

  it('draws the chosen indicators and keeps them in the address', async (t) => {
    const { page, complaints } = await open(t, `${pipeline.url}/#symbol=MSFT&timeframe=5s`)
    await isLive(page)
    await page.locator('#chart-menu summary').click()
    for (const name of ['sma', 'ema', 'bollinger', 'rsi', 'macd']) {
      await page.locator(`#indicator-${name}`).check()
    }
    await eventually(async () =>
      assert.match(
        await text(page, 'bar-facts'),
        /VWAP.+SMA 20.+EMA 50.+BB 20.+RSI 14.+MACD 12 26 9/s
      )
    )
    const address = new URL(page.url())
    assert.match(decodeURIComponent(address.hash), /symbol=MSFT.+indicators=sma:20,ema:50/)
    const { page: other } = await open(t, page.url())
    await eventually(async () => assert.match(await text(other, 'bar-facts'), /RSI 14/))
    assert.deepEqual(complaints, [])
  })

  it('costs less than 20 KB for each second of the market with seven symbols', async (t) => {
    const { page } = await open(t, 'about:blank')
    const session = await page.context().newCDPSession(page)
    await session.send('Network.enable')
    let bytes = 0
    const ends = new Set<number>()
    session.on('Network.dataReceived', ({ encodedDataLength, dataLength }) => {
      bytes += Math.max(encodedDataLength, dataLength)
    })
    session.on('Network.webSocketFrameReceived', ({ response }) => {
      bytes += response.payloadData.length
      const { bars = [] } = JSON.parse(response.payloadData) as {
        bars?: { timeframe: string; symbol: string; end: number }[]
      }
      for (const { timeframe, symbol, end } of bars) {
        if (timeframe === '5s' && symbol === 'AAPL') ends.add(end)
      }
    })
    await page.goto(`${pipeline.url}/#symbol=AAPL&timeframe=5s`)
    await isLive(page)
    // Stored history is asked once, which takes as long as the machine is busy.
    await page.waitForLoadState('networkidle')
    await eventually(() => assert.ok(ends.size >= 2))
    const [bytesBefore, beganMs] = [bytes, Math.max(...ends)]
    await eventually(() => assert.ok(Math.max(...ends) >= beganMs + 25_000))
    const perSecond = (bytes - bytesBefore) / ((Math.max(...ends) - beganMs) / 1000)
    t.diagnostic(`${Math.round(perSecond)} bytes a second of market time`)
    assert.ok(perSecond > 500)
    assert.ok(perSecond < MOST_BYTES_PER_SECOND, `${perSecond} bytes a second`)
  })

  it('shows forecasts with their scores, and explains a bar trade by trade', async (t) => {
    const { page, complaints } = await open(t, `${pipeline.url}/#symbol=AAPL&timeframe=5s`)
    await eventually(async () => {
      assert.match(await text(page, 'forecast-next'), /^[\d.,]+$/)
      assert.match(await text(page, 'forecast-facts'), /95 % band/)
      assert.equal(await page.locator('#score-rows tr').count(), 3)
    })
    // Forecasts may come before the bars; without bars, keys point at none.
    await eventually(async () => assert.ok((await barCount(page)) > 3))
    for (let times = 0; times < 3; times++) await page.keyboard.press('ArrowLeft')
    await eventually(async () => assert.match(await text(page, 'bar-when'), /final|revised/))
    const [when, bars] = [await text(page, 'bar-when'), await barCount(page)]
    await eventually(async () => assert.ok((await barCount(page)) >= bars + 2))
    assert.equal((await text(page, 'bar-when')).split(' · ')[0], when.split(' · ')[0])
    await page.keyboard.press('w')
    await eventually(async () => {
      assert.match(await text(page, 'why-verdict'), /give exactly this bar/)
      assert.ok((await page.locator('#why-rows tr').count()) > 0)
    })
    await page.keyboard.press('Escape')
    await page.keyboard.press('?')
    assert.ok(await page.locator('#help-dialog').isVisible())
    assert.deepEqual(complaints, [])
  })

  it('spoils one panel only when one query fails', async (t) => {
    const { page } = await open(t, 'about:blank')
    await page.route(/forecast-summary/, (route) =>
      route.fulfill({ status: 503, json: { error: { message: 'MongoDB does not answer' } } })
    )
    await page.goto(`${pipeline.url}/#symbol=AAPL&timeframe=5s`)
    const failing = page.locator('.failing:visible')
    await eventually(async () => {
      assert.match(
        await page.locator('#forecast-panel .failing').innerText(),
        /MongoDB does not answer/
      )
      assert.equal(await failing.count(), 1)
      assert.ok((await barCount(page)) > 50)
      assert.ok((await page.locator('#trade-rows tr:visible').count()) > 20)
    })
    await page.unroute(/forecast-summary/)
    await eventually(async () => assert.equal(await failing.count(), 0))
  })

  it('has no accessibility violations, wide and narrow, light and dark', async (t) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const viewport of [DESKTOP, PHONE]) {
        const { page } = await open(
          t,
          `${pipeline.url}/#symbol=AAPL&timeframe=5s&indicators=rsi,bollinger`,
          { viewport, colorScheme }
        )
        await isLive(page)
        await eventually(async () => assert.match(await text(page, 'forecast-facts'), /Skill/))
        const parts = viewport === DESKTOP ? ['', '#chart-menu summary'] : ['']
        for (const part of parts) {
          if (part !== '') await page.locator(part).click()
          assert.deepEqual(await violations(page), [], `${colorScheme} ${viewport.width} ${part}`)
        }
      }
    }
  })

  it('changes symbol, timeframe, kind and colours by keys, and keeps the layout', async (t) => {
    const { page, complaints } = await open(t, `${pipeline.url}/#symbol=AAPL&timeframe=5s`)
    await isLive(page)
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('3')
    await page.keyboard.press('c')
    await page.keyboard.press('t')
    await page.keyboard.press('t')
    await eventually(async () => assert.equal(await text(page, 'chosen'), 'MSFT'))
    assert.match(page.url(), /symbol=MSFT&timeframe=1m.*type=bars/)
    await page.goto(`${pipeline.url}/?again`)
    await isLive(page)
    assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark')
    assert.equal(await page.locator('#type').inputValue(), 'bars')
    await page.keyboard.press('/')
    await page.keyboard.type('btc')
    await page.keyboard.press('Enter')
    await eventually(async () => assert.equal(await text(page, 'chosen'), 'BINANCE:BTCUSDT'))
    assert.deepEqual(complaints, [])
  })

  it('goes on after the api is killed and started again, without a reload and without a hole', async (t) => {
    const { page } = await open(t, `${pipeline.url}/#symbol=AAPL&timeframe=1s`)
    await isLive(page)
    await page.evaluate(() => Object.assign(globalThis, { isSamePage: true }))
    const bars = await barCount(page)
    await pipeline.killApi()
    await isLive(page)
    await eventually(async () => assert.ok((await barCount(page)) > bars + 5))
    assert.equal(await page.evaluate(() => 'isSamePage' in globalThis), true)
    await eventually(async () => assert.equal(await page.locator('.failing:visible').count(), 0))
    const shown = await barCount(page)
    const summary = (await page.locator('#chart-summary').textContent()) ?? ''
    assert.ok(shown >= 600, summary)
  })

  it(
    'is pictured for the documents',
    { skip: !TAKES_PICTURES && 'TAPEDECK_PICTURES is not 1' },
    async (t) => {
      const pictures = [
        ['live-page', DESKTOP, 'light', 'timeframe=5s'],
        ['live-page-dark', DESKTOP, 'dark', 'timeframe=5s&indicators=ema:50,bollinger,rsi'],
        ['live-page-phone', PHONE, 'dark', 'timeframe=5s']
      ] as const
      for (const [name, viewport, colorScheme, choice] of pictures) {
        const { page } = await open(t, `${pipeline.url}/#symbol=AAPL&${choice}`, {
          viewport,
          colorScheme
        })
        await isLive(page)
        await eventually(async () => {
          assert.match(await text(page, 'forecast-facts'), /Skill/)
          assert.match(await text(page, 'lag'), /ms/)
          assert.match(await text(page, 'bar-facts'), /VWAP\s[\d.,]+/)
          assert.ok((await barCount(page)) > 130)
        })
        await page.screenshot({ path: path.join(images, `${name}.png`) })
      }
    }
  )
})
