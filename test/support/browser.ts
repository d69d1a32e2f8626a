import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import axe from 'axe-core'
import { chromium, type Browser, type Page } from 'playwright-core'
import type { Scope } from './scope.ts'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** The browser of CHROMIUM_PATH, or the first one on PATH. @throws when there is none, with how to get one */
function chromiumPath(env: NodeJS.ProcessEnv): string {
  const given = env['CHROMIUM_PATH']
  const folders = (env['PATH'] ?? '').split(path.delimiter)
  const found =
    given !== undefined && given !== ''
      ? [given]
      : folders.flatMap((folder) => NAMES.map((name) => path.join(folder, name)))
  const runnable = found.find((file) => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
  if (runnable !== undefined) return runnable
  const where =
    given === undefined || given === ''
      ? 'no Chromium is on PATH'
      : `CHROMIUM_PATH is ${given}, which does not run`
  throw new Error(
    `Cannot test the page: ${where}, expected a Chromium or Chrome. ` +
      'Install one (Debian: apt-get install chromium) or set CHROMIUM_PATH to its program'
  )
}

/** A headless browser for a test. */
export async function openBrowser(t: Scope): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: chromiumPath(process.env),
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
