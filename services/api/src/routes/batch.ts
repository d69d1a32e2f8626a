import { randomBytes } from 'node:crypto'
import { RUN, RUN_STATES, TASK_STATE } from '@tapedeck/client/rows'
import { isObject, withTimeout, type Clock } from '@tapedeck/core'
import {
  BATCH_NAME,
  BATCH_NAME_RULE,
  drawGraph,
  nextOccurrences,
  readSchedules
} from '@tapedeck/domain'
import type { RunStanding, ScheduleRead } from '@tapedeck/mongo'
import type { FastifyReply } from 'fastify'
import { Type, type Static } from 'typebox'
import { REPORT_HEADERS } from '../access/policies.ts'
import {
  answers,
  ERRORS,
  flag,
  object,
  orNull,
  rows,
  sendProblems,
  text,
  textOrNull,
  texts,
  whole,
  wholeOrNull,
  type Routes,
  type RouteTools
} from '../http.ts'
import type { LakeReport, LakeReports } from '../lake-reports.ts'
import {
  anyOf,
  FIELDS,
  LIMIT,
  NAME,
  path,
  query,
  RUN as RUN_ID,
  TRADE_DATE,
  type RequestProblem
} from '../query.ts'

const RUNS = object({
  runs: rows(RUN),
  /** Runs that were asked for and are not made: they wait for a beat, or `error` says why they cannot be. */
  requests: rows({ run: text, job: text, requestedAt: whole, error: textOrNull })
})
const ATTEMPT = {
  attempt: whole,
  owner: text,
  startedAt: whole,
  endedAt: whole,
  exitCode: wholeOrNull,
  error: textOrNull,
  tail: text
}
const RUN_FACTS = object({
  tasks: rows({
    task: text,
    after: texts,
    /** It is no part of the graph: it runs when a task has failed for good. */
    isErrorHandler: flag,
    state: TASK_STATE,
    attempt: whole,
    owner: textOrNull,
    notBefore: wholeOrNull,
    startedAt: wholeOrNull,
    endedAt: wholeOrNull,
    command: orNull(texts),
    exitCode: wholeOrNull,
    error: textOrNull,
    tail: text,
    attempts: rows(ATTEMPT)
  }),
  run: object({ ...RUN, parameters: Type.Record(Type.String(), Type.String()) }),
  /** The graph of its tasks with their states, as text. */
  graph: text
})
const SCHEDULES = object({
  schedules: rows({
    schedule: text,
    job: text,
    rule: text,
    zone: text,
    misfire: text,
    /** The next times, epoch ms. */
    next: Type.Array(Type.Integer()),
    lastOccurrence: wholeOrNull,
    /** Why its runs cannot be made. */
    error: textOrNull
  })
})
const REPORTS = object({
  reports: rows({
    date: text,
    /** The run that has published it; `by-hand` without one. */
    run: text,
    publishedAt: whole,
    page: text
  })
})
const STARTED = object({ run: text })
const STOPPED = object({ run: text })

/** The answers of GET /api/v1/batch/runs, /runs/:run, /schedules and /reports. */
export type RunsAnswer = Static<typeof RUNS>
export type RunAnswer = Static<typeof RUN_FACTS>
export type SchedulesAnswer = Static<typeof SCHEDULES>
export type ReportsAnswer = Static<typeof REPORTS>

const SHOWN_TIMES = 5
const MAX_REQUESTS = 100
/** Of the names and values of parameters together, in characters. */
const MAX_PARAMETERS = 10_000
/** Rows, about: a run has as many tasks as its job, each with a tail. */
const COST = 2000

/** How long a list of runs waits for the reports that its runs have published. */
const REPORTS_LIMIT_MS = 1000

type RunsConfig = Pick<RouteTools['config'], 'browserUrl'>
export type RunRow = RunsAnswer['runs'][number]

/**
 * What makes rows of runs: each call reads which reports are published, and where a browser sees them. A lake that cannot be
 * read hides no run.
 */
export function runRows(
  reports: Pick<LakeReports, 'list'>,
  { browserUrl }: RunsConfig,
  clock: Clock
): () => Promise<(run: RunStanding) => RunRow> {
  return async () => {
    // Runs are shown without their reports while the store of the lake is away.
    const listing = withTimeout(reports.list(), REPORTS_LIMIT_MS, 'the list of reports')
    const found = await listing.catch((): LakeReport[] => [])
    const published = new Map(found.map(({ run, date }) => [run, reportPage(browserUrl, date)]))
    return (run) => {
      const [startedMs, endedMs] = [timeOf(run.startedAt), timeOf(run.endedAt)]
      return {
        run: run._id,
        job: run.job,
        kind: run.kind,
        state: run.state,
        cause: run.cause,
        schedule: run.schedule,
        occurrence: timeOf(run.occurrence),
        queuedAt: run.queuedAt.getTime(),
        startedAt: startedMs,
        endedAt: endedMs,
        took: startedMs === null ? null : Math.max(0, (endedMs ?? clock.now()) - startedMs) / 1000,
        error: run.error,
        page: `${browserUrl}/batch#${encodeURIComponent(run._id)}`,
        report: published.get(run._id) ?? null
      }
    }
  }
}

