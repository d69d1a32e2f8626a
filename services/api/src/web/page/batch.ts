import { openStream, type RunRow } from '@tapedeck/client'
import { ApiError, ask, persistently, sendChange } from './api.ts'
import { $, html, setText, typed } from './dom.ts'
import { agoText, momentText } from './format.ts'
import { RunGraph, type ShownTask } from './graph.ts'
import { KnownRuns, withRow } from './known-runs.ts'
import type { BatchRun, ReportList, RunAccount, RunList, ScheduleList } from './rows.ts'
import { askToken, forgetToken, keepToken, setUpToken, storedToken } from './token.ts'

/**
 * How often the page asks without the stream, ms; a hidden one asks nothing. With it the page asks for the run on show when
 * that has changed, and for schedules and reports a while after any has (docs/adr/0058-runs-come-by-the-stream.md).
 */
const EVERY_MS = { active: 1000, quiet: 3000, rarely: 10_000 } as const
/** The api shares answers for 250 ms: one that is asked for later has what the stream told. */
const FRESH_MS = 300
/** Durations on show are of the present second. */
const TICK_MS = 1000
const MOST_RUNS = 100
const MOST_REPORTS = 30
const NO_RUN = 'No run yet. Schedules make them at their times; Start makes one now.'
const WHY_TOKEN = 'Starting and stopping runs needs a token of the api with scope write.'

let chosen = decodeURIComponent(location.hash.slice(1))
/** Whether the kept token is one for reading alone. */
let needsOtherToken = false
/** Tasks whose details are open. */
const open = new Set<string>()
const graph = new RunGraph($('run-graph'), openTask)
const known = new KnownRuns(MOST_RUNS)
/** The run on show. */
let account: RunAccount | undefined
/** Whether the stream tells of changes. */
let isLive = false
/** Whether list and run on show are to be asked for at the next turn. */
let isBehind = true
/** When schedules and reports are to be asked for, and when they were, of performance.now(). */
let rare = { dueMs: 0, askedMs: -Infinity }
/** The next occurrence of a schedule, epoch ms. */
let occursMs = Infinity
/** Numbers of requests: an answer that comes after that of a later request is not shown. */
const asked = { runs: 0, run: 0 }
const shown = { runs: 0, run: 0 }
let askTimer: ReturnType<typeof setTimeout> | undefined

setUpToken()
setUpForm()
setText($('zone'), `Times in ${Intl.DateTimeFormat().resolvedOptions().timeZone}`)
for (const id of ['run-job', 'run-state']) $(id).addEventListener('change', () => void showRuns())
$('stop').addEventListener('click', () => void stop())
addEventListener('hashchange', () => choose(decodeURIComponent(location.hash.slice(1))))
addEventListener('visibilitychange', () => {
  isBehind = true
  rare.dueMs = 0
})
void followStream()
void follow()

async function follow(): Promise<never> {
  for (let askedMs = -Infinity; ; await new Promise((resolve) => setTimeout(resolve, TICK_MS))) {
    if (document.hidden) continue
    const nowMs = performance.now()
    const isActive = !isLive && (known.isActive || known.isWaiting)
    const isTurn = nowMs - askedMs >= (isActive ? EVERY_MS.active : EVERY_MS.quiet)
    // The stream does not tell that a request for a run was refused.
    const isDue = isBehind || (isTurn && (!isLive || known.isWaiting))
    const isPast = isLive ? nowMs >= rare.dueMs || Date.now() > occursMs + TICK_MS : true
    const isRareDue = rare.dueMs === 0 || (isPast && nowMs - rare.askedMs >= EVERY_MS.rarely)
    const work: Promise<void>[] = []
    if (isDue) {
      isBehind = false
      askedMs = nowMs
      work.push(showRuns())
    }
    if (isRareDue) {
      rare = { dueMs: Infinity, askedMs: nowMs }
      work.push(showSchedules(), showReports())
    }
    // A report may be listed later than its run ends.
    if (isDue || isRareDue) work.push(showRun())
    await Promise.all(work)
    if (!isDue && known.isActive) drawRuns()
    if (work.length === 0 && account?.run.endedAt === null) drawRun()
  }
}

async function followStream(): Promise<void> {
  try {
    const asking = { channels: ['runs'], token: storedToken(), onStatus: noteStream } as const
    for await (const { runs } of openStream(location.origin, asking)) {
      if (runs !== undefined) takeRuns(runs)
    }
  } catch {
    // The token is refused: asking says so.
    isLive = false
  }
}

