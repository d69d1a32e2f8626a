/**
 * `npm run dashboards:pictures`: pictures of the dashboards, drawn from what a running api answers with the components that
 * Grafana publishes. Exit code 0 when all are written.
 */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { commandLine, messageOf, runCommand, TapedeckError, type Terminal } from '@tapedeck/core'
import { openBrowser } from '../../support/browser.ts'
import { committedDashboards, type DashboardJson } from '../../support/infinity-emulator-panels.ts'
import { OwnScope } from '../../support/scope.ts'
import { pictureOf } from './dashboard-picture.ts'
import { pageBundle } from './page-bundle.ts'
import type { Picture } from './page/picture.ts'

const PAGE = 'http://pictures.localhost/'
const WIDTH = 1920
const MINUTE_MS = 60_000
/** The dashboards end ahead of now, so that forecasts are seen before their price. */
const AHEAD_MS = 3 * MINUTE_MS
const PAINT_LIMIT_MS = 30_000

const command = commandLine({
  name: 'dashboards:pictures',
  purpose:
    'Draws the dashboards from what a running api answers, with the components that Grafana publishes, and writes a PNG of each.',
  forms: ['-- [--url URL] [--symbol S] [--timeframe T] [--minutes N] [--light] [--out DIR]'],
  options: {
    url: ['text', 'URL', 'address of the api (http://127.0.0.1:8080)'],
    symbol: ['text', 'S', 'whose dashboards (AAPL)'],
    timeframe: ['text', 'T', 'the length of a bar (1m)'],
    minutes: ['text', 'N', 'how far the dashboards look back (60)'],
    light: ['flag', 'in the light theme; in the dark one without it'],
    out: ['text', 'DIR', 'where the pictures are written (docs/images)']
  },
  settings: {},
  exits: [
    'all pictures are written',
    'a picture could not be drawn',
    'wrong arguments, no api or no browser'
  ],
  example: '-- --symbol NVDA --light --out /tmp/pictures',
  read: (given) => ({
    url: given.text('url') ?? 'http://127.0.0.1:8080',
    symbol: given.text('symbol') ?? 'AAPL',
    timeframe: given.text('timeframe') ?? '1m',
    minutes: given.whole('minutes', 1, 525_600) ?? 60,
    theme: given.flag('light') ? ('light' as const) : ('dark' as const),
    folder: given.text('out') ?? 'docs/images'
  })
})

async function main(
  given: Exclude<ReturnType<typeof command.read>, 'help'>,
  terminal: Terminal
): Promise<0 | 1> {
  const scope = new OwnScope()
  try {
    await fetch(`${given.url}/readyz`).catch((cause: unknown) => {
      const why = messageOf(
        cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
      )
      const what = `Cannot reach the api at ${given.url}: ${why}`
      throw new TapedeckError('SERVER_MISSING', `${what}, expected one that runs (npm start)`, {
        cause
      })
    })
    const browser = await openBrowser(scope)
    const bundle = await pageBundle((text) => terminal.note(text))
    const page = await browser.newPage({ viewport: { width: WIDTH, height: 1080 } })
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(error.stack ?? error.message))
    page.on('console', (message) => {
      const isMissingFile = message.text().startsWith('Failed to load resource')
      if (message.type() === 'error' && !isMissingFile) problems.push(message.text())
    })
    await page.route('**/*', async (route) => {
      const url = route.request().url()
      if (url === PAGE) return route.fulfill({ contentType: 'text/html', body: bundle.html })
      const icon = await bundle.icon(url)
      return icon === undefined
        ? route.abort()
        : route.fulfill({ contentType: 'image/svg+xml', body: icon })
    })
    await mkdir(given.folder, { recursive: true })
    for (const { json } of await committedDashboards()) {
      const nowMs = Date.now()
      const picture = await pictureOf(json, {
        ...given,
        fromMs: nowMs - given.minutes * MINUTE_MS,
        toMs: nowMs + AHEAD_MS
      })
      // A table draws the rows that can be seen, so the whole dashboard has to be.
      await page.setViewportSize({ width: WIDTH, height: pictureHeight(json.panels) })
      await page.goto(PAGE)
      await page.evaluate(
        (drawn) => (globalThis as unknown as { draw(picture: Picture): void }).draw(drawn),
        {
          ...picture,
          theme: given.theme,
          width: WIDTH
        }
      )
      await page.waitForFunction(
        `document.fonts.status === 'loaded' && document.querySelectorAll('[data-panel]').length === ${json.panels.length}`,
        undefined,
        { timeout: PAINT_LIMIT_MS }
      )
      await page.waitForLoadState('networkidle')
      const file = path.join(given.folder, `grafana-${json.title.toLowerCase()}.png`)
      await page.screenshot({ path: file, fullPage: true })
      terminal.write(`${file}\n`)
    }
    for (const problem of problems) terminal.note(`  ${problem}`)
    return problems.length === 0 ? 0 : 1
  } finally {
    await scope.end()
  }
}

/** Pixels, with what stands above the panels. */
function pictureHeight(panels: DashboardJson['panels']): number {
  return 120 + 38 * Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h))
}

await runCommand({ ...command, run: main })