function reportPage(browserUrl: string, date: string): string {
  return `${browserUrl}/api/v1/batch/reports/${date}`
}

/** Routes for runs of flows and sequences, for their schedules, and for the reports that they publish. */
export function batchRoutes(
  app: Routes,
  { reader, share, clock, config }: RouteTools,
  reports: Pick<LakeReports, 'list' | 'html'>
): void {
  const rowsOf = runRows(reports, config, clock)
  app.get(
    '/api/v1/batch/runs',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Runs of flows and sequences, the newest first',
        querystring: query({
          job: NAME,
          state: anyOf(RUN_STATES.join(', '), RUN_STATES),
          limit: LIMIT,
          fields: FIELDS
        }),
        response: answers(RUNS)
      }
    },
    async ({ query: { job, state, limit } }, reply) =>
      share(
        reply,
        RUNS,
        { job, state, limit },
        async () => {
          const states = state === undefined ? undefined : [state]
          const [runs, requests, rowOf] = await Promise.all([
            reader.runs({ job, states, limit }),
            reader.runRequests(MAX_REQUESTS),
            rowsOf()
          ])
          return {
            runs: runs.map(rowOf),
            requests: requests.map(({ _id, requestedAt, ...request }) => ({
              run: _id,
              job: request.job,
              requestedAt: requestedAt.getTime(),
              error: request.error
            }))
          }
        },
        limit
      )
  )
  app.get(
    '/api/v1/batch/runs/:run',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'A run: its graph, its tasks with their attempts and the end of their output',
        params: path({ run: RUN_ID }),
        querystring: query({ fields: FIELDS }),
        response: answers(RUN_FACTS)
      }
    },
    async ({ params: { run: id } }, reply) => {
      if ((await reader.run(id)) === undefined) return sendProblems(reply, [noRun(id)], 404)
      return share(reply, RUN_FACTS, { id }, () => runFacts(id), COST)
    }
  )
  app.get(
    '/api/v1/batch/schedules',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Schedules, with the next times of each',
        querystring: query({ fields: FIELDS }),
        response: answers(SCHEDULES)
      }
    },
    async (_request, reply) =>
      share(reply, SCHEDULES, {}, async () => ({
        schedules: (await reader.schedules()).flatMap((stored) => scheduleRow(stored))
      }))
  )
  app.get(
    '/api/v1/batch/reports',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Reports of trading dates in the lake, the newest first',
        querystring: query({ fields: FIELDS }),
        response: answers(REPORTS)
      }
    },
    async (_request, reply) =>
      share(reply, REPORTS, {}, async () => ({
        reports: (await reports.list()).map((one) => ({
          ...one,
          page: reportPage(config.browserUrl, one.date)
        }))
      }))
  )
  app.get(
    '/api/v1/batch/reports/:date',
    {
      // A browser that opens it sends no header.
      config: { scope: 'read', takesTokenInAddress: true },
      helmet: REPORT_HEADERS,
      schema: {
        summary: 'The report of a trading date, as HTML that loads nothing',
        params: path({ date: TRADE_DATE }),
        response: {
          200: { description: 'The report', content: { 'text/html': { schema: Type.String() } } },
          ...ERRORS
        }
      }
    },
    async ({ params: { date } }, reply) => {
      const html = await reports.html(date)
      if (html === undefined) {
        const message = `date: there is no report of ${date}, expected one of /api/v1/batch/reports`
        return sendProblems(reply, [{ field: 'date', message }], 404)
      }
      return reply
        .headers({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' })
        .send(html)
    }
  )
  app.post(
    '/api/v1/batch/runs',
    {
      config: { scope: 'write' },
      schema: {
        summary: 'Asks for a run of a job; a beat makes it',
        body: object({
          job: text,
          parameters: Type.Optional(Type.Record(Type.String(), Type.String()))
        }),
        response: answers(STARTED)
      }
    },
    async ({ body }, reply) => {
      const asked = requestOf(body)
      if (asked.problems !== undefined) return sendProblems(reply, asked.problems, 400)
      const at = new Date(clock.now()).toISOString()
      const run = `${asked.job}@${at}-${randomBytes(3).toString('hex')}`
      await reader.requestRun({ _id: run, job: asked.job, parameters: asked.parameters })
      return sendChange(reply, { run })
    }
  )
  app.post(
    '/api/v1/batch/runs/:run/stop',
    {
      config: { scope: 'write' },
      schema: {
        summary: 'Cancels a run that is not over; its tasks are ended by their workers',
        params: path({ run: RUN_ID }),
        response: answers(STOPPED)
      }
    },
    async ({ params: { run: id } }, reply) => {
      if (await reader.cancelRun(id, 'stopped over HTTP')) return sendChange(reply, { run: id })
      const run = await reader.run(id)
      if (run === undefined) return sendProblems(reply, [noRun(id)], 404)
      const message = `run: ${id} has ${run.state}, expected one that is queued or running`
      return sendProblems(reply, [{ field: 'run', message }], 409)
    }
  )

  async function runFacts(id: string): Promise<RunAnswer> {
    const [run, stored, rowOf] = await Promise.all([reader.run(id), reader.taskRuns(id), rowsOf()])
    if (run === undefined) throw Object.assign(new Error(noRun(id).message), { statusCode: 404 })
    const after = new Map(run.tasks.map((task) => [task.name, task.after]))
    const states = new Map(stored.map(({ task, state }) => [task, state]))
    return {
      tasks: stored.map((task) => ({
        task: task.task,
        after: [...(after.get(task.task) ?? [])],
        isErrorHandler: !after.has(task.task),
        state: task.state,
        attempt: task.attempt,
        owner: task.owner,
        notBefore: timeOf(task.notBefore),
        startedAt: timeOf(task.startedAt),
        endedAt: timeOf(task.endedAt),
        command: task.command === null ? null : [...task.command],
        exitCode: task.exitCode,
        error: task.error,
        tail: task.tail,
        attempts: task.attempts.map((one) => ({
          attempt: one.attempt,
          owner: one.owner,
          startedAt: one.startedAt.getTime(),
          endedAt: one.endedAt.getTime(),
          exitCode: one.exitCode,
          error: one.error,
          tail: one.tail
        }))
      })),
      run: { ...rowOf(run), parameters: { ...run.parameters } },
      graph: drawGraph({ name: run.job, kind: run.kind, tasks: run.tasks }, states)
    }
  }
}

function scheduleRow(stored: ScheduleRead): SchedulesAnswer['schedules'] {
  const nowMs = stored.now.getTime()
  const file = JSON.stringify({ [stored._id]: JSON.parse(stored.definition) as unknown })
  return readSchedules(file, nowMs).map((schedule) => ({
    schedule: schedule.name,
    job: schedule.job,
    rule: schedule.text,
    zone: schedule.zone,
    misfire: schedule.misfire,
    next: nextOccurrences(schedule, nowMs, SHOWN_TIMES),
    lastOccurrence: timeOf(stored.lastOccurrence),
    error: stored.error
  }))
}

type RunRequest =
  | {
      readonly job: string
      readonly parameters: Readonly<Record<string, string>>
      readonly problems?: undefined
    }
  | { readonly problems: readonly RequestProblem[] }

function requestOf(body: unknown): RunRequest {
  const problems: RequestProblem[] = []
  const problem = (field: string, message: string): void =>
    void problems.push({ field, message: `${field}: ${message}` })
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    problem('body', 'not an object, expected {"job":"nightly"}')
    return { problems }
  }
  const { job, parameters = {}, ...others } = body as Readonly<Record<string, unknown>>
  for (const name of Object.keys(others)) {
    problem(name, 'not a field of this request, expected job and parameters')
  }
  const isName = typeof job === 'string' && BATCH_NAME.test(job)
  if (!isName) problem('job', `no name of a job, expected ${BATCH_NAME_RULE}`)
  const pairs = isObject(parameters) ? Object.entries(parameters) : undefined
  if (pairs?.every(([, value]) => typeof value === 'string') !== true) {
    problem('parameters', 'not texts by name, expected {"parameters":{"date":"2026-11-27"}}')
  } else if (JSON.stringify(pairs).length > MAX_PARAMETERS) {
    problem('parameters', `too long, expected at most ${MAX_PARAMETERS} characters`)
  }
  if (problems.length > 0 || !isName) return { problems }
  return { job, parameters: parameters as Readonly<Record<string, string>> }
}

function noRun(id: string): RequestProblem {
  return {
    field: 'run',
    message: `run: there is no run '${id}', expected one of /api/v1/batch/runs`
  }
}

function sendChange(reply: FastifyReply, change: { readonly run: string }): FastifyReply {
  return reply.header('cache-control', 'no-store').send(change)
}

function timeOf(date: Date | null): number | null {
  return date === null ? null : date.getTime()
}