function noteStream(isConnected: boolean): void {
  isLive = isConnected
  if (!isConnected) return
  setConnection(true)
  // It begins with the newest runs: others may have changed before.
  isBehind = true
}

/** Shows what the stream tells; the output of a task that has ended is asked for. */
function takeRuns(rows: readonly RunRow[]): void {
  known.told(rows)
  offerJobs(rows)
  drawRuns()
  rare.dueMs = Math.min(rare.dueMs, performance.now() + EVERY_MS.rarely)
  const row = rows.findLast(({ run }) => run === chosen)
  if (row === undefined || account?.run.run !== chosen) return
  account = withRow(account, row)
  drawRun()
  clearTimeout(askTimer)
  askTimer = setTimeout(() => {
    if (document.hidden) isBehind = true
    else void showRun()
  }, FRESH_MS)
}

function inPanel(id: string, work: () => Promise<void>): Promise<void> {
  return persistently($(id), new AbortController().signal, async () => {
    try {
      await work()
      setConnection(true)
    } catch (error) {
      setConnection(false)
      throw error
    }
  })
}

function setConnection(isGood: boolean): void {
  setText($('connection'), isGood ? (isLive ? 'live' : 'up to date') : 'not up to date')
  $('connection').className = isGood ? 'good' : 'bad'
}

async function showRuns(): Promise<void> {
  await inPanel('runs-panel', async () => {
    const number = ++asked.runs
    const { count } = known
    const [job = '', state = ''] = ['run-job', 'run-state'].map(
      (id) => typed(id, HTMLSelectElement).value
    )
    const list = await ask<RunList>('batch/runs', {
      limit: MOST_RUNS,
      job: job === '' ? undefined : job,
      state: state === '' ? undefined : state
    })
    if (number < shown.runs) return
    shown.runs = number
    known.answered(list, { job, state }, count)
    offerJobs(known.runs)
    drawRuns()
  })
}

function drawRuns(): void {
  const { runs, requests } = known
  replace('request-list', requests.map(requestItem))
  replace('run-list', runs.map(runItem))
  $('runs-empty').hidden = runs.length + requests.length > 0
  setText($('runs-empty'), known.isFiltered ? 'No such runs' : NO_RUN)
  if (chosen === '' && runs[0] !== undefined) choose(runs[0].run)
}

/** Adds jobs that are not offered yet, so that one that runs often does not hide the others. */
function offerJobs(of: readonly { readonly job: string }[]): void {
  const select = typed('run-job', HTMLSelectElement)
  const offered = new Set([...select.options].map(({ value }) => value))
  const fresh = new Set(of.map(({ job }) => job).filter((job) => !offered.has(job)))
  if (fresh.size === 0) return
  const options = [...fresh].map((job) => html('option', '', job))
  const [every, ...jobs] = [...select.options, ...options]
  jobs.sort((a, b) => a.text.localeCompare(b.text))
  const { value } = select
  select.replaceChildren(...(every === undefined ? [] : [every]), ...jobs)
  select.value = value
}

/** Replaces the items of a list, with the focus where it was. */
function replace(id: string, items: readonly HTMLElement[]): void {
  const list = $(id)
  const focused = document.activeElement?.closest<HTMLElement>('[data-key]')?.dataset['key']
  list.replaceChildren(...items)
  if (focused === undefined) return
  items
    .flatMap((item) => [...item.querySelectorAll<HTMLElement>('[data-key]')])
    .find(({ dataset }) => dataset['key'] === focused)
    ?.focus()
}

function runItem(run: BatchRun): HTMLElement {
  const item = html('li')
  const button = html('button', 'run')
  button.type = 'button'
  button.dataset['key'] = run.run
  button.setAttribute('aria-pressed', String(run.run === chosen))
  const when = run.startedAt ?? run.queuedAt
  button.append(
    html('span', 'name', run.job),
    html('span', `badge ${run.state}`, run.state),
    html('small', 'muted', `${momentText(when, 0)} · ${run.schedule ?? run.cause}`),
    html('small', 'muted number', durationText(run))
  )
  if (run.error !== null) button.append(html('small', 'bad-text wide', run.error))
  button.addEventListener('click', () => choose(run.run))
  item.append(button)
  return item
}

