import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import {
  cancelRun,
  claimTaskRun,
  commitTaskRun,
  createRun,
  findRun,
  findRunRequests,
  fulfilRunRequest,
  registerSchedules,
  releaseWaiting,
  startRun,
  type Database
} from '@tapedeck/mongo'
import type { Browser, Page } from 'playwright-core'
import { aRun } from '../../support/batch-documents.ts'
import { openBrowser, violations } from '../../support/browser.ts'
import { eventually } from '../../support/eventually.ts'
import { publishReport } from '../../support/lake-report.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { OwnScope } from '../../support/scope.ts'
import { forwardTcp } from '../../support/tcp-proxy.ts'
import { until } from '../../support/until.ts'
import { runningApi, untilReady } from './running-api.ts'

const options = { timeout: 280_000 }
const API_TOKEN = 'a-token-for-writing'
/** A page that asks does so more often. */
const QUIET_MS = 2500
const DESKTOP = { width: 1440, height: 900 }
const PHONE = { width: 390, height: 844 }
/** Set: the pictures of the documents are taken again. */
const TAKES_PICTURES = process.env['TAPEDECK_PICTURES'] === '1'
const images = path.resolve(import.meta.dirname, '../../../docs/images')
const LIMITS = { retries: 0, retryDelayMs: 0, backoff: 'fixed', timeoutMs: 1000 } as const
const REPORT =
  '<!doctype html><html lang="en"><style>h1{color:rgb(1, 2, 3)}</style><h1>The day</h1>'
const DATE = '2026-11-27'

type Standing = Readonly<Record<string, readonly [state: string, seconds: number, tail?: string]>>

/** A run of these tasks that stands so; times are counted back from now, one task after the other. */
async function standingRun(
  database: Database,
  id: string,
  graph: Readonly<Record<string, readonly string[]>>,
  standing: Standing,
  fields: Parameters<typeof aRun>[1] = {}
): Promise<void> {
  const tasks = Object.entries(graph).map(([name, upstream]) => ({
    name,
    after: upstream,
    ...LIMITS
  }))
  const commands = new Map(tasks.map(({ name }) => [name, ['node', `${name}.ts`]]))
  await createRun(database, aRun(id, { tasks, commands, ...fields }))
  const all = Object.values(standing)
  let atMs = Date.now() - 1000 * all.reduce((sum, [, seconds]) => sum + seconds, 0)
  const startedAt = new Date(atMs)
  for (const [name, [state, seconds, tail = '']] of Object.entries(standing)) {
    const isBegun = seconds > 0
    const begun = isBegun ? new Date(atMs) : null
    atMs += seconds * 1000
    const ended = isBegun && state !== 'running' ? new Date(atMs) : null
    const error = state === 'failed' ? 'exit code 3' : null
    const attempt = isBegun ? 1 : 0
    await database.taskRuns.updateOne(
      { _id: `${id}/${name}` },
      { $set: { state: state as 'failed', attempt, startedAt: begun, endedAt: ended, tail, error } }
    )
  }
  const states = all.map(([state]) => state)
  const state = states.includes('running')
    ? 'running'
    : states.includes('failed')
      ? 'failed'
      : 'succeeded'
  const endedAt = state === 'running' ? null : new Date(atMs)
  const error = state === 'failed' ? 'task failed: exit code 3' : null
  await database.runs.updateOne({ _id: id }, { $set: { state, startedAt, endedAt, error } })
}

const NIGHTLY = {
  'capture-tape': [],
  'trust-tape': ['capture-tape'],
  'refine-tape': ['trust-tape'],
  report: ['refine-tape']
} as const

/** Thirty tasks in several layers, some with upstream tasks far before them. */
const THIRTY = {
  'create-document': [],
  ...Object.fromEntries(
    Array.from({ length: 28 }, (_, at) => [
      `extract-${String(at + 1).padStart(2, '0')}`,
      at < 7 ? ['create-document'] : [`extract-${String(at - 6).padStart(2, '0')}`]
    ])
  ),
  load: ['extract-22', 'extract-24', 'extract-26', 'extract-28', 'create-document']
}

