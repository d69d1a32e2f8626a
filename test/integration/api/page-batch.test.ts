import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  claimTaskRun,
  commitTaskRun,
  createRun,
  findRun,
  findRunRequests,
  registerSchedules,
  releaseWaiting,
  startRun
} from '@tapedeck/mongo'
import { aRun } from '../../support/batch-documents.ts'
import { openBrowser, violations } from '../../support/browser.ts'
import { eventually } from '../../support/eventually.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { runningApi, untilReady } from './running-api.ts'

const options = { timeout: 140_000 }
const API_TOKEN = 'a-token-for-writing'

describe('the page of the batch side', options, () => {
  it('shows runs, tasks, output and schedules, and starts and stops with a token', async (t) => {
    const browser = await openBrowser(t)
    const { database, config } = await ownDatabase(t)
    await createRun(database, aRun('load@1'))
    await startRun(database, 'load@1')
    await releaseWaiting(database, { run: 'load@1', round: 0 }, ['extract'], 'ready')
    const claim = { id: 'load@1/extract', attempt: 1, owner: 'worker/1' }
    await claimTaskRun(database, claim, 60_000)
    const failure = { exitCode: 3, output: null, tail: '<b>no route</b>', error: 'exit code 3' }
    await commitTaskRun(database, claim, failure, 600_000)
    const definition = '{"job":"load","market":"close","offset":"30m"}'
    await registerSchedules(database, [{ _id: 'nightly', definition }])
    const { url, get } = await runningApi(t, {
      uri: config.uri,
      database: config.database,
      more: { API_TOKEN }
    })
    await untilReady(get)
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    const failures: string[] = []
    page.on('pageerror', (error) => failures.push(String(error)))
    await page.goto(`${url}/batch`)
    const says = (selector: string, text: RegExp) =>
      eventually(async () => assert.match(await page.locator(selector).innerText(), text))

    await says('#run-list', /load\s+running/i)
    await says('#run-graph', /extract +ready\n↓ store +waiting/)
    await says('#schedule-list', /market close \+30m \(America\/New_York\) runs load/)
    await page.locator('#task-list summary', { hasText: 'extract' }).click()
    // What a program printed is text, whatever it looks like.
    await says('#task-list pre', /<b>no route<\/b>/)
    assert.deepEqual(await violations(page), [])

    await page.locator('#schedule-list button').click()
    await eventually(async () => assert.ok(await page.locator('#token-dialog').isVisible()))
    await page.locator('#token-input').fill(API_TOKEN)
    await page.keyboard.press('Enter')
    await says('#start-note', /^Asked for load@/)
    await says('#request-list', /load\s+waits for a beat/i)
    assert.equal((await findRunRequests(database, 10)).length, 1)

    await page.locator('#stop').click()
    await says('#run-badge', /cancelled/i)
    assert.equal((await findRun(database, 'load@1'))?.state, 'cancelled')
    assert.deepEqual(failures, [])
  })
})