function requestItem({ job, requestedAt, error }: RunList['requests'][number]): HTMLElement {
  const item = html('li', 'request')
  const state = error === null ? 'waits for a beat' : 'refused'
  item.append(
    html('span', 'name', job),
    html('span', error === null ? 'badge queued' : 'badge failed', state),
    html('small', 'muted wide', `asked for ${agoText(Date.now() - requestedAt)}`)
  )
  if (error !== null) item.append(html('small', 'bad-text wide', error))
  return item
}

function durationText({ startedAt, endedAt }: Pick<BatchRun, 'startedAt' | 'endedAt'>): string {
  if (startedAt === null) return ''
  const seconds = Math.max(0, (endedAt ?? Date.now()) - startedAt) / 1000
  if (seconds < 100) return `${seconds.toFixed(1)} s`
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}

function choose(run: string): void {
  if (run === chosen && location.hash !== '') return
  if (run !== chosen) open.clear()
  chosen = run
  history.replaceState(null, '', `#${encodeURIComponent(run)}`)
  for (const button of document.querySelectorAll<HTMLElement>('.run')) {
    button.setAttribute('aria-pressed', String(button.dataset['key'] === run))
  }
  void showRun()
}

async function showRun(): Promise<void> {
  const id = chosen
  if (id === '') return
  await inPanel('run-panel', async () => {
    const number = ++asked.run
    const { count } = known
    const answer = await ask<RunAccount>(`batch/runs/${encodeURIComponent(id)}`)
    if (id !== chosen || number < shown.run) return
    shown.run = number
    const newer = known.newerRow(id, count)
    account = newer === undefined ? answer : withRow(answer, newer)
    drawRun()
  })
}

function drawRun(): void {
  if (account === undefined) return
  const { run, tasks } = account
  const isDrawn = graph.show(tasks.flatMap((task) => shownTask(task, tasks)))
  $('run-text').classList.toggle('sr', isDrawn)
  setText($('run-text'), account.graph)
  showReportLink(run.report)
  setText($('run-title'), run.run)
  setText($('run-badge'), run.state)
  $('run-badge').className = `badge ${run.state}`
  $('run-badge').hidden = false
  $('stop').hidden = run.endedAt !== null
  setText($('run-error'), run.error ?? '')
  setText($('run-facts'), factsOf(run))
  replace('task-list', tasks.map(taskItem))
}

function showReportLink(report: string | null): void {
  const link = typed('run-report', HTMLAnchorElement)
  link.hidden = report === null
  // The address of the answer is for Grafana; this page may be open under another one.
  if (report !== null) link.href = new URL(report).pathname
}

/** A task in the graph; the error handler stands behind what has failed, and nowhere before it runs. */
function shownTask(
  task: RunAccount['tasks'][number],
  all: RunAccount['tasks']
): readonly ShownTask[] {
  if (task.isErrorHandler && task.attempt === 0) return []
  const failed = all.filter((one) => one.state === 'failed' && !one.isErrorHandler)
  const after = task.isErrorHandler ? failed.map((one) => one.task) : task.after
  const tries = task.attempt > 1 ? [`try ${task.attempt}`] : []
  const about = [durationText(task), ...tries].filter((text) => text !== '').join(', ')
  return [{ ...task, after, about }]
}

function openTask(task: string): void {
  open.add(task)
  const summary = [...document.querySelectorAll<HTMLElement>('#task-list summary')].find(
    ({ dataset }) => dataset['key'] === task
  )
  const details = summary?.parentElement
  if (!(details instanceof HTMLDetailsElement)) return
  details.open = true
  details.scrollIntoView({ block: 'nearest' })
  summary?.focus({ preventScroll: true })
}

function factsOf(run: RunAccount['run']): string {
  const parameters = Object.entries(run.parameters).map(([name, value]) => `${name}=${value}`)
  const source = run.schedule === null ? run.cause : `schedule ${run.schedule}`
  return [
    `${run.kind} ${run.job}, by ${source}`,
    `queued ${momentText(run.queuedAt, 0)}`,
    durationText(run) === ''
      ? 'not begun'
      : `${run.endedAt === null ? 'running for' : 'took'} ${durationText(run)}`,
    ...parameters
  ].join(' · ')
}

