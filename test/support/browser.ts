import axe from 'axe-core'
import { chromium, type Browser, type Page } from 'playwright-core'
import { programPath } from './foreign-programs.ts'
import type { Scope } from './scope.ts'

const CHROMIUM = {
  names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  variable: 'CHROMIUM_PATH',
  what: 'a Chromium or Chrome',
  install: 'Debian: apt-get install chromium'
}

/** A headless browser for a test. */
export async function openBrowser(t: Scope): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: programPath(CHROMIUM),
    // Root, as in a container, has no sandbox; the page is our own.
    args: ['--no-sandbox', '--disable-dev-shm-usage']
  })
  t.after(() => browser.close())
  return browser
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
  }[]
}

/** What axe finds wrong with a page, by rule and element. */
export async function violations(page: Page): Promise<string[]> {
  // Evaluated by the debugger: the page itself may run its own files only.
  await page.evaluate(axe.source)
  const result = await page.evaluate<AxeResult>('axe.run()')
  return result.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`)
  )
}