describe('the page of the batch side', options, () => {
  const scope = new OwnScope()
  let browser: Browser
  let database: Database
  let url: string
  let config: Awaited<ReturnType<typeof ownDatabase>>['config']

  before(async () => {
    browser = await openBrowser(scope)
    const own = await ownDatabase(scope)
    database = own.database
    const lakeDir = await mkdtemp(path.join(tmpdir(), 'page-lake-'))
    scope.after(() => rm(lakeDir, { recursive: true, force: true }))
    const api = await runningApi(scope, {
      uri: own.config.uri,
      database: own.config.database,
      // No broker answers there: runs come by the stream all the same.
      more: { API_TOKEN, LAKE_DIR: lakeDir, KAFKA_BROKERS: '127.0.0.1:9' }
    })
    config = own.config
    url = api.url
    await untilReady(api.get)
    const nightly = { job: 'nightly', schedule: 'nightly', cause: 'schedule' } as const
    await standingRun(
      database,
      'nightly@2026-11-27T18:30:00.000Z',
      NIGHTLY,
      {
        'capture-tape': [
          'succeeded',
          3.4,
          'raw/tape: 1204377 trades, 812 late trades, 27300 bars\n'
        ],
        'trust-tape': ['succeeded', 6.1],
        'refine-tape': ['succeeded', 2.2],
        report: ['succeeded', 1.3]
      },
      nightly
    )
    await publishReport(lakeDir, {
      date: DATE,
      run: 'nightly@2026-11-27T18:30:00.000Z',
      html: REPORT
    })
    await standingRun(
      database,
      'audit@2026-11-28',
      { audit: [], forecasts: [], tell: ['audit', 'forecasts'] },
      {
        audit: ['failed', 12.5, 'AAPL 1m 14:31: volume 1200 stored, 1180 expected\n'],
        forecasts: ['succeeded', 4],
        tell: ['skipped', 0]
      },
      { job: 'audit' }
    )
    const names = Object.keys(THIRTY)
    await standingRun(
      database,
      'thirty@1',
      THIRTY,
      Object.fromEntries(
        names.map((name, at) => [
          name,
          at < 12 ? ['succeeded', 1 + (at % 5)] : at < 15 ? ['running', 2] : ['waiting', 0]
        ])
      ),
      { job: 'thirty', kind: 'flow' }
    )
    await standingRun(
      database,
      'load@1',
      { extract: [], store: ['extract'] },
      {
        extract: ['failed', 2, '<b>no route</b>'],
        store: ['running', 2]
      }
    )
    const definition = '{"job":"nightly","market":"close","offset":"30m"}'
    await registerSchedules(database, [{ _id: 'nightly', definition }])
  }, options)
  after(() => scope.end())

  async function open(
    t: TestContext,
    run: string,
    {
      viewport = DESKTOP,
      colorScheme = 'light',
      at = url
    }: { viewport?: typeof DESKTOP; colorScheme?: 'light' | 'dark'; at?: string } = {}
  ) {
    const context = await browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce' })
    t.after(() => context.close())
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    await page.goto(`${at}/batch#${encodeURIComponent(run)}`)
    await says(page, '#run-title', new RegExp(run.replaceAll('.', '\\.')))
    return { page, complaints }
  }

  function says(page: Page, selector: string, text: RegExp): Promise<void> {
    return eventually(async () => assert.match(await page.locator(selector).innerText(), text))
  }

  it('shows runs, tasks, output and schedules, and starts and stops with a token', async (t) => {
    const { page, complaints } = await open(t, 'load@1')
    await says(page, '#run-list', /load\s+running/i)
    await says(page, '#run-text', /extract +failed\n↓ store +running/)
    await says(page, '#schedule-list', /market close \+30m \(America\/New_York\) runs nightly/)
    await page.locator('#task-list summary', { hasText: 'extract' }).click()
    await page.locator('#run-job').selectOption('audit')
    await says(page, '#run-list', /^audit\s+failed[^]*$/i)
    assert.equal(await page.locator('#run-list li').count(), 1)
    await page.locator('#run-job').selectOption('')
    // What a program printed is text, whatever it looks like.
    await says(page, '#task-list pre', /<b>no route<\/b>/)

    await page.locator('#schedule-list button').click()
    await eventually(async () => assert.ok(await page.locator('#token-dialog').isVisible()))
    await page.locator('#token-input').fill(API_TOKEN)
    await page.keyboard.press('Enter')
    await says(page, '#start-note', /^Asked for nightly@/)
    await says(page, '#request-list', /nightly\s+waits for a beat/i)
    assert.equal((await findRunRequests(database, 10)).length, 1)

    await page.locator('#stop').click()
    await says(page, '#run-badge', /cancelled/i)
    assert.equal((await findRun(database, 'load@1'))?.state, 'cancelled')
    assert.deepEqual(complaints, [])
  })

  it('draws the graph: a click or a key opens a task, and each state has its word', async (t) => {
    const { page, complaints } = await open(t, 'audit@2026-11-28')
    const tasks = page.locator('#run-graph [role="button"]')
    await eventually(async () => assert.equal(await tasks.count(), 3))
    const about = page.locator('#run-graph [data-task="audit"] .about')
    await eventually(async () =>
      assert.equal((await about.textContent())?.trim(), 'failed · 12.5 s')
    )
    const labels = await tasks.evaluateAll((all) =>
      all.map((one) => one.getAttribute('aria-label'))
    )
    assert.deepEqual(labels.map(String).toSorted(), [
      'audit failed · 12.5 s',
      'forecasts succeeded · 4.0 s',
      'tell skipped; after audit, forecasts'
    ])
    await page.locator('#run-graph [data-task="audit"]').click()
    await says(page, '#task-list details[open]', /volume 1200 stored/)

    // Tab reaches one task; arrows go through the others, and their focus outlives what is drawn again.
    await page.locator('#run-graph [tabindex="0"]').focus()
    await page.keyboard.press('ArrowRight')
    const focused = () =>
      page.evaluate<string | null>("document.activeElement?.getAttribute('data-task') ?? null")
    assert.equal(await focused(), 'tell')
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('End')
    assert.equal(await page.locator('#run-graph [tabindex="0"]').count(), 1)
    await page.keyboard.press('ArrowLeft')
    assert.match((await focused()) ?? '', /audit|forecasts/)
    await Promise.all([
      page.waitForResponse((answer) => answer.url().includes('/batch/runs/')),
      page.evaluate("dispatchEvent(new Event('visibilitychange'))")
    ])
    assert.match((await focused()) ?? '', /audit|forecasts/)
    assert.deepEqual(complaints, [])
  })

  it('shows thirty tasks legibly, in light and dark and in one column on a phone', async (t) => {
    for (const [viewport, colorScheme] of [
      [DESKTOP, 'light'],
      [DESKTOP, 'dark'],
      [PHONE, 'dark']
    ] as const) {
      const { page, complaints } = await open(t, 'thirty@1', { viewport, colorScheme })
      const names = page.locator('#run-graph .name')
      await eventually(async () => assert.equal(await names.count(), 30))
      const boxes = await page.locator('#run-graph .box').evaluateAll((all) =>
        all.map((one) => {
          const { left, right } = one.getBoundingClientRect()
          return { left, right }
        })
      )
      assert.equal(new Set(boxes.map(({ left }) => left)).size === 1, viewport === PHONE)
      const room = (await page.locator('#run-graph').boundingBox()) ?? { x: 0, width: 0 }
      for (const { left, right } of boxes) {
        assert.ok(left >= room.x && right <= room.x + room.width + 1, `${left} to ${right}`)
      }
      const texts = await names.evaluateAll((all) =>
        all.map((one) => {
          const box = one.parentElement?.querySelector('.box')?.getBoundingClientRect()
          return one.getBoundingClientRect().right <= (box?.right ?? 0)
        })
      )
      assert.ok(texts.every(Boolean), 'a name is wider than its box')
      assert.deepEqual(await violations(page), [])
      assert.deepEqual(complaints, [])
    }
  })

  it('links the report of a run, which loads and runs nothing', async (t) => {
    const { page, complaints } = await open(t, 'nightly@2026-11-27T18:30:00.000Z')
    await says(page, '#report-list', /2026-11-27/)
    const [report] = await Promise.all([
      page.context().waitForEvent('page'),
      page.locator('#run-report').click()
    ])
    await says(report, 'h1', /The day/)
    const colour = await report
      .locator('h1')
      .evaluate((one) => one.ownerDocument.defaultView?.getComputedStyle(one).color)
    assert.equal(colour, 'rgb(1, 2, 3)')
    assert.equal(new URL(report.url()).pathname, `/api/v1/batch/reports/${DATE}`)
    const { headers } = await fetch(report.url())
    const policy = headers.get('content-security-policy') ?? ''
    for (const part of ["default-src 'none'", 'sandbox', "form-action 'none'"]) {
      assert.ok(policy.includes(part), policy)
    }
    assert.doesNotMatch(policy, /script-src/)
    assert.deepEqual(complaints, [])
  })

  it(
    'is pictured for the documents',
    { skip: !TAKES_PICTURES && 'TAPEDECK_PICTURES is not 1' },
    async (t) => {
      const pictures = [
        ['batch-page', 'nightly@2026-11-27T18:30:00.000Z', DESKTOP, 'light'],
        ['batch-page-dark', 'thirty@1', DESKTOP, 'dark'],
        ['batch-page-phone', 'audit@2026-11-28', PHONE, 'dark']
      ] as const
      for (const [name, run, viewport, colorScheme] of pictures) {
        const { page } = await open(t, run, { viewport, colorScheme })
        await eventually(async () =>
          assert.ok((await page.locator('#run-graph .task').count()) > 0, run)
        )
        await says(page, '#report-list', /2026-11-27/)
        if (viewport === PHONE) await page.locator('#run-panel').scrollIntoViewIfNeeded()
        if (run.startsWith('audit')) await page.locator('[data-task="audit"]').click()
        await page.screenshot({ path: path.join(images, `${name}.png`) })
      }
    }
  )

  it('shows what changes without asking for the list, and asks for a run once a change', async (t) => {
    await createRun(database, aRun('told@1'))
    // One that waits is asked about: the stream does not tell that it is refused.
    for (const { _id } of await findRunRequests(database, 10)) await fulfilRunRequest(database, _id)
    const { page, complaints } = await open(t, 'told@1')
    await says(page, '#connection', /^live$/)
    await says(page, '#run-badge', /queued/i)
    const asked: string[] = []
    let askedMs = performance.now()
    page.on('request', (request) => {
      askedMs = performance.now()
      asked.push(new URL(request.url()).pathname)
    })
    await until('the page asks nothing', () => performance.now() - askedMs > QUIET_MS)
    asked.length = 0
    const ofRuns = (): string[] => asked.filter((one) => one.startsWith('/api/v1/batch/runs'))
    await createRun(database, aRun('told@2', { job: 'other' }))
    await says(page, '#run-list', /other\s+queued/i)
    await page.locator('#run-job').selectOption('other')
    await cancelRun(database, 'told@2')
    await says(page, '#run-list', /^other\s+cancelled[^]*$/i)
    // The choice of a job was asked for, nothing else.
    const lists = ofRuns().filter((one) => one.endsWith('/runs'))
    assert.equal(lists.length, 1)

    asked.length = 0
    const tail = 'the last words of extract'
    await releaseWaiting(database, { run: 'told@1', round: 0 }, ['extract'], 'ready')
    const claim = { id: 'told@1/extract', attempt: 1, owner: 'worker/1' }
    await claimTaskRun(database, claim, 60_000)
    await startRun(database, 'told@1')
    await says(page, '#run-badge', /running/i)
    await says(page, '#run-text', /extract +running/)
    const result = { exitCode: 0, output: null, tail, error: null }
    await commitTaskRun(database, claim, result, null)
    await page.locator('#task-list summary', { hasText: 'extract' }).click()
    await says(page, '#task-list details[open] pre', new RegExp(tail))
    const ofRun = `/api/v1/batch/runs/${encodeURIComponent('told@1')}`
    assert.ok(ofRuns().every((one) => one === ofRun))
    assert.ok(ofRuns().length <= 4, ofRuns().join(' '))
    assert.deepEqual(complaints, [])
  })

  it('asks while the stream is away, and is live again with it', async (t) => {
    await createRun(database, aRun('asked@1', { job: 'asked' }))
    const { port } = new URL(url)
    const proxy = await forwardTcp(t, { host: '127.0.0.1', port: Number(port) })
    const { page } = await open(t, 'asked@1', { at: `http://127.0.0.1:${proxy.port}` })
    await says(page, '#connection', /^live$/)
    await proxy.close()
    await cancelRun(database, 'asked@1')
    await proxy.reopen()
    await says(page, '#run-badge', /cancelled/i)
    await says(page, '#connection', /^live$/)

    // An api without a broker has no stream.
    const { uri, database: name } = config
    const plain = await runningApi(t, { uri, database: name })
    await untilReady(plain.get)
    await createRun(database, aRun('asked@2', { job: 'asked' }))
    const other = await open(t, 'asked@2', { at: plain.url })
    await says(other.page, '#connection', /^up to date$/)
    await cancelRun(database, 'asked@2')
    await says(other.page, '#run-badge', /cancelled/i)
    await says(other.page, '#run-list', /asked\s+cancelled/i)
  })
})