function taskItem(task: RunAccount['tasks'][number]): HTMLElement {
  const details = html('details')
  details.open = open.has(task.task)
  details.addEventListener('toggle', () => {
    if (details.open) open.add(task.task)
    else open.delete(task.task)
  })
  const summary = html('summary')
  summary.dataset['key'] = task.task
  summary.append(
    html('strong', '', task.task),
    html('span', `badge ${task.state}`, task.state),
    html('span', 'muted', task.attempt < 2 ? '' : `attempt ${task.attempt}`),
    html('span', 'muted number', durationText(task))
  )
  details.append(summary)
  if (task.command !== null) details.append(html('p', 'muted', task.command.join(' ')))
  if (task.error !== null) details.append(html('p', 'bad-text', task.error))
  if (task.tail !== '') details.append(html('pre', '', task.tail))
  for (const { attempt, owner, error, startedAt, endedAt } of task.attempts) {
    const end = error ?? 'succeeded'
    const text = `attempt ${attempt}, ${durationText({ startedAt, endedAt })}, by ${owner}: ${end}`
    details.append(html('p', 'muted', text))
  }
  return details
}

async function showSchedules(): Promise<void> {
  await inPanel('schedules-panel', async () => {
    const { schedules } = await ask<ScheduleList>('batch/schedules')
    offerJobs(schedules)
    occursMs = Math.min(...schedules.flatMap(({ next }) => next))
    replace('schedule-list', schedules.map(scheduleItem))
    $('schedules-empty').hidden = schedules.length > 0
  })
}

async function showReports(): Promise<void> {
  await inPanel('schedules-panel', async () => {
    const { reports } = await ask<ReportList>('batch/reports')
    replace('report-list', reports.slice(0, MOST_REPORTS).map(reportItem))
    $('reports-title').hidden = reports.length === 0
  })
}

function reportItem({ date, page, publishedAt }: ReportList['reports'][number]): HTMLElement {
  const item = html('li', 'report')
  const link = html('a', 'name', date)
  link.href = new URL(page).pathname
  link.target = '_blank'
  link.rel = 'noopener'
  link.dataset['key'] = date
  item.append(link, html('small', 'muted', `made ${momentText(publishedAt, 0)}`))
  return item
}

function scheduleItem(one: ScheduleList['schedules'][number]): HTMLElement {
  const item = html('li', 'schedule')
  const start = html('button', '', 'Start now')
  start.type = 'button'
  start.dataset['key'] = one.schedule
  start.setAttribute('aria-label', `Start now: ${one.schedule}`)
  start.addEventListener('click', () => void request(one.job, {}))
  const last = one.lastOccurrence === null ? 'none yet' : momentText(one.lastOccurrence, 0)
  item.append(
    html('span', 'name', one.schedule),
    start,
    html('small', 'wide', `${one.rule} (${one.zone}) runs ${one.job}; missed: ${one.misfire}`),
    html('small', 'muted wide', `last ${last}`),
    html('small', 'muted wide', `next ${one.next.map((ms) => momentText(ms, 0)).join(', ')}`)
  )
  if (one.error !== null) item.append(html('small', 'bad-text wide', one.error))
  return item
}

function setUpForm(): void {
  typed('start-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    const pairs = typed('start-parameters', HTMLInputElement)
      .value.split(',')
      .filter((pair) => pair.trim() !== '')
      .map((pair) => pair.split(/=(.*)/s, 2).map((part) => part.trim()))
    const parameters = Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]))
    void request(typed('start-job', HTMLInputElement).value.trim(), parameters)
  })
}

function request(job: string, parameters: Readonly<Record<string, string>>): Promise<void> {
  return withToken(async (token) => {
    const { run } = await sendChange<{ run: string }>('POST', 'batch/runs', token, {
      job,
      parameters
    })
    return `Asked for ${run}`
  })
}

function stop(): Promise<void> {
  const path = `batch/runs/${encodeURIComponent(chosen)}/stop`
  return withToken(
    async (token) => `Stopped ${(await sendChange<{ run: string }>('POST', path, token)).run}`
  )
}

/** Does what needs a token that may write, and says what came of it. */
async function withToken(work: (token: string) => Promise<string>): Promise<void> {
  const note = $('start-note')
  setText(note, '')
  const token = (needsOtherToken ? undefined : storedToken()) ?? (await askToken(WHY_TOKEN))
  if (token === '') return
  try {
    setText(note, await work(token))
    keepToken(token)
    needsOtherToken = false
    await new Promise((resolve) => setTimeout(resolve, FRESH_MS))
    await Promise.all([showRuns(), showRun()])
  } catch (error) {
    const status = error instanceof ApiError ? error.status : undefined
    if (status === 401) forgetToken(token)
    else if (status === 403) needsOtherToken = true
    else if (status !== undefined) keepToken(token)
    setText(note, error instanceof Error ? error.message : String(error))
  }
}
